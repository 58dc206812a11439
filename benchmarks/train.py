"""Training, measured as a user waits for it: imgclf's command beside the tutorial's script.

    python benchmarks/train.py steady PICTURES --repeats 3
    python benchmarks/train.py photos TWELVE_MEGAPIXELS
    python benchmarks/train.py memory PICTURES
    python benchmarks/train.py start PICTURES
    python benchmarks/train.py overhead PICTURES
    python benchmarks/train.py accuracy PICTURES
    python benchmarks/train.py generalization PICTURES --test OTHERS

PICTURES has a folder for each class. Every arm is a process of its own in a temporary working
directory, on a terminal of its own so that progress bars are drawn, and the arms take turns. The
real command trains a copy of the config with one more callback, `Times` of tutorial_epochs.py,
which the tutorial's script has, too. "imgclf" is the config as it is; --precision adds arms. Each
run prints a JSON line; at the end come the medians, and in brackets their ratios to the last arm.

steady    Whole epochs after the first, from one's beginning to the next one's: with validation,
          progress, checkpoints and commits. The first decodes and traces; it is left out.
          `training_seconds` is the part from the beginning to the end of the last step.
          Pictures per second count four fifths of PICTURES, which are trained on.
photos    The first epoch on large photos, of which as many copies as --count says are made.
          `first_epoch` is everything from the command to the end of the first epoch, imports,
          decoding, tracing, validation and commit. `pictures_per_second` is by the same time less
          that of a training on six thumbnails, and counts those validated on, which are decoded as
          well. The files are in the page cache. "again" is a second run on the same photos, with
          imgclf's own cache of decoded pictures; the tutorial's script has none that lasts.
memory    Peak anonymous memory (RssAnon every 20 ms) of the whole process with its threads, until
          the end of the training and until the end of all. The page cache, in which both read the
          files and imgclf has its decoded pictures, is not counted: it is given up on demand.
          Let TMPDIR be on a disk: pages of a file system in memory are not given up.
start     From the command to the end of the first step; imgclf's cache is warm. The other arms
          are plain_start.py's.
overhead  What is neither a step nor validation in whole epochs after the first. `callbacks` is
          the share of the time inside of Keras's calls to callbacks, those of batches included;
          `rest` what Keras and making batches take around steps and validation. Threads (the bar's)
          that slow down the steps do not show in these shares but in the ratio of imgclf's epochs
          to those of "bare": the same command, network and batches, with `fit` given no callbacks.
accuracy  Validation accuracy over whole trainings, of both arms on the same division of PICTURES.
generalization
          What is right of the pictures in OTHERS, which nothing was chosen by: imgclf's published
          model, and tutorial_train.py's at its best epoch and at its last.
"""

import argparse
import json
import os
import pty
import random
import shutil
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
Row = dict[str, Any]
Arms = dict[str, Callable[[], Row]]
Rows = dict[str, list[Row]]


class Process:
    """One process, run to its end on a terminal of its own.

    Attributes:
        spawned: When it was started, on the clock of `time.perf_counter`.
        seconds: From then to its end.
        times: What `Times` or plain_start.py wrote, if one of them is in it.
        memory: Moments and anonymous memory in MB, if asked for.
    """

    def __init__(
        self,
        command: list[str],
        work: Path,
        *,
        memory: bool = False,
        timed: bool = True,
        environment: dict[str, str] | None = None,
    ) -> None:
        saved = work / "times.json"
        saved.unlink(missing_ok=True)
        ours, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, (40, 120))
        said = bytearray()
        reader = threading.Thread(target=_read_all, args=(ours, said))
        self.memory: list[tuple[float, float]] = []
        self.spawned = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            env={"TERM": "xterm-256color", **os.environ, **(environment or {})},
        )
        os.close(terminal)
        reader.start()
        while memory and process.poll() is None:
            self._sample(Path(f"/proc/{process.pid}/status"))
            time.sleep(0.02)
        status = process.wait()
        self.seconds = time.perf_counter() - self.spawned
        reader.join()
        os.close(ours)
        if status or (timed and not saved.exists()):
            raise SystemExit(f"{command} ended with {status}:\n{said.decode(errors='replace')}")
        self.times: Row = json.loads(saved.read_text()) if timed else {}

    def _sample(self, status: Path) -> None:
        for line in status.read_text().splitlines():
            if line.startswith("RssAnon:"):  # not there any more when the process is ending
                self.memory.append((time.perf_counter(), int(line.split()[1]) / 1024))

    def steady_epochs(self) -> list[tuple[Row, float]]:
        """The epochs after the first, with their seconds until the next one's beginning."""
        epochs = self.times["epochs"]
        ends = [*(epoch["begin"] for epoch in epochs[1:]), self.times["train_end"]]
        seconds = [end - epoch["begin"] for epoch, end in zip(epochs, ends, strict=True)]
        return list(zip(epochs, seconds, strict=True))[1:]


