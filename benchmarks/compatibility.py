"""What an earlier version has made, used by the present one: models, corrections and runs.

    python -m benchmarks.compatibility [--commit add8c18] [--keep FOLDER]

The earlier version is checked out from git into a temporary folder and works by its own command
line, as the present one does, on the same drawn pictures. It leaves a model with corrections, a
finished run, and a run that was stopped in the middle of an epoch. Each of them goes to both
versions, in copies, and what they make of it must be the same: answers to 1e-6, what is trained
bit for bit. Takes two to four minutes on two cores.

Prints a line for each check; the exit status is 1 if one of them fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgclf.data.drawn_sample import draw_sample
from imgclf.runs.commits import load_latest

ROOT = Path(__file__).resolve().parents[1]
MODEL = Path("models/pets.keras")
TOLERANCE = 1e-6  # of probabilities and scores

# Everything that has a state of its own, so that a resumed training differs if any is forgotten.
CONFIG = """\
data: {directory: dataset, image_size: 32, batch_size: 8}
augmentation: [RandomFlip: horizontal, RandomRotation: 0.05]
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 8, kernel_size: 3, strides: 2, activation: relu}
    - BatchNormalization: {momentum: 0.8}
    - Dropout: 0.1
    - Flatten
training: {epochs: 5}
callbacks:
  - EarlyStopping: {patience: 9, restore_best_weights: true}
  - ReduceLROnPlateau: {monitor: val_loss, patience: 1, factor: 0.5, cooldown: 1}
  - ModelCheckpoint: {monitor: val_loss, save_best_only: true}
  - LearningRateScheduler: {schedule: exponential, rate: -0.2, start_epoch: 1}
"""

# Asks for the end in the middle of the third epoch, once: then the file is gone.
STOPPED = CONFIG + "  - stop.py:Stop\n"
STOP = """\
import os, signal
from imgclf.backend import keras

class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (2, 3) and os.path.exists("stop"):
            os.remove("stop")
            os.kill(os.getpid(), signal.SIGTERM)
