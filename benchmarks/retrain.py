"""Correcting mistakes, measured: ours beside the tutorial's way, on pictures never trained on.

    python benchmarks/retrain.py models/catdog.keras TEST_DIR --json catdog-0.json

TEST_DIR has a folder for each class. Of its pictures that the model has wrong, --corrections
are drawn and corrected; all the rest of TEST_DIR is scored before and after. The model and its
replay memory are copied first and stay as they are. Every correction is one `retrain` in this
process; --processes N times N corrections as whole processes, in turns with the tutorial's
script. --anew trains once more with the corrections added to the data: the upper bound, which
takes as long as a training.

The figures have the names of the model-editing literature (MEND: Mitchell et al., ICLR 2022;
SERAC: Mitchell et al., ICML 2022; retention as in GRACE: Hartvigsen et al., NeurIPS 2023):

edit success  share of the pictures that are right after their own command
retention     share of those that are still right at the end
drawdown      accuracy on the other pictures at the end, less that at the start, in points
generality    share of five light variants of them that are right at the end: mirrored, turned
              by 5 degrees, cropped by 10 %, 15 % brighter and darker
flips         how many of the other pictures' answers became right or wrong
"""

import argparse
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from imgclf.backend import keras
from imgclf.commands.retrain import Retrained, retrain
from imgclf.commands.train import train
from imgclf.commands.versions import rollback
from imgclf.config.yaml_scalars import write_yaml
from imgclf.corrections.inputs import Labelled
from imgclf.data.decoder import decode
from imgclf.data.labelled import scan_labelled
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.keras_io import load_keras_model

HERE = Path(__file__).parent
Row = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """Test pictures, decoded once, and which of them are to be corrected."""

    paths: list[Path]
    pixels: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    right_before: np.ndarray
    chosen: np.ndarray

    def others(self) -> np.ndarray:
        mask = np.ones(len(self.labels), bool)
        mask[self.chosen] = False
        return mask

    def labelled(self, indices: Sequence[int], labels: Sequence[int] | None = None) -> list:
        said = self.labels[list(indices)].tolist() if labels is None else labels
        return [
            Labelled(self.paths[index], self.class_names[label])
            for index, label in zip(indices, said, strict=True)
        ]


def prepare(model: Path, directory: Path, corrections: int, seed: int) -> Task:
    classifier = open_classifier(model)
    manifest = classifier.manifest
    pictures, _ = scan_labelled(directory, manifest.class_names)
    pixels = np.stack([decode(one.path, manifest.decoder.settings()) for one in pictures])
    labels = np.array([one.label for one in pictures])
    right = given(model, pixels) == labels
    chosen = np.random.default_rng(seed).permutation(np.flatnonzero(~right))[:corrections]
    paths = [one.path for one in pictures]
    return Task(paths, pixels, labels, manifest.class_names, right, chosen)


def given(model: Path, pixels: np.ndarray) -> np.ndarray:
    """The classes that the model file gives to pictures."""
    classifier = open_classifier(model)
    batches = (pixels[start : start + 32] for start in range(0, len(pixels), 32))
    return classifier.probabilities_of(batches).argmax(axis=1)