def _read_all(terminal: int, said: bytearray) -> None:
    try:
        while some := os.read(terminal, 65536):
            said += some
            del said[:-20000]
    except OSError:
        pass  # how Linux says that the other side is closed


class Trainings:
    """Starts trainings of both kinds, each in a working directory below one temporary folder."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self.folder = folder
        self.config = given.config.read_text()
        if "\ncallbacks:" in self.config:
            raise SystemExit(f"{given.config} has callbacks; this adds its own")
        self.options = given.overrides

    def directory(self) -> Path:
        """A new working directory."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def imgclf(
        self,
        pictures: Path,
        epochs: int,
        *,
        options: list[str] | None = None,
        work: Path | None = None,
        stop: str = "fit",
        bare: bool = False,
        memory: bool = False,
    ) -> Process:
        work = work or self.directory()
        times = {f"{HERE / 'tutorial_epochs.py'}:Times": {"save": "times.json", "stop": stop}}
        if bare:
            times[next(iter(times))]["bare"] = True
        config = work / "benchmark.yaml"
        config.write_text(f"{self.config}\ncallbacks: {json.dumps([times])}\n")
        overrides = [f"data.directory={pictures}", f"training.epochs={epochs}"]
        command = ["-m", "imgclf", "train", config.name, "--fresh"]
        for override in [*overrides, *self.options, *(options or [])]:
            command += ["--set", override]
        return Process(command, work, memory=memory)

    def tutorial(
        self, pictures: Path, epochs: int, *, stop: str = "fit", seed: int = 0, memory: bool = False
    ) -> Process:
        command = [str(HERE / "tutorial_epochs.py"), str(pictures), "--stop", stop]
        command += ["--epochs", str(epochs), "--seed", str(seed)]
        return Process(command, self.directory(), memory=memory)


