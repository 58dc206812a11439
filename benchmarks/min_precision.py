r"""Is the precision kept that `--min-precision` promises, and how many pictures are answered?

    imgclf train configs/pretrained.yaml --set data.directory=../shared/data/clothing/train
    python -m benchmarks.min_precision models/pretrained.keras ../shared/data/clothing/train \
        ../shared/data/clothing/test --precision 0.9 0.95 --held-out 240

For each draw all pictures of these folders are divided: 40 % to train on, HELD_OUT to choose the
thresholds by, and the rest, on which it is measured what they come to. The head is multinomial
logistic regression on the features of the model's network, which stayed as it came; its temperature
is fitted on what is held out, as a training does, and the thresholds are those of
`class_thresholds`. Beside them stands what a plain share would choose: the lowest confidence,
common to all classes, from which on that share of the held-out answers is right.

A line for each precision: in how many of the draws the answers given on the rest were right that
often ("kept"; none given is kept), the mean precision of those answers, and the mean share of
pictures that were answered; the same of the plain share. The rest is a sample: where a threshold
keeps exactly what it promises, the rest shows less in half of the draws. So "kept beyond
chance" counts those in which the rest speaks against the promise, by a one-sided test at 5 %, as
broken. Features are computed once.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import decode
from imgclf.data.file_walk import walk_files
from imgclf.data.reading import in_batches
from imgclf.errors import PictureError
from imgclf.model.calibration import fit_temperature
from imgclf.model.class_thresholds import HeldOutAnswers, class_thresholds
from imgclf.model.engine import BATCH_SIZE, SplitEngine
from imgclf.model.logistic_regression import fit_logistic_regression, standardized
from imgclf.model.paired_test import CHANCE
from imgclf.model.precision_threshold import fewest_answers
from imgclf.model.probabilities import to_probabilities
from imgclf.model_file.classifier import open_classifier

TRAINED_ON = 0.4


def features_of(model: Path, folders: list[Path]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features of the pictures in class folders, (pictures, features), and labels."""
    classifier = open_classifier(model)
    engine, names = classifier.engine, classifier.manifest.class_names
    assert isinstance(engine, SplitEngine), f"{model} has no features"
    settings = classifier.manifest.decoder.settings()
    features, labels = [], []
    for folder in folders:
        paths = map(str, walk_files(folder, lambda _: None))
        for batch in in_batches(paths, lambda path: decode(path, settings), BATCH_SIZE):
            read = [(path, one) for path, one in batch if not isinstance(one, PictureError)]
            features.append(engine.run_with_features(np.stack([one for _, one in read]))[1])
            labels += [names.index(Path(path).parent.name) for path, _ in read]
    return np.concatenate(features), np.array(labels, np.int64)


def answers_of(
    features: NDArray[np.float32], labels: NDArray[np.int64], held_out: int, seed: int
) -> tuple[HeldOutAnswers, HeldOutAnswers]:
    """What a head says of the pictures held out, and of the rest."""
    order = np.random.default_rng(seed).permutation(len(labels))
    trained = round(TRAINED_ON * len(labels))
    parts = np.split(order, [trained, trained + held_out])
    head = fit_logistic_regression(features[parts[0]], labels[parts[0]], int(labels.max()) + 1)
    plain = [head.probabilities(features[part]) for part in parts[1:]]
    temperature = fit_temperature(plain[0], labels[parts[1]])
    said = [to_probabilities(one, "softmax", temperature) for one in plain]
    held, rest = (
        HeldOutAnswers(labels[part], one.argmax(axis=1), one.max(axis=1))
        for part, one in zip(parts[1:], said, strict=True)
    )
    return held, rest


def plain_limit(held: HeldOutAnswers, precision: float) -> float:
    """The lowest confidence from which on this share of the answers is right; infinite if none."""
    order = np.argsort(-held.confidence)
    right = np.cumsum((held.labels == held.said)[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(right >= precision)
    return float(held.confidence[order[enough[-1]]]) if len(enough) else np.inf


def speaks_against(right: int, given: int, precision: float) -> bool:
    """Whether so few are right that chance doesn't explain it."""
    wrong = given - right
    # As many mistakes or more: with the roles of right and wrong changed, few are right.
    return wrong > 0 and right > 0 and fewest_answers(1 - precision, right, CHANCE) <= given


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="on a pretrained network that stayed as it came")
    parser.add_argument("pictures", type=Path, nargs="+", help="in class folders")
    parser.add_argument("--precision", type=float, nargs="+", default=[0.9, 0.95, 0.99])
    parser.add_argument("--held-out", type=int, nargs="+", default=[120, 240, 400])
    parser.add_argument("--draws", type=int, default=200)
    given = parser.parse_args()
    features, labels = features_of(given.model, given.pictures)
    features = standardized(features)
    print(f"{len(labels)} pictures")
    for held_out in given.held_out:
        draws = [answers_of(features, labels, held_out, seed) for seed in range(given.draws)]
        accuracy = np.mean([(rest.labels == rest.said).mean() for _, rest in draws])
        print(f"{held_out} held out, {len(draws[0][1].said)} others, {accuracy:.1%} right of all")
        for precision in given.precision:
            print(f"  {precision}: {_line(draws, precision)}", flush=True)


def _line(draws: list[tuple[HeldOutAnswers, HeldOutAnswers]], precision: float) -> str:
    names = [str(place) for place in range(1 + max(int(one[0].labels.max()) for one in draws))]
    parts = []
    for way in ("promised", "plain share"):
        kept, beyond_chance, answered, found = [], [], [], []
        for held, rest in draws:
            if way == "promised":
                limits = np.array(list(class_thresholds(held, names, precision).limits.values()))
            else:
                limits = np.full(len(names), plain_limit(held, precision))
            chosen = rest.confidence >= limits[rest.said]
            right, count = int((rest.labels == rest.said)[chosen].sum()), int(chosen.sum())
            kept.append(not count or right / count >= precision)
            beyond_chance.append(not speaks_against(right, count, precision))
            answered.append(count / len(chosen))
            found += [right / count] if count else []
        parts.append(
            f"{way}: kept {np.mean(kept):.1%}, kept beyond chance {np.mean(beyond_chance):.1%}, "
            f"precision {np.mean(found) if found else np.nan:.4f}, "
            f"answered {np.mean(answered):.1%}"
        )
    return "; ".join(parts)


if __name__ == "__main__":
    main()
