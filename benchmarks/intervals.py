"""Do 95 % intervals hold what they promise? Scores of pictures held out, against the rest's.

    python benchmarks/intervals.py MODEL FOLDER [MODEL FOLDER ...]

Of a model's answers for the test pictures in a folder a tenth is drawn 200 times, and it is counted
how often the tenth's interval holds the score of the nine tenths that are left ("as printed"); for
three seeds of these draws. The rest is a sample itself: the two scores differ by a standard error
that is sqrt(1 + 1/9) times the tenth's own, so that an interval that is exactly right for the score
on all such pictures holds the rest's in 93.7 % and not in 95 %. Counted with the rest's interval
taken into account ("two samples": Zou and Donner 2008, Construction of confidence limits about
effect measures), it is 95 %. Between 92 and 98 % is wanted.

Seconds, without TensorFlow, after the answers.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from imgclf.data.dataset import read_labelled
from imgclf.model.averaged_scores import averaged_scores
from imgclf.model.intervals import Interval, wilson
from imgclf.model_file.classifier import open_classifier

SPLITS = 200
SEEDS = (1, 2, 3)
SHARE = 10


def answers(model: Path, folder: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True and given classes, shape (pictures,) each."""
    classifier = open_classifier(model)
    manifest = classifier.manifest
    part = read_labelled(folder, manifest.class_names, manifest.decoder.settings()).part
    return part.labels, classifier.probabilities_of(part.batches()).argmax(axis=1)


def scores(labels: NDArray[np.int64], said: NDArray[np.int64]) -> dict[str, tuple[float, Interval]]:
    """Each score with its interval, as `evaluate` prints them."""
    size = 1 + int(max(labels.max(), said.max()))
    cells = np.bincount(labels * size + said, minlength=size * size)
    right, averaged = int((labels == said).sum()), averaged_scores(cells.reshape(size, size))
    return {
        "accuracy": (right / len(labels), wilson(right, len(labels))),
        "balanced accuracy": (averaged.balanced_accuracy, averaged.balanced_accuracy_interval),
        "macro F1": (averaged.macro_f1, averaged.macro_f1_interval),
    }


def holds(one: tuple[float, Interval], rest: tuple[float, Interval]) -> tuple[bool, bool]:
    """Whether an interval holds the rest's score: as printed, and with the rest as a sample."""
    (score, interval), (other, others) = one, rest
    if other > score:
        reach, back = interval.high - score, other - others.low
    else:
        reach, back = score - interval.low, others.high - other
    apart = abs(other - score)
    return apart <= reach, apart <= np.hypot(reach, back)


def coverage(
    labels: NDArray[np.int64], said: NDArray[np.int64], seed: int
) -> dict[str, tuple[float, float]]:
    """How often each interval holds the rest's score, in both ways of counting."""
    random = np.random.default_rng(seed)
    held: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for _ in range(SPLITS):
        order = random.permutation(len(labels))
        parts = order[: len(labels) // SHARE], order[len(labels) // SHARE :]
        one, rest = (scores(labels[part], said[part]) for part in parts)
        for name in one:
            held[name].append(holds(one[name], rest[name]))
    return {name: tuple(np.mean(found, axis=0)) for name, found in held.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="+", type=Path, metavar="MODEL FOLDER")
    pairs = parser.parse_args().pairs
    for model, folder in zip(pairs[::2], pairs[1::2], strict=True):
        labels, said = answers(model, folder)
        print(f"{folder}: {len(labels)} answers of {model}, {len(labels) // SHARE} held out")
        found = [coverage(labels, said, seed) for seed in SEEDS]
        for name in found[0]:
            for way, how in enumerate(("as printed", "two samples")):
                shares = [one[name][way] for one in found]
                seeds = ", ".join(f"{share:.1%}" for share in shares)
                print(f"  {name:18} {how:12} {mean(shares):.1%}  (seeds: {seeds})", flush=True)


if __name__ == "__main__":
    main()