def take_turns(arms: Arms, repeats: int) -> Rows:
    """Runs every arm so many times, another one first in each turn; a JSON line for each run."""
    names = list(arms)
    rows: Rows = {name: [] for name in names}
    for turn in range(repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            row = arms[name]()
            rows[name].append(row)
            print(json.dumps({"arm": name, "turn": turn, **row}), flush=True)
    return rows


def medians(rows: Rows) -> dict[str, dict[str, float]]:
    """The median of every figure that is a number, by arm."""
    return {
        name: {
            key: median(row[key] for row in several)
            for key, value in several[0].items()
            if isinstance(value, float | int)
        }
        for name, several in rows.items()
    }


def show(title: str, figures: dict[str, dict[str, float]]) -> None:
    """A table of the figures, with their ratios to the last arm's, and the same as JSON."""
    print(json.dumps({"medians": title, **figures}))
    reference = list(figures.values())[-1]
    print(f"\n{title}")
    for name, row in figures.items():
        for key, value in row.items():
            other = reference.get(key)
            ratio = f"({value / other:.3f} x)" if other else ""
            print(f"  {name:<26} {key:<24} {value:10.4g} {ratio}")


def precisions(given: argparse.Namespace) -> dict[str, list[str]]:
    """The arms of imgclf, with what to set for each."""
    more = {f"imgclf {one}": [f"training.precision={one}"] for one in given.precision}
    return {"imgclf": [], **more}


def steady(given: argparse.Namespace, trainings: Trainings) -> None:
    trained_on = 0.8 * len(files_below(given.pictures))

    def row(process: Process) -> Row:
        epochs = process.steady_epochs()
        whole = median(seconds for _, seconds in epochs)
        steps = median(epoch["steps_until"] - epoch["begin"] for epoch, _ in epochs)
        return {
            "pictures_per_second": trained_on / whole,
            "epoch_seconds": whole,
            "training_pictures_per_second": trained_on / steps,
            "training_seconds": steps,
            "epochs": [round(seconds, 3) for _, seconds in epochs],
        }

    epochs = given.epochs + 1
    arms: Arms = {
        name: lambda options=options: row(trainings.imgclf(given.pictures, epochs, options=options))
        for name, options in precisions(given).items()
    }
    arms["tutorial"] = lambda: row(trainings.tutorial(given.pictures, epochs))
    show("steady epochs", medians(take_turns(arms, given.repeats)))


def photos(given: argparse.Namespace, trainings: Trainings) -> None:
    large, small = trainings.folder / "photos", trainings.folder / "thumbnails"
    make_copies(given.pictures, large, given.count)
    make_thumbnails(small)
    work = trainings.directory()

    def row(process: Process) -> Row:
        loaded = process.times["train_begin"] - process.spawned
        return {"first_epoch": process.times["train_end"] - process.spawned, "until_fit": loaded}

    def cold() -> Row:
        shutil.rmtree(work / ".imgclf-cache", ignore_errors=True)
        return row(trainings.imgclf(large, 1, work=work))

    arms: Arms = {
        "imgclf": cold,
        "imgclf again": lambda: row(trainings.imgclf(large, 1, work=work)),
        "imgclf, thumbnails": lambda: row(trainings.imgclf(small, 1)),
        "tutorial, thumbnails": lambda: row(trainings.tutorial(small, 1)),
        "tutorial": lambda: row(trainings.tutorial(large, 1)),
    }
    found = medians(take_turns(arms, given.repeats))
    for name in ("imgclf", "imgclf again", "tutorial"):
        start = found[f"{name.split()[0]}, thumbnails"]["first_epoch"]
        seconds = found[name]["first_epoch"] - start
        found[name]["seconds_less_start"] = seconds
        if seconds > 0:  # too few photos are lost in the noise of starting
            found[name]["pictures_per_second"] = given.count / seconds
    show(f"first epoch on {given.count} large photos", found)


def memory(given: argparse.Namespace, trainings: Trainings) -> None:
    def row(process: Process) -> Row:
        fitted = [size for when, size in process.memory if when < process.times["train_end"]]
        everything = [size for _, size in process.memory]
        return {"anonymous_mb_training": max(fitted), "anonymous_mb": max(everything)}

    arms: Arms = {}
    folders = {count: trainings.folder / str(count) for count in given.counts}
    for count in sorted(given.counts, reverse=True):
        make_copies(given.pictures, folders[count], count)
        arms[f"imgclf {count}"] = lambda folder=folders[count]: row(
            trainings.imgclf(folder, 1, stop="never", memory=True)
        )
    for count in sorted(given.counts if given.large_tutorial else [min(given.counts)])[::-1]:
        arms[f"tutorial {count}"] = lambda folder=folders[count]: row(
            trainings.tutorial(folder, 1, stop="never", memory=True)
        )
    found = medians(take_turns(arms, given.repeats))
    show("peak anonymous memory", found)
    few, many = (found[f"imgclf {count}"] for count in (min(given.counts), max(given.counts)))
    growth = {key: round(many[key] / few[key], 3) for key in few}
    print(json.dumps({"growth_of_imgclf": growth}))


def start(given: argparse.Namespace, trainings: Trainings) -> None:
    warm, plain = trainings.directory(), trainings.directory()

    def first_step(process: Process) -> Row:
        return {"seconds": process.times["first_step"] - process.spawned}

    def imgclf(options: list[str]) -> Row:
        return first_step(
            trainings.imgclf(given.pictures, 1, options=options, work=warm, stop="step")
        )

    def control(method: str) -> Row:
        command = [str(HERE / "plain_start.py"), method, "times.json"]
        return first_step(Process(command, plain))

    arms: Arms = {
        name: lambda options=options: imgclf(options) for name, options in precisions(given).items()
    }
    arms |= {f"plain {one}": lambda one=one: control(one) for one in ("fit", "train_on_batch")}
    for arm in arms.values():
        arm()  # fills imgclf's cache, and the page cache for all
    show("command to first step", medians(take_turns(arms, given.repeats)))


def overhead(given: argparse.Namespace, trainings: Trainings) -> None:
    def row(process: Process) -> Row:
        epochs = process.steady_epochs()
        hooks = [sum(epoch["hooks"].values()) / seconds for epoch, seconds in epochs]
        work = [(epoch["steps"] + epoch["validation"]) / seconds for epoch, seconds in epochs]
        rest = [1 - one - other for one, other in zip(hooks, work, strict=True)]
        names = sorted({name for epoch, _ in epochs for name in epoch["hooks"]})
        return {
            "epoch_seconds": median(seconds for _, seconds in epochs),
            "callbacks_share": median(hooks),
            "rest_share": median(rest),
            "seconds_in_hooks": {
                name: round(median(epoch["hooks"].get(name, 0.0) for epoch, _ in epochs), 4)
                for name in names
            },
            "epochs": [round(seconds, 3) for _, seconds in epochs],
        }

    def imgclf(options: list[str], bare: bool) -> Row:
        return row(trainings.imgclf(given.pictures, given.epochs + 1, options=options, bare=bare))

    for name, options in precisions(given).items():
        arms: Arms = {
            name: lambda options=options: imgclf(options, False),
            f"{name} bare": lambda options=options: imgclf(options, True),
        }
        show(f"overhead of {name}", medians(take_turns(arms, given.repeats)))


def accuracy(given: argparse.Namespace, trainings: Trainings) -> None:
    divided = trainings.folder / "divided"
    divide(given.pictures, divided)

    def row(process: Process, seed: int) -> Row:
        logs = [epoch["logs"] for epoch in process.times["epochs"]]
        scores = [one["val_accuracy"] for one in logs]
        chosen = min(range(len(logs)), key=lambda index: logs[index]["val_loss"])
        return {
            "last": scores[-1],
            "at_lowest_loss": scores[chosen],
            "highest": max(scores),
            "seed": [seed],
            "val_accuracy": [round(score, 4) for score in scores],
        }

    rows: Rows = {name: [] for name in [*precisions(given), "tutorial"]}
    for seed in given.seeds:
        arms: Arms = {
            name: lambda options=options, seed=seed: row(
                trainings.imgclf(
                    divided, given.epochs, options=[*options, f"training.seed={seed}"]
                ),
                seed,
            )
            for name, options in precisions(given).items()
        }
        arms["tutorial"] = lambda seed=seed: row(
            trainings.tutorial(divided, given.epochs, seed=seed), seed
        )
        for name, several in take_turns(arms, 1).items():
            rows[name] += several
    show(f"validation accuracy, seeds {given.seeds}", medians(rows))


def generalization(given: argparse.Namespace, trainings: Trainings) -> None:
    test = given.test.resolve()

    def imgclf(options: list[str], seed: int) -> Row:
        work = trainings.directory()
        options = [*options, f"training.seed={seed}"]
        trainings.imgclf(given.pictures, given.epochs, options=options, work=work, stop="never")
        command = [sys.executable, "-m", "imgclf", "evaluate", str(test), "--json"]
        said = subprocess.run(command, cwd=work, check=True, capture_output=True).stdout
        settled = json.loads(next((work / "runs").glob("*/*/run.json")).read_text())["settled"]
        accuracy = json.loads(said)["accuracy"]
        return {"published": accuracy, "seed": [seed], "precision": settled["precision"]}

    def tutorial(seed: int) -> Row:
        command = [sys.executable, str(HERE / "tutorial_train.py"), str(given.pictures), str(test)]
        command += ["--epochs", str(given.epochs), "--seed", str(seed)]
        said = subprocess.run(
            command, cwd=trainings.directory(), check=True, capture_output=True, text=True
        ).stdout
        found = json.loads(said.splitlines()[-1])
        return {
            "published": found["test_accuracy_best"],
            "last": found["test_accuracy_last"],
            "seed": [seed],
        }

    rows: Rows = {name: [] for name in [*precisions(given), "tutorial"]}
    for seed in given.seeds:
        arms: Arms = {
            name: lambda options=options, seed=seed: imgclf(options, seed)
            for name, options in precisions(given).items()
        }
        arms["tutorial"] = lambda seed=seed: tutorial(seed)
        for name, several in take_turns(arms, 1).items():
            rows[name] += several
    show(f"accuracy on other pictures, seeds {given.seeds}", medians(rows))


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))


