"""Swaps labels of real pictures and looks how many `evaluate --suspects` finds again, and how soon.

    python benchmarks/suspects.py shared/data/catdog/train [--seeds 17 18 19] [--share 0.05]

For each seed the data set is linked to, with a share of its labels swapped, and a small network
trained on it for an epoch, which is not measured and has no say: the pictures are judged on
features of a pretrained network. Then the whole command, as a process of its own:

first         on a machine that never prepared the pretrained network, with an empty cache
other photos  that network is prepared; the pictures have been trained on, and never looked at by it
again         the same once more

Precision is the share of swapped labels among the first so many suspects, where fewer are listed
as if right labels came after them; recall the share of all swapped labels that are among them. A
swapped label is not the only wrong one there may be. Each run prints a line of JSON, the means
come last.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from imgclf.data.labelled import scan_labelled

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "catdog.yaml"
TOPS = (20, 50, 100, 200)


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


def imgclf(work: Path, cache: Path, *arguments: str) -> tuple[str, dict[str, float]]:
    """What the command prints, and how long it took: by the clock, and of all processors."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    started, before = time.monotonic(), os.times()
    done = subprocess.run(
        [sys.executable, "-m", "imgclf", *arguments],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"imgclf {' '.join(arguments)}: {done.stderr}")
    after = os.times()
    processors = after.children_user + after.children_system
    processors -= before.children_user + before.children_system
    return done.stdout, {"seconds": time.monotonic() - started, "of processors": processors}


def scores(found: dict[str, Any], swapped: set[str]) -> dict[str, float]:
    """What the list is worth."""
    hits = np.array([Path(one["path"]).name in swapped for one in found["suspects"]])
    result = {
        "swapped": len(swapped),
        "contradicted": found["contradicted"],
        "estimated": found["estimated_label_errors"],
        "agreement": found["agreement"],
        "precision of all": hits.mean() if len(hits) else 0.0,
        "recall of all": hits.sum() / len(swapped),
    }
    for top in TOPS:
        result[f"precision at {top}"] = hits[:top].sum() / top
        result[f"recall at {top}"] = hits[:top].sum() / len(swapped)
    return result


def main() -> None:
    """Prints a line of JSON for each run, and the means of each arm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="class folders")
    parser.add_argument("--share", type=float, default=0.05, help="of the labels to swap")
    parser.add_argument("--seeds", type=int, nargs="+", default=[17, 18, 19], help="of the swaps")
    parser.add_argument("--folds", type=int)
    parser.add_argument("--repeats", type=int)
    given = parser.parse_args()
    options = [
        text
        for name in ("folds", "repeats")
        if (value := getattr(given, name)) is not None
        for text in (f"--{name}", str(value))
    ]
    rows: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        caches = {"first": Path(folder, "empty"), "other photos": Path(folder, "prepared")}
        caches["again"] = caches["other photos"]
        for seed in given.seeds:
            work = Path(folder, str(seed))
            swapped = flipped_copy(given.directory, work / "photos", given.share, seed)
            small = ["data.directory=photos", "data.image_size=32", "training.epochs=1"]
            changes = [text for change in small for text in ("--set", change)]
            imgclf(work, caches["first"], "train", str(CONFIG), *changes)
            untouched = Path(folder, "untouched")
            shutil.copytree(work, untouched, symlinks=True)
            for arm, cache in caches.items():
                if arm == "other photos":
                    if not cache.exists():
                        shutil.copytree(caches["first"], cache)
                    shutil.rmtree(work)
                    untouched.rename(work)
                command = ["evaluate", "--suspects", "--json", "--top", "100000", *options]
                printed, times = imgclf(work, cache, *command)
                row = {**times, **scores(json.loads(printed), swapped)}
                rows.setdefault(arm, []).append(row)
                line = {"arm": arm, "seed": seed, **row}
                print(json.dumps(line, default=float), flush=True)
            shutil.rmtree(caches["first"])
            shutil.rmtree(work)
    for arm, several in rows.items():
        means = {name: round(float(np.mean([row[name] for row in several])), 3) for name in row}
        print(json.dumps({"arm": arm, "means of": len(several), **means}))


if __name__ == "__main__":
    main()