"""


class Failure(Exception):  # noqa: N818 -- it is what is found, and no error
    """A check that does not hold, with what was found."""


@dataclass(frozen=True)
class Version:
    """The code of one commit, used by its command line.

    Attributes:
        root: The folder that holds the package.
    """

    name: str
    root: Path

    def run(
        self, folder: Path, *arguments: str, status: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Gives a command in a folder.

        Args:
            status: How it must end; None if that is for the caller to see.
        """
        return self._ended(folder, status, "-m", "imgclf", *arguments)

    def require_own_code(self) -> None:
        """Makes sure that it is this version's package that runs, not an installed one."""
        found = self._ended(self.root, 0, "-c", "import imgclf; print(imgclf.__file__)").stdout
        if Path(found.strip()).resolve().parent != (self.root / "imgclf").resolve():
            raise SystemExit(f"{self.name}: {found.strip()} would run")

    def _ended(
        self, folder: Path, status: int | None, *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
        )
        if status is not None and done.returncode != status:
            raise Failure(
                f"{self.name}: {' '.join(arguments)} ended with {done.returncode}, not {status}: "
                + done.stderr.strip()[-600:]
            )
        return done


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Version]:
    """The code of a commit, in a folder that is no longer one of git's afterwards."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), commit], check=True)
    try:
        yield Version(commit, folder)
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def answers(version: Version, folder: Path) -> list[dict[str, Any]]:
    rows = version.run(folder, "predict", "new", "--format", "jsonl").stdout
    return [json.loads(row) for row in rows.splitlines()]


def wrong_pictures(version: Version, folder: Path) -> list[tuple[str, str]]:
    """Path and true label of the pictures that the model in use has wrong."""
    rows = answers(version, folder)
    named = [(row["path"], Path(row["path"]).parent.name, row["label"]) for row in rows]
    return [(path, label) for path, label, said in named if label != said]


def correct(version: Version, folder: Path, wanted: int) -> dict[str, str]:
    """Corrects wrong pictures one by one until so many are learned; path to label of those."""
    learned: dict[str, str] = {}
    for path, label in wrong_pictures(version, folder):
        if len(learned) == wanted:
            break
        done = version.run(folder, "retrain", path, "--label", label, status=None)
        if done.returncode == 0:
            learned[path] = label
        elif done.returncode != 3:  # the guard's, which may find one picture too costly
            raise Failure(f"{version.name}: retrain {path}: {done.stderr.strip()[-600:]}")
    if len(learned) < wanted:
        raise Failure(f"{version.name}: only {len(learned)} corrections of {wanted} were learned")
    return learned


def require_near(found: Any, expected: Any, where: str = "") -> None:
    """Makes sure that two JSON values are the same, numbers to the tolerance."""
    if isinstance(expected, dict) and isinstance(found, dict) and found.keys() == expected.keys():
        for key in expected:
            require_near(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        for index, pair in enumerate(zip(found, expected, strict=True)):
            require_near(*pair, f"{where}[{index}]")
    elif isinstance(expected, float) and isinstance(found, float):
        if abs(found - expected) > TOLERANCE:
            raise Failure(f"{where}: {found}, and {expected} before")
    elif found != expected:
        raise Failure(f"{where}: {found!r}, and {expected!r} before")


def require_same_text(found: str, expected: str) -> None:
    if found != expected:
        raise Failure(f"{found.strip()!r}, and {expected.strip()!r} before")


def only_run(folder: Path, name: str) -> Path:
    runs = [path.parent for path in (folder / "runs" / name).glob("*/run.json")]
    if len(runs) != 1:
        raise Failure(f"{len(runs)} runs of {name} where one is expected")
    return runs[0]


def require_same_training(found: Path, expected: Path) -> None:
    """Makes sure that two runs' folders hold the same log and the same state, bit for bit."""
    if (found / "training.csv").read_bytes() != (expected / "training.csv").read_bytes():
        raise Failure("training.csv differs")
    ours, theirs = load_latest(found / "state"), load_latest(expected / "state")
    if ours is None or theirs is None:
        raise Failure("there is no state")
    for kind in ("weights", "optimizer", "seeds"):
        pairs = zip(ours.variables[kind], theirs.variables[kind], strict=True)
        if any(one.tobytes() != other.tobytes() for one, other in pairs):
            raise Failure(f"{kind} differ")
    if ours.history != theirs.history:
        raise Failure("the history differs")


@dataclass(frozen=True)
class Legacy:
    """What the earlier version left.

    Attributes:
        finished: A working directory with a finished run, three versions of its model, two of
            them by corrections.
        corrections: Path and label of those.
        stopped: A working directory with a run that was stopped.
    """

    finished: Path
    corrections: dict[str, str]
    stopped: Path


def make_legacy(old: Version, folder: Path) -> Legacy:
    finished, stopped = folder / "finished", folder / "stopped"
    for place, text in ((finished, CONFIG), (stopped, STOPPED)):
        draw_sample(place / "dataset", 40, seed=1)
        draw_sample(place / "new", 40, seed=2)
        (place / "pets.yaml").write_text(text)
    old.run(finished, "train", "pets.yaml")
    corrections = correct(old, finished, 2)
    (stopped / "stop.py").write_text(STOP)
    (stopped / "stop").touch()
    old.run(stopped, "train", "pets.yaml", status=143)
    return Legacy(finished, corrections, stopped)