def make_copies(pictures: Path, folder: Path, count: int) -> None:
    """Copies JPEG files in turn until there are so many, in two class folders.

    Each gets a comment of its own, for imgclf takes equal files for one picture.
    """
    originals = [path.read_bytes() for path in files_below(pictures)]
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
    for number in range(count):
        content = originals[number % len(originals)]
        comment = f"copy {number}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        file = folder / "ab"[number % 2] / f"{number:06d}.jpg"
        file.write_bytes(content[:2] + segment + content[2:])


def make_thumbnails(folder: Path) -> None:
    """The smallest data set that can be divided: three pictures for each of two classes."""
    generator = np.random.default_rng(0)
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for number in range(3):
            pixels = generator.integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.jpg")


def divide(pictures: Path, folder: Path) -> None:
    """Copies a fifth of each class to `validation` and the rest to `train`."""
    for label in sorted(path for path in pictures.iterdir() if path.is_dir()):
        files = files_below(label)
        random.Random(123).shuffle(files)
        held_out = round(0.2 * len(files))
        for part, chosen in (("validation", files[:held_out]), ("train", files[held_out:])):
            (folder / part / label.name).mkdir(parents=True)
            for number, file in enumerate(chosen):
                shutil.copy(file, folder / part / label.name / f"{number:06d}.jpg")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="what", required=True)

    def command(function: Callable[..., None], text: str, repeats: int | None) -> Any:
        made = commands.add_parser(function.__name__, help=text, description=text)
        made.set_defaults(run=function)
        made.add_argument("pictures", type=Path, help="JPEG pictures in class folders")
        made.add_argument(
            "--config",
            type=Path,
            default=HERE.parent / "configs/catdog.yaml",
            help="the config to train; the tutorial's network is that of the default",
        )
        made.add_argument(
            "--set",
            dest="overrides",
            metavar="KEY=VALUE",
            action="append",
            default=[],
            help="passed on to all trainings of imgclf",
        )
        if repeats is not None:
            made.add_argument("--repeats", type=int, default=repeats, help="runs of every arm")
        return made

    def precision(made: Any) -> None:
        made.add_argument(
            "--precision",
            nargs="*",
            default=["float32"],
            metavar="VALUE",
            help="one more arm of imgclf with training.precision=VALUE for each; default float32",
        )

    one = command(steady, "whole epochs after the first", 3)
    one.add_argument("--epochs", type=int, default=4, help="steady epochs in each run")
    precision(one)
    one = command(photos, "the first epoch on large photos", 3)
    one.add_argument("--count", type=int, default=200, help="copies of the photos to train on")
    one = command(memory, "peak anonymous memory", 1)
    one.add_argument("--counts", type=int, nargs="+", default=[2000, 20000], help="pictures")
    one.add_argument(
        "--large-tutorial",
        action="store_true",
        help="also the tutorial's script on the larger count (keeps 0.4 MB for each picture)",
    )
    one = command(start, "from the command to the first step", 7)
    precision(one)
    one = command(overhead, "what is neither a step nor validation", 3)
    one.add_argument("--epochs", type=int, default=4, help="steady epochs in each run")
    precision(one)
    for function, text in (
        (accuracy, "validation accuracy of whole trainings"),
        (generalization, "accuracy on other pictures after whole trainings"),
    ):
        one = command(function, text, None)
        one.add_argument("--epochs", type=int, default=30, help="epochs of each training")
        one.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the trainings")
        precision(one)
    one.add_argument("--test", type=Path, required=True, help="other pictures in class folders")
    given = parser.parse_args()
    given.pictures = given.pictures.resolve()
    if not files_below(given.pictures):
        parser.error(f"no JPEG pictures in {given.pictures}")

    with tempfile.TemporaryDirectory() as folder:
        given.run(given, Trainings(given, Path(folder)))


if __name__ == "__main__":
    main()