def given_by_keras(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    outputs = model.predict(pixels, batch_size=32, verbose=0)
    return (outputs[:, 0] > 0.5).astype(int) if outputs.shape[1] == 1 else outputs.argmax(axis=1)


def light_variants(pixels: np.ndarray) -> list[np.ndarray]:
    picture = Image.fromarray(pixels)
    width, height = picture.size
    x, y = round(width * 0.05), round(height * 0.05)
    cropped = picture.crop((x, y, width - x, height - y))
    variants = (
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        picture.rotate(5, Image.Resampling.BILINEAR),
        cropped.resize((width, height), Image.Resampling.BILINEAR),
        ImageEnhance.Brightness(picture).enhance(1.15),
        ImageEnhance.Brightness(picture).enhance(0.85),
    )
    return [np.asarray(variant) for variant in variants]


def figures(task: Task, right_after: np.ndarray, answer: Any) -> Row:
    """The figures at the end; `right_after` says which corrections were right once made."""
    right = answer(task.pixels) == task.labels
    others = task.others()
    held = task.chosen[right_after]
    variants = [variant for index in held for variant in light_variants(task.pixels[index])]
    labels = np.repeat(task.labels[held], 5)
    general = (answer(np.stack(variants)) == labels).mean() if variants else 0.0
    start, end = task.right_before[others].mean(), right[others].mean()
    return {
        "corrections": len(task.chosen),
        "edit_success": float(right_after.mean()),
        "retention": float(right[held].mean()) if len(held) else 0.0,
        "start": float(start),
        "drawdown": 100 * float(end - start),
        "flips": int((right != task.right_before)[others].sum()),
        "generality": float(general),
    }


def one_by_one(task: Task, model: Path) -> Row:
    original = model.read_bytes()
    right_after, seconds = [], []
    for index in task.chosen.tolist():
        started = time.perf_counter()
        done = retrain(model, task.labelled([index]))
        seconds.append(time.perf_counter() - started)
        right_after.append(_right(done))
    row = figures(task, np.array(right_after, bool), lambda pixels: given(model, pixels))
    back = read_manifest(model).version > 1
    if back:
        rollback(model, 1)
    return row | {
        "seconds": sum(seconds),
        "seconds_each_median": float(np.median(seconds)),
        "rollback_is_byte_identical": model.read_bytes() == original,
    }


def all_at_once(task: Task, model: Path) -> Row:
    started = time.perf_counter()
    done = retrain(model, task.labelled(task.chosen.tolist()))
    seconds = time.perf_counter() - started
    outcomes = {picture.before.path: picture.outcome for picture in done.pictures}
    learned = [outcomes[str(task.paths[index])] == "corrected" for index in task.chosen]
    row = figures(task, np.array(learned, bool), lambda pixels: given(model, pixels))
    return row | {"seconds": seconds, "outcome": done.outcome}


def wrong_on_purpose(task: Task, model: Path, count: int, seed: int) -> Row:
    """Pictures that the model has right, corrected to something that they are not."""
    generator = np.random.default_rng(seed + 1)
    picked = generator.permutation(np.flatnonzero(task.right_before))[:count]
    classes = len(task.class_names)
    labels = (task.labels[picked] + generator.integers(1, classes, len(picked))) % classes
    done = retrain(model, task.labelled(picked.tolist(), labels.tolist()))
    rest = np.ones(len(task.labels), bool)
    rest[picked] = False
    right = given(model, task.pixels) == task.labels
    judged = done.judged
    return {
        "outcome": done.outcome,
        "accepted": sum(picture.outcome == "corrected" for picture in done.pictures),
        "drop_on_the_rest": 100 * float(task.right_before[rest].mean() - right[rest].mean()),
        "held_out_drop": 100 * (judged.before["(all)"] - judged.after["(all)"]) if judged else 0.0,
        "tolerance": 100 * judged.tolerance["(all)"] if judged else 0.0,
    }


def tutorial(task: Task, model: Path, epochs: int = 5) -> Row:
    """Fits on one picture after another, each alone."""
    network = load_keras_model(model)
    network.compile(optimizer=keras.optimizers.Adam(1e-3), loss=network.loss)
    right_after, seconds, on_the_way = [], [], {}
    others = task.others()
    for step, index in enumerate(task.chosen.tolist(), 1):
        picture, label = task.pixels[index][np.newaxis], task.labels[index]
        started = time.perf_counter()
        network.fit(
            picture.astype(np.float32), np.array([[label]], np.float32), epochs=epochs, verbose=0
        )
        seconds.append(time.perf_counter() - started)
        right_after.append(bool(given_by_keras(network, picture)[0] == label))
        if step in (1, 5, 20):
            right = given_by_keras(network, task.pixels[others]) == task.labels[others]
            on_the_way[step] = 100 * float(right.mean() - task.right_before[others].mean())
    row = figures(task, np.array(right_after), lambda pixels: given_by_keras(network, pixels))
    return row | {
        "seconds": sum(seconds),
        "seconds_each_median": float(np.median(seconds)),
        "drawdown_after": on_the_way,
    }


def trained_anew(task: Task, model: Path, folder: Path) -> Row:
    """The same recipe on the same data with the corrections in it."""
    manifest = read_manifest(model)
    assert manifest.data is not None
    data = folder / "dataset"
    shutil.copytree(manifest.data.directory, data)
    for index in task.chosen.tolist():
        label = task.class_names[task.labels[index]]
        shutil.copy(task.paths[index], data / label / f"correction-{task.paths[index].name}")
    config = folder / "anew.yaml"
    config.write_text(write_yaml(manifest.config))
    started = time.perf_counter()
    with chdir(folder):
        done = train(config, ["data.directory=dataset", "name=anew"])
    seconds = time.perf_counter() - started
    answer = given(folder / done.model, task.pixels)
    right_after = answer[task.chosen] == task.labels[task.chosen]
    row = figures(task, right_after, lambda pixels: given(folder / done.model, pixels))
    return row | {"seconds": seconds}


def whole_processes(task: Task, model: Path, count: int) -> Row:
    """Seconds of whole processes, ours and the tutorial's in turns."""
    ours: list[float] = []
    theirs: list[float] = []
    for index in task.chosen.tolist()[:count]:
        picture, label = str(task.paths[index]), int(task.labels[index])
        name = task.class_names[label]
        retrain_it = ["-m", "imgclf", "retrain", picture, "--label", name, "--model", str(model)]
        script = [str(HERE / "tutorial_retrain.py"), str(model), picture, str(label)]
        for command, seconds in ((retrain_it, ours), (script, theirs)):
            started = time.perf_counter()
            done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
            seconds.append(time.perf_counter() - started)
            if done.returncode:
                raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stderr}")
    ratios = np.array(ours) / np.array(theirs)
    return {
        "imgclf": ours,
        "tutorial": theirs,
        "ratio_median": float(np.median(ratios)),
        "ratio_of_best": min(ours) / min(theirs),
    }


