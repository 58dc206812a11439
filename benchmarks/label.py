"""Labels photos from nothing, as somebody would, and counts the clicks until a model is good.

    python benchmarks/label.py shared/data/catdog/train shared/data/catdog/test [--counts 10 20 30]

The training pictures lie in one folder without their labels. `imgclf label` writes a page; whoever
labels it knows every picture, presses a key for each and saves the table, which the next call gets.
After each page `imgclf init` and `imgclf train` make a model of the table, and `imgclf evaluate`
judges it by the test part, of which nothing else knows. A click is a key for a picture to learn
from; those that only judge, drawn at random, are counted apart. Each page prints a line of JSON;
the last line says how many clicks it took to come to the target and to stay there.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def photos_without_labels(source: Path, target: Path) -> dict[str, str]:
    """Links to the pictures of class folders, all in one folder; what each of them is."""
    target.mkdir()
    truth = {}
    for number, picture in enumerate(sorted(source.glob("*/*"))):
        link = target / f"{number}{picture.suffix}"
        link.symlink_to(picture.absolute())
        truth[str(link)] = picture.parent.name
    return truth


def imgclf(work: Path, *arguments: object) -> dict[str, Any]:
    """What the command prints, as JSON where it prints that."""
    done = subprocess.run(
        [sys.executable, "-m", "imgclf", *map(str, arguments)],
        cwd=work,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout)) if "--json" in arguments else {}


def save_labels(page: Path, truth: dict[str, str]) -> Path:
    """What a click on Save writes when every picture has its label."""
    found = re.search(r'<script type="application/json" id="review">(.*?)<', page.read_text())
    assert found is not None
    data = json.loads(found[1])
    new = zip(data["paths"], data["labelling"]["parts"], strict=True)
    lines = [*data["labelling"]["earlier"], *([path, truth[path], part] for path, part in new)]
    table = page.with_name(data["file"])
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "part"), *lines])
    return table


def trained_accuracy(work: Path, table: Path, test: Path) -> float:
    """On the test part, of a model that was trained on the table by what `init` proposes."""
    config = work / f"{table.stem}.yaml"
    imgclf(work, "init", "photos", "--set", f"data.table={table.name}", "--output", config.name)
    imgclf(work, "train", config.name)
    scores = imgclf(work, "evaluate", test, "--model", f"models/{table.stem}.keras", "--json")
    return float(scores["accuracy"])


def run(arguments: argparse.Namespace, count: int, work: Path) -> int | None:
    """Clicks until the target was reached for good; None if it never was."""
    truth = photos_without_labels(arguments.training.resolve(), work / "photos")
    classes = ",".join(sorted(set(truth.values())))
    reached: int | None = None
    state: list[object] = ["--classes", classes]
    for page in range(1, arguments.pages + 1):
        imgclf(work, "label", "photos", *state, "--review", "label.html", "--count", count)
        table = save_labels(work / "label.html", truth)
        state = ["--classes", classes, "--labels", table.name]
        told = imgclf(work, "label", "photos", *state, "--json")
        accuracy = trained_accuracy(work, table, arguments.test.resolve())
        clicks, judged = (sum(told[key].values()) for key in ("learned", "judged"))
        line = {"count": count, "page": page, "clicks": clicks, "judged": judged}
        line |= {"test": round(accuracy, 4), "told": told["accuracy"], "bounds": told["bounds"]}
        print(json.dumps(line | {"enough": told["enough"]}), flush=True)
        if accuracy < arguments.target:
            reached = None
        elif reached is None:
            reached = clicks
    return reached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("training", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[20])
    parser.add_argument("--pages", type=int, default=4)
    parser.add_argument("--target", type=float, default=0.97)
    arguments = parser.parse_args()
    for count in arguments.counts:
        with tempfile.TemporaryDirectory() as folder:
            clicks = run(arguments, count, Path(folder).resolve())
        print(json.dumps({"count": count, "target": arguments.target, "clicks": clicks}))


if __name__ == "__main__":
    main()
