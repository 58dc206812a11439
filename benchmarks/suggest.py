"""Fifty labels chosen by `predict --suggest` against fifty at random: accuracy after training.

    python benchmarks/suggest.py shared/data/clothing/train shared/data/clothing/test [--known 100]

For each seed a model is trained on some pictures, drawn at random, as `imgclf init` proposes. Of
all others `imgclf predict --suggest` chooses; beside it, so many are drawn at random, ten times
over. A linear head on features of EfficientNetLite0 is then solved on the known pictures and the
chosen ones and judged by the test part. A line of JSON for each seed: the accuracy before, with the
suggested ones, and with those at random, as mean and best of the draws.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from imgclf.backbones.as_it_came import features_as_it_came
from imgclf.data.labelled import scan_labelled
from imgclf.data.picture_files import Picture
from imgclf.model.logistic_regression import fit_logistic_regression

DRAWS = 10


class Judge:
    """A linear head on features of all pictures, judged by the test part."""

    def __init__(self, training: list[Picture], test: list[Picture], num_classes: int) -> None:
        features = features_as_it_came([*training, *test], "pad").astype(np.float32)
        seen = features[: len(training)]
        features = (features - seen.mean(axis=0)) / np.sqrt(seen.var(axis=0) + 1e-3)
        self._training, self._test = features[: len(training)], features[len(training) :]
        self._labels = np.array([picture.label for picture in training])
        self._truth = np.array([picture.label for picture in test])
        self._num_classes = num_classes

    def accuracy(self, places: np.ndarray) -> float:
        """Of a head that has learned from these."""
        head = fit_logistic_regression(
            self._training[places], self._labels[places], self._num_classes
        )
        return float((head.logits(self._test).argmax(axis=1) == self._truth).mean())


def imgclf(work: Path, *arguments: object) -> str:
    return subprocess.run(
        [sys.executable, "-m", "imgclf", *map(str, arguments)],
        cwd=work,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def suggested(
    work: Path, training: list[Picture], known: np.ndarray, classes: list[str], count: int
) -> np.ndarray:
    """Places of the pictures that a model of the known ones suggests."""
    for place in known.tolist():
        link = work / "known" / classes[training[place].label] / f"{place}.jpg"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(training[place].path.absolute())
    (work / "pool").mkdir()
    for place in np.setdiff1d(np.arange(len(training)), known).tolist():
        (work / "pool" / f"{place}.jpg").symlink_to(training[place].path.absolute())
    imgclf(work, "init", "known")
    imgclf(work, "train", "known.yaml")
    rows = imgclf(work, "predict", "pool", "--suggest", count, "--format", "jsonl").splitlines()
    return np.array([int(Path(json.loads(row)["path"]).stem) for row in rows])


def divided(
    random: np.random.Generator, training: list[Picture], known: int
) -> tuple[np.ndarray, np.ndarray]:
    """So many places at random, three at least of each class, for a training; and the others."""
    order = random.permutation(len(training))
    labels = np.array([training[place].label for place in order])
    first = [order[np.flatnonzero(labels == label)[:3]] for label in np.unique(labels)]
    ranked = np.array(list(dict.fromkeys([*np.concatenate(first).tolist(), *order.tolist()])))
    return ranked[:known], ranked[known:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("training", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--known", type=int, default=100)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[17, 18, 19])
    arguments = parser.parse_args()
    classes = sorted(path.name for path in arguments.training.iterdir() if path.is_dir())
    training, test = (
        list(scan_labelled(part, classes)[0]) for part in (arguments.training, arguments.test)
    )
    judge = Judge(training, test, len(classes))
    for seed in arguments.seeds:
        random = np.random.default_rng(seed)
        known, others = divided(random, training, arguments.known)
        with tempfile.TemporaryDirectory() as folder:
            chosen = suggested(Path(folder), training, known, classes, arguments.count)
        drawn = [
            judge.accuracy(np.concatenate([known, random.permutation(others)[: len(chosen)]]))
            for _ in range(DRAWS)
        ]
        line = {
            "seed": seed,
            "known": arguments.known,
            "chosen": len(chosen),
            "before": judge.accuracy(known),
            "suggested": judge.accuracy(np.concatenate([known, chosen])),
            "random": float(np.mean(drawn)),
            "best_of_random": max(drawn),
        }
        line["better_than"] = sum(one < line["suggested"] for one in drawn)
        print(json.dumps({k: round(v, 4) for k, v in line.items()}), flush=True)


if __name__ == "__main__":
    main()