class Comparison:
    """Gives what the earlier version left to both, in copies, and compares what comes of it."""

    def __init__(self, old: Version, new: Version, legacy: Legacy, scratch: Path) -> None:
        self._old, self._new, self._legacy, self._scratch = old, new, legacy, scratch

    def _copies(self, folder: Path) -> list[tuple[Version, Path]]:
        copies = []
        for version in (self._old, self._new):
            place = Path(tempfile.mkdtemp(dir=self._scratch))
            shutil.copytree(folder, place, dirs_exist_ok=True)
            copies.append((version, place))
        return copies

    def _printed(self, folder: Path, *arguments: str) -> list[str]:
        return [version.run(place, *arguments).stdout for version, place in self._copies(folder)]

    def predict(self) -> str:
        before, now = (answers(*pair) for pair in self._copies(self._legacy.finished))
        require_near(now, before, "predict")
        return f"{len(now)} pictures"

    def evaluate(self) -> str:
        before, now = map(json.loads, self._printed(self._legacy.finished, "evaluate", "--json"))
        require_near(now, before, "evaluate")
        return f"accuracy {now['accuracy']:.4f}"

    def history(self) -> str:
        before, now = map(json.loads, self._printed(self._legacy.finished, "history", "--json"))
        require_near(now, before, "history")
        return f"{len(now)} versions"

    def runs(self) -> str:
        before, now = self._printed(self._legacy.finished, "runs")
        require_same_text(now, before)
        return "the same table"

    def retrain(self) -> str:
        _, (new, place) = self._copies(self._legacy.finished)
        learned = self._legacy.corrections | correct(new, place, 1)
        labels = {row["path"]: row["label"] for row in answers(new, place)}
        lost = [path for path, label in learned.items() if labels[path] != label]
        if lost:
            raise Failure(f"no longer right: {', '.join(lost)}")
        return f"one more, {len(learned)} hold"

    def rollback(self) -> str:
        _, (new, place) = self._copies(self._legacy.finished)
        versions = place / "models/pets.history/versions"
        kept = {path.stem: path.read_bytes() for path in versions.glob("*.keras")}
        in_use = (place / MODEL).read_bytes()
        for number, expected in [*sorted(kept.items()), (f"{len(kept) + 1:04d}", in_use)]:
            new.run(place, "rollback", str(int(number)))
            if (place / MODEL).read_bytes() != expected:
                raise Failure(f"version {number} is not what it was")
        return f"{len(kept) + 1} versions, byte for byte"

    def train_again(self) -> str:
        _, (new, place) = self._copies(self._legacy.finished)
        said = new.run(place, "train", "pets.yaml").stderr
        if "nothing to do" not in said:
            raise Failure(f"it was trained anew: {said.strip()[-300:]}")
        only_run(place, "pets")
        return "nothing to do"

    def _train_both(self, folder: Path, *arguments: str) -> str:
        ended = []
        for version, place in self._copies(folder):
            said = version.run(place, "train", "pets.yaml", *arguments).stderr
            found = re.search(r"^(resumed|extended) in \d+ s; (.*)$", said, re.M)
            if found is None:
                raise Failure(f"{version.name} did not go on: {said.strip()[-300:]}")
            ended.append((only_run(place, "pets"), f"{found[1]}, {found[2]}"))
        (before, what), (now, _) = ended
        require_same_training(now, before)
        return f"{what}, bit for bit"

    def resume(self) -> str:
        return self._train_both(self._legacy.stopped)

    def extend(self) -> str:
        return self._train_both(self._legacy.finished, "--set", "training.epochs=7")

    def conflict(self) -> str:
        """A changed config is refused in the same words; none of a default is taken for one."""
        changed = ("train", "pets.yaml", "--set", "data.seed=7", "--set", "data.cache=memory")
        before, now = (
            version.run(place, *changed, status=2).stderr
            for version, place in self._copies(self._legacy.stopped)
        )
        require_same_text(now, before)
        return "the same message"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--commit", default="add8c18", help="the earlier version [%(default)s]")
    parser.add_argument("--keep", type=Path, help="leave what was made in this new folder")
    given = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        scratch = given.keep or Path(temporary, "work")
        scratch.mkdir(parents=True)
        new = Version("the present version", ROOT)
        with checked_out(given.commit, Path(temporary, "old")) as old:
            for version in (old, new):
                version.require_own_code()
            comparison = Comparison(old, new, make_legacy(old, scratch.resolve()), scratch)
            checks: list[Callable[[], str]] = [
                *(comparison.predict, comparison.evaluate, comparison.history, comparison.runs),
                *(comparison.retrain, comparison.rollback),
                *(comparison.train_again, comparison.resume, comparison.extend),
                comparison.conflict,
            ]
            for check in checks:
                try:
                    holds, what = "holds", check()
                except Failure as failure:
                    holds, what = "FAILS", str(failure)
                    failed += 1
                print(f"{check.__name__:<12} {holds}  {what}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
