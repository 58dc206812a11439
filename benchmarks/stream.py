r"""What corrections teach: a stream of pictures, each mistake corrected by its own command.

    python -m benchmarks.stream CLOTHING/train --set data.resize=pad

In each of --streams draws, COUNT pictures are trained on, COUNT others come as a stream, and what
is left is never corrected. A picture of the stream that the model in use has wrong is corrected
(`imgclf retrain`, in this process) before the next one comes. Beside it stands a model that was
trained on all 2 x COUNT pictures by the same config. The last line has the means, and

share       what the rest gained, as a share of what it gains if the whole stream is labelled
            and trained on, both summed over the streams
success     of the corrected pictures, right after their own command
retention   right at the end of the stream
reached     after how many corrections (looked at every 20, and at the end) the rest was first as
            right as after training on all 2 x COUNT; null if never, and then there is no mean
worst       the lowest point of the rest on the way, less where it began, mean of the streams
light, shifted, turned, encoded     of the corrected pictures, right at the end: mirrored, turned by
            5 degrees, cropped by 10 %, 15 % brighter and darker (the mean); moved by 10 % of the
            width; turned by 10 degrees; scaled to 0.9 and written as JPEG of quality 70
seconds     of one correction in this process
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import numpy as np
from PIL import Image, ImageEnhance

from benchmarks.train import files_below
from imgclf.commands.predict import predict
from imgclf.commands.retrain import retrain
from imgclf.commands.train import train
from imgclf.corrections.inputs import Labelled
from imgclf.model_file.classifier import open_classifier
from imgclf.system import console

CONFIG = Path(__file__).parent.parent / "configs/pretrained.yaml"
STEP = 20  # corrections between two looks at the rest

Row = dict[str, float | None]


def right(model: Path, paths: Sequence[Path], labels: Sequence[str]) -> list[bool]:
    """Whether the model has each of them right."""
    answers = predict(open_classifier(model), map(str, paths))
    return [one.label == label for one, label in zip(answers, labels, strict=True)]


def trained(files: Sequence[Path], name: str, seed: int, options: Sequence[str]) -> Path:
    """A model that was trained on these files, by the folders they are in."""
    folder = Path(name)
    for file in files:
        (folder / file.parent.name).mkdir(parents=True, exist_ok=True)
        (folder / file.parent.name / file.name).symlink_to(file)
    config = Path(f"{name}.yaml")
    shutil.copy(CONFIG, config)
    return train(config, [f"data.directory={name}", f"data.seed={seed}", *options]).model


def variants(file: Path, folder: Path) -> list[Path]:
    """The picture in eight other forms."""
    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    width, height = picture.size
    left, top = round(width * 0.05), round(height * 0.05)
    brightness = ImageEnhance.Brightness(picture)
    moved = Image.new("RGB", picture.size)
    moved.paste(picture, (round(width * 0.1), 0))
    forms = [
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        picture.rotate(5, Image.Resampling.BILINEAR),
        picture.crop((left, top, width - left, height - top)),
        brightness.enhance(1.15),
        brightness.enhance(0.85),
        moved,
        picture.rotate(10, Image.Resampling.BILINEAR),
    ]
    paths = [folder / f"{index}.png" for index in range(len(forms))]
    for form, path in zip(forms, paths, strict=True):
        form.save(path)
    picture.resize((round(width * 0.9), round(height * 0.9))).save(folder / "7.jpg", quality=70)
    return [*paths, folder / "7.jpg"]


def stream(pictures: Path, count: int, seed: int, options: Sequence[str]) -> Row:
    """One draw, in the working directory."""
    files = [path.resolve() for path in files_below(pictures)]
    random.Random(seed).shuffle(files)
    first, coming, rest = files[:count], files[count : 2 * count], files[2 * count :]
    labels = [path.parent.name for path in rest]
    model = trained(first, "first", seed, options)
    whole = trained([*first, *coming], "whole", seed, options)
    before, ceiling = mean(right(model, rest, labels)), mean(right(whole, rest, labels))
    corrected: list[Path] = []
    successes, seconds, course = [], [], [before]
    for path in coming:
        label = path.parent.name
        if right(model, [path], [label])[0]:
            continue
        start = time.perf_counter()
        retrain(model, [Labelled(path, label)])
        seconds.append(time.perf_counter() - start)
        corrected.append(path)
        successes += right(model, [path], [label])
        if len(corrected) % STEP == 0:
            course.append(mean(right(model, rest, labels)))
    after = mean(right(model, rest, labels))
    looked = [STEP * index for index in range(len(course))] + [len(corrected)]
    course.append(after)
    held = right(model, corrected, [path.parent.name for path in corrected])
    forms: list[list[bool]] = []
    for path in corrected:
        with tempfile.TemporaryDirectory() as folder:
            forms.append(right(model, variants(path, Path(folder)), [path.parent.name] * 8))
    by_form = np.array(forms).mean(axis=0)
    return {
        "corrected": len(corrected),
        "before": before,
        "after": after,
        "whole": ceiling,
        "success": mean(successes),
        "retention": mean(held),
        "reached": next((n for n, at in zip(looked, course, strict=True) if at >= ceiling), None),
        "worst": min(course) - before,
        "light": float(by_form[:5].mean()),
        "shifted": float(by_form[5]),
        "turned": float(by_form[6]),
        "encoded": float(by_form[7]),
        "seconds": mean(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, help="pictures in class folders")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--streams", type=int, default=10)
    parser.add_argument("--set", dest="options", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    pictures, before = given.pictures.resolve(), Path.cwd()
    console.use(console.Console(None, terminal=False, quiet=True))
    rows = []
    for seed in range(given.streams):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            rows.append(stream(pictures, given.count, seed, given.options))
            os.chdir(before)
        print(json.dumps(rows[-1]), flush=True)
    means = {}
    for key in rows[0]:
        values = [value for row in rows if (value := row[key]) is not None]
        if len(values) == len(rows):
            means[key] = mean(values)
    gained, possible = means["after"] - means["before"], means["whole"] - means["before"]
    print(json.dumps({"streams": len(rows), **means, "share": gained / possible}))


if __name__ == "__main__":
    main()
