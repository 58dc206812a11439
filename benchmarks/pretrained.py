r"""Models on a pretrained network: how often they are right, what they cost, whether Keras agrees.

    python -m benchmarks.pretrained accuracy CATDOG/train --test CATDOG/test
    python -m benchmarks.pretrained accuracy CLOTHING/train --test CLOTHING/test --fine-tune \
        --set data.resize=pad
    python -m benchmarks.pretrained few CATDOG/train --test CATDOG/test
    python -m benchmarks.pretrained time CATDOG/train
    python -m benchmarks.pretrained predict CATDOG/train
    python -m benchmarks.pretrained memory CATDOG/train
    python -m benchmarks.pretrained agreement CATDOG/test --model MODEL.keras
    python benchmarks/suspects.py CATDOG/train

are all rows of what was asked of them; pictures are in a folder for each class. As in train.py,
every arm is a process of its own in a temporary working directory, trainings on a terminal of
their own, and the arms take turns. Each run prints a JSON line; at the end come the medians (of
accuracies the means), and in brackets their ratios to the last arm. The user's cache is a
temporary one, in which the backbone's graph is made once before anything is measured.

accuracy  What is right of the pictures in OTHERS, which nothing was chosen by: the published model
          of configs/pretrained.yaml (which stretches pictures unless data.resize is set), and with
          --fine-tune that of configs/fine-tuned.yaml (which pads them) beside it,
          once for each --from. Seeds are of the training and of the division. `seconds` are those
          of the whole `train`.
few       The same from COUNT pictures of each class, other ones in each draw, validation included.
time      Whole `train` processes. "first": a machine that never prepared the backbone, with an
          empty cache of the user's, and an empty working directory. "other photos": the backbone is
          prepared, the working directory empty. "again": `--fresh` where the same was trained
          before. Files are in the page cache, Python's modules compiled. `model_mb` is the model
          file.
predict   One picture against bare_predict.py, with the same graph and head; all pictures against
          `model.predict` of the same model file in plain Keras, fed by
          `image_dataset_from_directory`. Whole processes, peak resident memory.
memory    Peak anonymous memory of whole `train` processes, as in train.py, on so many copies of
          PICTURES. 20,000 need 4 GB of disk where TMPDIR is.
agreement Keras against LiteRT and the head in NumPy, on the same arrays of 1,000 pictures: no
          other label and no difference from 1e-4 on, or the exit status is 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

from benchmarks import predict as processes
from benchmarks.pretrained_trainings import FINE_TUNED, FROZEN, Trainings, model_in
from benchmarks.train import (
    HERE,
    Arms,
    Row,
    Rows,
    files_below,
    make_copies,
    medians,
    show,
    take_turns,
)

LARGEST_DIFFERENCE = 1e-4


def show_spread(title: str, rows: Rows) -> None:
    """The medians, but of the accuracies their mean and how far they are apart."""
    figures = medians(rows)
    for name, several in rows.items():
        found = [row["accuracy"] for row in several]
        figures[name] |= {
            "accuracy": mean(found),
            "standard_deviation": pstdev(found),
            "lowest": min(found),
            "highest": max(found),
        }
    show(title, figures)


def accuracy(given: argparse.Namespace, trainings: Trainings) -> None:
    test = given.test.resolve()
    starts = given.from_ if given.fine_tune else []
    rows: Rows = {}
    for seed in given.seeds:

        def scored(*options: str, config: Path = FROZEN, seed: int = seed) -> Row:
            return trainings.scored(given.pictures, test, seed, *options, config=config)

        arms: Arms = {
            f"fine-tuned, from {start}": lambda scored=scored, start=start: scored(
                f"training.fine_tune.from={start}", config=FINE_TUNED
            )
            for start in starts
        }
        for name, several in take_turns({**arms, "frozen": scored}, 1).items():
            rows.setdefault(name, []).extend(several)
    show_spread(f"accuracy on other pictures, seeds {given.seeds}", rows)


def few(given: argparse.Namespace, trainings: Trainings) -> None:
    test = given.test.resolve()

    def drawn(seed: int) -> Path:
        folder = trainings.directory()
        chosen = random.Random(seed)
        for label in sorted(path for path in given.pictures.iterdir() if path.is_dir()):
            (folder / label.name).mkdir()
            for file in chosen.sample(files_below(label), given.count):
                (folder / label.name / file.name).symlink_to(file)
        return folder

    name = f"{given.count} of each class"
    rows: Rows = {name: []}
    for seed in range(given.draws):
        arms: Arms = {
            name: lambda seed=seed: trainings.scored(drawn(seed), test, seed, config=FROZEN)
        }
        rows[name] += take_turns(arms, 1)[name]
    show_spread(f"accuracy from {name}, {given.draws} draws", rows)


def time(given: argparse.Namespace, trainings: Trainings) -> None:
    kept = trainings.directory()

    def row(work: Path, cache: Path | None = None) -> Row:
        process = trainings.train(given.pictures, work, cache=cache)
        return {"seconds": process.seconds, "model_mb": model_in(work).stat().st_size / 1e6}

    arms: Arms = {
        "first": lambda: row(trainings.directory(), trainings.directory()),
        "other photos": lambda: row(trainings.directory()),
        "again": lambda: row(kept),
    }
    row(kept)
    show("whole trainings", medians(take_turns(arms, given.repeats)))


def predict(given: argparse.Namespace, trainings: Trainings) -> None:
    python, model = sys.executable, str(trainings.model(given.model, given.pictures))
    imgclf = [str(Path(python).parent / "imgclf"), "predict", "--model", model]
    pictures = files_below(given.pictures)

    def compare(title: str, commands: dict[str, list[str]], repeats: int) -> None:
        def row(command: list[str]) -> Row:
            seconds, peak = processes.run(command)
            return {"seconds": seconds, "peak_mb": peak}

        arms: Arms = {name: lambda one=one: row(one) for name, one in commands.items()}
        for arm in arms.values():
            arm()  # fills the page cache
        show(title, medians(take_turns(arms, repeats)))

    one = str(pictures[0])
    bare = [python, str(HERE / "bare_predict.py"), model, one]
    compare("one picture", {"imgclf": [*imgclf, one], "bare minimum": bare}, 3 * given.repeats)
    folder = str(given.pictures)
    keras = [python, str(HERE / "tutorial_predict.py"), model, folder]
    compare(
        f"{len(pictures)} pictures",
        {"imgclf": [*imgclf, folder], "model.predict": keras},
        given.repeats,
    )


def memory(given: argparse.Namespace, trainings: Trainings) -> None:
    def row(folder: Path) -> Row:
        process = trainings.train(folder, trainings.directory(), memory=True)
        return {"anonymous_mb": max(size for _, size in process.memory), "seconds": process.seconds}

    arms: Arms = {}
    for count in (given.many, given.few):
        folder = trainings.folder / str(count)
        make_copies(given.pictures, folder, count)
        arms[f"{count} pictures"] = lambda folder=folder: row(folder)
    show("peak anonymous memory of train", medians(take_turns(arms, given.repeats)))


def agreement(given: argparse.Namespace, trainings: Trainings) -> None:
    from benchmarks.agreement import compare

    model = trainings.model(given.model, given.pictures)
    other_labels, difference = compare(model, given.pictures, given.count)
    if other_labels or difference >= LARGEST_DIFFERENCE:
        raise SystemExit(f"too far apart: must be below {LARGEST_DIFFERENCE:.0e}, same labels")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="what", required=True)

    def command(function: Callable[..., None], text: str, repeats: int | None = None) -> Any:
        made = commands.add_parser(function.__name__, help=text, description=text)
        made.set_defaults(run=function)
        made.add_argument("pictures", type=Path, help="JPEG pictures in class folders")
        made.add_argument(
            "--set",
            dest="overrides",
            metavar="KEY=VALUE",
            action="append",
            default=[],
            help="for all trainings; training.fine_tune only for those that fine-tune",
        )
        if repeats is not None:
            made.add_argument("--repeats", type=int, default=repeats, help="runs of every arm")
        return made

    one = command(accuracy, "what is right of other pictures")
    one.add_argument("--test", type=Path, required=True, help="other pictures in class folders")
    one.add_argument("--seeds", type=numbers, default=[0, 1, 2], help="of the trainings: 0,1,2")
    one.add_argument("--fine-tune", action="store_true", help="also with a second phase")
    one.add_argument(
        "--from",
        dest="from_",
        nargs="+",
        default=["all"],
        help="where the layers begin that are trained in it; an arm for each",
    )
    one = command(few, "the same from a few pictures of each class")
    one.add_argument("--test", type=Path, required=True, help="other pictures in class folders")
    one.add_argument("--count", type=int, default=10, help="pictures of each class")
    one.add_argument("--draws", type=int, default=8, help="how many times they are drawn")
    command(time, "whole trainings: first on a machine, other photos, the same again", 3)
    for function, text, repeats in (
        (predict, "one picture and all of them, whole processes", 3),
        (agreement, "whether Keras says the same", None),
    ):
        one = command(function, text, repeats)
        one.add_argument("--model", type=Path, help="instead of one trained on the pictures")
    one.add_argument("--count", type=int, default=1000, help="pictures to compare on")
    one = command(memory, "peak anonymous memory of trainings", 1)
    one.add_argument("--few", type=int, default=2000, help="pictures")
    one.add_argument("--many", type=int, default=20000, help="pictures")
    given = parser.parse_args()
    given.pictures = given.pictures.resolve()
    if not files_below(given.pictures):
        parser.error(f"no JPEG pictures in {given.pictures}")

    with tempfile.TemporaryDirectory() as folder:
        given.run(given, Trainings(given.overrides, Path(folder)))


def numbers(text: str) -> list[int]:
    """Those with commas between them."""
    return [int(one) for one in text.split(",")]


if __name__ == "__main__":
    main()