def _right(done: Retrained) -> bool:
    [picture] = done.pictures
    return picture.after.label == picture.label


def copied(model: Path, folder: Path) -> Path:
    """A copy of a model and its memory, without its earlier versions."""
    target = folder / model.name
    history = folder / f"{model.stem}.history"
    history.mkdir(parents=True)
    shutil.copy(model, target)
    shutil.copy(model.with_suffix(".history") / "memory.npz", history)
    return target


def table(results: dict[str, Row]) -> str:
    columns = ("edit_success", "retention", "drawdown", "flips", "generality", "seconds")
    lines = [f"{'':<14}" + "".join(f"{name:>14}" for name in columns)]
    for name, row in results.items():
        if "drawdown" in row:
            cells = "".join(f"{row[column]:>14.3f}" for column in columns)
            lines.append(f"{name:<14}{cells}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("test_dir", type=Path)
    parser.add_argument("--corrections", type=int, default=50)
    parser.add_argument("--wrong", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of pictures")
    parser.add_argument("--processes", type=int, default=0, metavar="N")
    parser.add_argument("--no-tutorial", action="store_true")
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()

    # It warns of tracing anew, which a process that makes a model for each correction must do.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    task = prepare(asked.model, asked.test_dir, asked.corrections, asked.seed)
    print(
        f"{asked.model}: {len(task.labels)} pictures, {task.right_before.mean():.4f} right; "
        f"{len(task.chosen)} to correct"
    )
    results: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def run(arm: str, measure: Any, *arguments: Any) -> None:
            model = copied(asked.model, folder / arm)
            results[arm] = measure(task, model, *arguments)
            print(arm, json.dumps(results[arm]), flush=True)
            if asked.json:
                asked.json.write_text(json.dumps(results, indent=2) + "\n")

        run("one by one", one_by_one)
        run("all at once", all_at_once)
        run("wrong labels", wrong_on_purpose, asked.wrong, asked.seed)
        if not asked.no_tutorial:
            run("tutorial", tutorial)
        if asked.processes:
            run("processes", whole_processes, asked.processes)
        if asked.anew:
            run("trained anew", trained_anew, folder / "anew")
    print(table(results))


if __name__ == "__main__":
    main()
