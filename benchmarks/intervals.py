"""Do 95 % intervals hold what they promise? Scores of pictures held out, against the rest's.

    imgclf evaluate shared/data/clothing/test --json > clothing.json    # or --cross-validate 5
    python benchmarks/intervals.py clothing.json [...]

Of a model's answers, of which the confusion matrix says all that matters, a tenth is drawn 200
times, and it is counted how often the tenth's interval holds the score of the nine tenths that are
left ("as printed"); for three seeds of these draws. The rest is a sample itself: the two scores
differ by a standard error that is sqrt(1 + 1/9) times the tenth's own, so that an interval that is
exactly right for the score on all such pictures holds the rest's in 93.7 % and not in 95 %.
Counted with the rest's interval taken into account ("two samples": Zou and Donner 2008,
Construction of confidence limits about effect measures), it is 95 %. Between 92 and 98 % is wanted.
200 draws are off by 1.7 % themselves; for accuracy, what all possible draws come to is counted as
well ("all draws").

Seconds.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from imgclf.model.averaged_scores import averaged_scores
from imgclf.model.intervals import Interval, wilson

SPLITS = 200
SEEDS = (1, 2, 3)
SHARE = 10


def answers(file: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True and given classes, shape (pictures,) each."""
    stored = json.loads(file.read_text())
    confusion = np.array(stored.get("evaluation", stored)["confusion_matrix"])
    truth, said = np.indices(confusion.shape)
    cells = confusion.ravel()
    return np.repeat(truth.ravel(), cells), np.repeat(said.ravel(), cells)


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


def coverage_of_all_draws(labels: NDArray[np.int64], said: NDArray[np.int64]) -> float:
    """How often accuracy's interval, as printed, holds the rest's: by how many mistakes it drew."""
    pictures, wrong = len(labels), int((labels != said).sum())
    drawn = pictures // SHARE
    held = 0.0
    for mistakes in range(max(0, drawn - pictures + wrong), min(wrong, drawn) + 1):
        ways = math.comb(wrong, mistakes) * math.comb(pictures - wrong, drawn - mistakes)
        interval = wilson(drawn - mistakes, drawn)
        rest = 1 - (wrong - mistakes) / (pictures - drawn)
        held += ways / math.comb(pictures, drawn) * (interval.low <= rest <= interval.high)
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("answers", nargs="+", type=Path, help="what evaluate --json printed")
    for file in parser.parse_args().answers:
        labels, said = answers(file)
        right = (labels == said).mean()
        print(f"{file}: {len(labels)} answers, {right:.1%} right; {len(labels) // SHARE} held out")
        print(f"  accuracy           all draws    {coverage_of_all_draws(labels, said):.1%}")
        found = [coverage(labels, said, seed) for seed in SEEDS]
        for name in found[0]:
            for way, how in enumerate(("as printed", "two samples")):
                shares = [one[name][way] for one in found]
                seeds = ", ".join(f"{share:.1%}" for share in shares)
                print(f"  {name:18} {how:12} {mean(shares):.1%}  (seeds: {seeds})", flush=True)


if __name__ == "__main__":
    main()
