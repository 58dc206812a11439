r"""What wrong labels cost a model, and what correcting the first suspects brings back.

    python -m benchmarks.label_noise shared/data/catdog --share 0.15 --correct 400 --seeds 17 18 19

The folder has train/ and test/ with class folders. For each seed a share of the training photos is
put under another class, and three data sets are trained on, a pretrained network that stays as it
is with a head on its features: the photos as they are ("clean"); with the swapped labels
("swapped"); and with the true label in place of each of the first so many that
`evaluate --suspects` lists of the second model ("corrected"), as somebody would give who looks at
them. Of each, the accuracy on the test photos, in per cent. The division and the weights have the
same seed; each training and the list are whole commands. Each seed prints a line of JSON; then come
the means, and by how much each arm differs from the clean labels, with the standard deviation.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.suspects import flipped_copy

HERE = Path(__file__).resolve().parent.parent
ARMS = ("clean", "swapped", "corrected")


def imgclf(work: Path, *arguments: str) -> dict[str, Any]:
    """What a command prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "imgclf", *arguments, "--json"],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 4):
        sys.exit(f"imgclf {' '.join(arguments)}: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_accuracy(work: Path, photos: Path, arm: str, seed: int) -> float:
    """Of a training on a folder with train/ and test/, in per cent."""
    changes = [
        f"name={arm}",
        f"data.directory={photos}",
        f"data.seed={seed}",
        f"training.seed={seed}",
        "callbacks.TensorBoard=none",
    ]
    options = [text for change in changes for text in ("--set", change)]
    config = str(HERE / "configs/pretrained.yaml")
    done = imgclf(work, "train", config, "--replay-memory", "0", *options)
    return 100 * float(done["test_scores"]["accuracy"])


def copies(source: Path, work: Path, share: float, seed: int) -> tuple[dict[str, Path], set[str]]:
    """The three data sets as links, the third as the second still, and what is swapped in it."""
    folders = {arm: work / "photos" / arm for arm in ARMS}
    for arm in ARMS:
        swapped = flipped_copy(source / "train", folders[arm] / "train", share, seed)
        if arm == "clean":
            give_back(folders[arm] / "train", swapped)
        (folders[arm] / "test").symlink_to(source / "test")
    return folders, swapped


def give_back(train: Path, names: set[str]) -> int:
    """Puts links under the class that their photos have; returns how many were under another."""
    moved = 0
    for link in [one for one in train.glob("*/*") if one.name in names]:
        true = link.readlink().parent.name
        if link.parent.name != true:
            moved += 1
            shutil.move(link, train / true / link.name)
    return moved


def measured(source: Path, share: float, correct: int, seed: int) -> dict[str, Any]:
    """All arms by one seed."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        folders, swapped = copies(source, work, share, seed)
        accuracies = {arm: test_accuracy(work, folders[arm], arm, seed) for arm in ARMS[:2]}
        options = ["--model", "models/swapped.keras", "--top", str(correct)]
        found = imgclf(work, "evaluate", "--suspects", *options)
        listed = {Path(one["path"]).name for one in found["suspects"]}
        moved = give_back(folders["corrected"] / "train", listed)
        accuracies["corrected"] = test_accuracy(work, folders["corrected"], "corrected", seed)
    return {
        "seed": seed,
        "labels swapped": len(swapped),
        "listed": len(listed),
        "of them swapped": moved,
        **{arm: round(value, 2) for arm, value in accuracies.items()},
    }


def main() -> None:
    """Prints a line of JSON for each seed, then a line for each arm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="train/ and test/ in it, with class folders")
    parser.add_argument("--share", type=float, default=0.15, help="of the labels to swap")
    parser.add_argument("--correct", type=int, default=400, help="of the first suspects")
    parser.add_argument("--seeds", type=int, nargs="+", default=[17, 18, 19])
    given = parser.parse_args()
    rows = []
    for seed in given.seeds:
        rows.append(measured(given.photos.resolve(), given.share, given.correct, seed))
        print(json.dumps(rows[-1]), flush=True)
    clean = np.array([row["clean"] for row in rows])
    for arm in ARMS:
        found = np.array([row[arm] for row in rows])
        spread = found.std(ddof=1) if len(found) > 1 else 0.0
        less = (found - clean).mean()
        print(f"{arm:10} {found.mean():.2f} +- {spread:.2f}, {less:+.2f} beside clean labels")


if __name__ == "__main__":
    main()
