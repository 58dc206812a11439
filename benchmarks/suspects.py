"""Flips labels of real pictures and looks how many `evaluate --suspects` finds again.

    python benchmarks/suspects.py shared/data/catdog/train [--seed 7] [--set training.epochs=60]

The data set is copied (as links) with a share of its labels swapped; all pictures are then judged
by cross-validation as the command does it. Precision is the share of swapped labels among the
first so many suspects, recall the share of all swapped labels that are among them. A repeat takes
about FOLDS - 1 times as long as a training.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.config.load import load_config
from imgclf.data.dataset import read_config_dataset
from imgclf.data.folder import scan_labelled
from imgclf.model.probabilities import Probabilities
from imgclf.suspects.confident_learning import estimated_label_errors, rank_suspects
from imgclf.suspects.cross_validation import out_of_fold_probabilities
from imgclf.suspects.find import FOLDS, all_judged
from imgclf.system import console


def flipped_copy(source: Path, target: Path, share: float, seed: int) -> set[str]:
    """Links to the pictures of class folders, some under another class; the names of those."""
    classes = sorted(folder.name for folder in source.iterdir() if folder.is_dir())
    pictures, _ = scan_labelled(source, classes)
    random = np.random.default_rng(seed)
    chosen = set(random.choice(len(pictures), round(share * len(pictures)), replace=False).tolist())
    flipped = set()
    for position, picture in enumerate(pictures):
        label = picture.label
        if position in chosen:
            label = (label + int(random.integers(1, len(classes)))) % len(classes)
        link = target / classes[label] / f"{position}-{picture.path.name}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(picture.path.absolute())
        if position in chosen:
            flipped.add(link.name)
    return flipped


def main() -> None:
    """Prints a line of JSON for each number of repeats."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="class folders")
    parser.add_argument("--config", type=Path, default=Path("configs/catdog.yaml"))
    parser.add_argument("--share", type=float, default=0.05, help="of the labels to swap")
    parser.add_argument("--seed", type=int, default=7, help="which labels are swapped")
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--cache", type=Path, help="keep what is known of each fold here")
    given = parser.parse_args()
    console.use(console.Console(sys.stderr))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "flipped")
        flipped = flipped_copy(given.directory, copy, given.share, given.seed)
        loaded = load_config(given.config, [*given.set, f"data.directory={copy}"])
        data = read_config_dataset(loaded.config.data)
        part = all_judged(data)
        wrong = np.array([picture.path.name in flipped for picture in part.pictures])
        seconds = 0.0
        for repeats in range(1, given.repeats + 1):
            started = time.monotonic()
            probabilities = out_of_fold_probabilities(
                loaded,
                part,
                len(data.folder.class_names),
                folds=given.folds,
                repeats=repeats,
                cache_directory=given.cache or Path(folder, "cache"),
            )
            seconds += time.monotonic() - started
            row = {"repeats": repeats, "seconds": round(seconds)}
            print(json.dumps(row | scores(probabilities, part.labels, wrong)), flush=True)


def scores(
    probabilities: Probabilities, labels: NDArray[np.int64], wrong: NDArray[np.bool_]
) -> dict[str, float]:
    """What the ranking is worth."""
    ranked, _ = rank_suspects(probabilities, labels)
    found = wrong[ranked]
    result = {
        "pictures": len(labels),
        "swapped": int(wrong.sum()),
        "contradicted": len(ranked),
        "estimated": estimated_label_errors(probabilities, labels),
        "agreement": round(float((probabilities.argmax(axis=1) == labels).mean()), 4),
    }
    for top in (20, 50, 100, 200):
        result[f"precision at {top}"] = round(float(found[:top].mean()), 4)
        result[f"recall at {top}"] = round(float(found[:top].sum() / wrong.sum()), 4)
    return result


if __name__ == "__main__":
    main()
