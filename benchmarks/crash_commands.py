"""Ends commands at every step towards the disk, and at random moments, and looks at what is left.

    python -m benchmarks.crash_commands [COMMAND ...] [--every K] [--signals N] [--full N]

The commands: retrain, rollback, predict, litert, int8, onnx, saved_model. Each is killed with
SIGKILL at its n-th step towards the disk (see tests/support/dying_disk.py; a write is torn in its
middle), for n = 1, 1 + K, 1 + 2K, ... until it survives; gets SIGTERM and Ctrl-C after N random
times; and runs N times with a limit for the size of files, which is a full disk to it.

Each time what it replaces must be the old or the new, whole; what was interrupted or had no room
must have said so in one message, with its status and without a traceback; and the same command
given again must do its work and leave no temporary file, neither beside its results nor among
the system's temporary files.

Every run is a child that is forked after TensorFlow's import, before its first operation.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.drawn_sample import draw_sample
from tests.support.dying_disk import dying_disk

CONFIG = """\
data: {directory: dataset, image_size: 24, batch_size: 8}
model: {layers: [Rescaling: 1/255, Flatten, Dense: 8]}
training: {epochs: 2}
"""
MODEL = Path("models/pets.keras")


@dataclass(frozen=True)
class Command:
    """What is typed, and what it replaces."""

    arguments: list[str]
    target: Path


COMMANDS = {
    "retrain": Command(["retrain", "wrong.csv"], MODEL),
    "rollback": Command(["rollback", "1"], MODEL),
    "predict": Command(["predict", "new", "--output", "rows.tsv"], Path("rows.tsv")),
    "litert": Command(["export", "--format", "litert"], Path("pets.tflite")),
    "int8": Command(
        ["export", "--format", "litert", "--quantize", "int8"], Path("pets.int8.tflite")
    ),
    "onnx": Command(["export", "--format", "onnx"], Path("pets.onnx")),
    "saved_model": Command(["export", "--format", "saved_model"], Path("pets_saved_model")),
}


@dataclass(frozen=True)
class Ended:
    """How a child ended: its status (-9 if it was killed), what it said, and how long it took."""

    status: int
    said: str
    seconds: float


def run(
    arguments: list[str],
    *,
    dies_at: int | None = None,
    number: int | None = None,
    after: float = 0.0,
    limit: int | None = None,
) -> Ended:
    """Runs imgclf in a child.

    Args:
        arguments: What is typed after `imgclf`.
        dies_at: The step towards the disk at which it is killed.
        number: The signal that it gets.
        after: How many seconds.
        limit: To how many bytes files can grow.
    """
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_imgclf(arguments, dies_at, limit)
    if number is not None:
        time.sleep(after)
        os.kill(child, number)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(status, Path("said.txt").read_text(), time.monotonic() - started)


def _be_imgclf(arguments: list[str], dies_at: int | None, limit: int | None) -> None:
    from imgclf.cli import main

    status: int | str | None = 1
    try:
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 2)
        os.dup2(os.open("results.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        sys.argv = ["imgclf", *arguments]
        if limit is not None:
            # What it says goes to a file, too, and is shorter.
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        with nullcontext() if dies_at is None else dying_disk(dies_at, really=True):
            main()
        status = 0
    except SystemExit as error:
        status = error.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)


def contents(path: Path) -> object:
    """A file's bytes, or for a folder which files there are, with the bytes of its graph.

    A SavedModel's variables are written anew each time, and are not the same to the byte.
    """
    if not path.is_dir():
        return path.read_bytes() if path.exists() else None
    names = sorted(str(file.relative_to(path)) for file in path.rglob("*"))
    return names, (path / "saved_model.pb").read_bytes() == b"old"


def make_base(folder: Path) -> None:
    """A model in its second version, pictures that it has wrong, and old results."""
    os.chdir(folder)
    draw_sample(Path("dataset"), 24, seed=1)
    draw_sample(Path("new"), 12, seed=2)
    Path("pets.yaml").write_text(CONFIG)
    for overrides in ([], ["--set", "training.epochs=1", "--fresh"]):
        made = run(["train", "pets.yaml", *overrides])
        assert made.status == 0, made.said
    assert run(["predict", "new", "--output", "all.tsv"]).status == 0
    rows = [line.split("\t") for line in Path("all.tsv").read_text().splitlines()[1:]]
    wrong = [row[0] for row in rows if Path(row[0]).parent.name != row[1]][:3]
    assert wrong, "the model has no picture wrong"
    lines = [f"{path},{Path(path).parent.name}" for path in wrong]
    Path("wrong.csv").write_text("\n".join(["path,label", *lines, ""]))
    for command in COMMANDS.values():
        if command.target == MODEL:
            continue
        if command.target.suffix:
            command.target.write_bytes(b"old")
        else:
            command.target.mkdir()
            (command.target / "saved_model.pb").write_bytes(b"old")


class Trials:
    """Runs one command again and again, each time in a copy of the same folder."""

    def __init__(self, name: str, base: Path, scratch: Path) -> None:
        self.name, self.command = name, COMMANDS[name]
        self._base, self._scratch = base, scratch
        self.outcomes: Counter[str] = Counter()
        self._in_copy(self._reference)

    def _reference(self, temporary: Path) -> None:
        self.old = contents(self.command.target)
        whole = run(self.command.arguments)
        assert whole.status == 0, whole.said
        self.seconds = whole.seconds
        self.new = contents(self.command.target)
        assert self.new != self.old

    def _in_copy(self, work: Callable[[Path], object]) -> None:
        folder = self._scratch / "work"
        shutil.copytree(self._base, folder, symlinks=True)
        temporary = self._scratch / "tmp"
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        os.chdir(folder)
        try:
            work(temporary)
        finally:
            os.chdir(self._scratch)
            shutil.rmtree(folder)
            shutil.rmtree(temporary)

    def trial(self, what: str, statuses: tuple[int, ...], **how: int | float | None) -> bool:
        """Ends it once and gives it again; whether it was ended at all."""
        ended = Ended(0, "", 0.0)

        def work(temporary: Path) -> None:
            nonlocal ended
            ended = run(self.command.arguments, **how)  # type: ignore[arg-type]
            wrong = self._look_at(ended, statuses)
            again = run(self.command.arguments)
            wrong += self._look_at_second(again, temporary)
            self.outcomes[f"{'wrong' if wrong else 'right'}, status {ended.status}"] += 1
            for problem in wrong:
                print(f"{self.name}, {what}: {problem}", flush=True)

        self._in_copy(work)
        return ended.status != 0

    def _look_at(self, ended: Ended, statuses: tuple[int, ...]) -> list[str]:
        found = contents(self.command.target)
        wrong = []
        if ended.status not in (0, *statuses):
            wrong.append(f"status {ended.status}: {ended.said[-300:]!r}")
        if "Traceback" in ended.said or ended.said.count("imgclf: ") > 1:
            wrong.append(f"said {ended.said[-300:]!r}")
        if ended.status == 2 and found != self.old:
            wrong.append("there was no room, and the old is gone")
        if found not in (self.old, self.new) and not (self.name == "retrain" and _is_corrected()):
            wrong.append("neither the old nor the new")
        return wrong

    def _look_at_second(self, again: Ended, temporary: Path) -> list[str]:
        wrong = []
        # A rollback that was done is none that can be done again; a correction that the guard
        # left out is refused again.
        done = (
            "is version 1 already" in again.said if self.name == "rollback" else again.status == 3
        )
        if again.status != 0 and not (self.name in ("rollback", "retrain") and done):
            wrong.append(f"again: status {again.status}: {again.said[-300:]!r}")
        if self.name == "retrain":
            if not _is_corrected():
                wrong.append("the model is not the corrected one")
            wrong += _journal_problems()
        elif contents(self.command.target) != self.new:
            wrong.append("again: not the new")
        left = [path for path in Path().rglob(".*") if ".tmp" in path.name]
        # TensorFlow removes its autograph files where Python ends, which a child here does not.
        left += [path for path in temporary.iterdir() if "autograph" not in path.name]
        return wrong + [f"left over: {path}" for path in left]


def _is_corrected() -> bool:
    """Whether the model is the third version, whole, and the two before it are kept."""
    from imgclf.model_file.archive import ModelArchive
    from imgclf.model_file.versions import versions

    with ModelArchive(MODEL) as archive:
        manifest = archive.manifest()
        archive.verify_weights(manifest)
        archive.verify_graphs(manifest)
    numbers = [version.version for version in versions(MODEL)]
    return manifest.version == 3 and numbers == [1, 2, 3]


def _journal_problems() -> list[str]:
    """Each picture is to be in it, torn lines aside, and those that hold as corrected."""
    from imgclf.corrections.journal import read_journal
    from imgclf.model_file.archive import read_manifest

    outcomes = {entry.digest: entry.outcome for entry in read_journal(MODEL)}
    wanted = len(Path("wrong.csv").read_text().splitlines()) - 1
    corrected = {one.digest for one in read_manifest(MODEL).corrections}
    wrong = [] if len(outcomes) == wanted else [f"the journal knows {len(outcomes)} of {wanted}"]
    if {digest for digest, outcome in outcomes.items() if outcome == "corrected"} != corrected:
        wrong.append("the journal and the model know other corrections")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("commands", nargs="*", default=list(COMMANDS))
    parser.add_argument("--every", type=int, default=1, help="0 for no steps")
    parser.add_argument("--first", type=int, default=1, help="the step to begin with")
    parser.add_argument("--signals", type=int, default=0)
    parser.add_argument("--full", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    # All that a child would import, for an import costs seconds.
    from importlib import import_module

    for name in ("tf2onnx", "onnxruntime"):  # after Keras, which is imported without its noise
        import_module(name)

    chance = random.Random(given.seed)
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch, "base")
        base.mkdir()
        make_base(base)
        for name in given.commands:
            trials = Trials(name, base, Path(scratch))
            number = given.first
            while given.every and trials.trial(f"step {number}", (-9,), dies_at=number):
                number += given.every
            for _ in range(given.signals):
                kind, status = chance.choice([(signal.SIGTERM, 143), (signal.SIGINT, 130)])
                after = chance.uniform(0, trials.seconds)
                what = f"{kind.name} after {after:.2f} s"
                trials.trial(what, (status,), number=kind, after=after)
            for _ in range(given.full):
                limit = int(10 ** chance.uniform(2.5, 5.5))
                trials.trial(f"files up to {limit} bytes", (2,), limit=limit)
            print(f"{name}: {dict(trials.outcomes)}", flush=True)
            wrong += sum(n for outcome, n in trials.outcomes.items() if outcome.startswith("wrong"))
        os.chdir("/")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
