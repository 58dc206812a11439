"""Kills trainings with SIGKILL, resumes them, and compares them with one that nothing killed.

    python -m benchmarks.crash [--first F] [--every K] [--random N] [--seed S]
    python -m benchmarks.crash --stock [--every K] [--random N]     the control arm

Each training of five epochs is killed at its n-th step towards the disk (see
tests/support/dying_disk.py; a write is torn in its middle), for n = F, F + K, F + 2K, ... until one
survives, and then N times after a random time; each time the plain command is given again until
it ends. What must be equal then, byte for byte: the final weights, training.csv, the history,
the published model's weights, the best checkpoint's; one version, and no temporary file.

The control arm is the same with Keras's own BackupAndRestore and CSVLogger(append=True), in the
order in which the documentation lists them, and compares final weights and log only.

Every run is a child that is forked after TensorFlow's import, before its first operation.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from imgclf.data.drawn_sample import draw_sample
from tests.support.dying_disk import dying_disk

CONFIG = """\
data: {directory: dataset, image_size: 24, batch_size: 8}
augmentation: [RandomFlip: horizontal, RandomRotation: 0.1]
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 4, kernel_size: 3, strides: 2, activation: relu}
    - Dropout: 0.25
    - Flatten
training: {epochs: 5, optimizer: {Adam: 0.01}}
callbacks:
  - EarlyStopping: {patience: 4, restore_best_weights: true}
  - ReduceLROnPlateau: {monitor: val_loss, patience: 1, factor: 0.5, cooldown: 1}
  - ModelCheckpoint: {monitor: val_loss, save_best_only: true}
  - LearningRateScheduler: {schedule: exponential, rate: -0.2, start_epoch: 1}
  - BackupAndRestore: {save_freq: 2}
"""
MOST_ATTEMPTS = 20


def train_ours() -> None:
    from imgclf.commands.train import train
    from imgclf.system import console

    with Path("notes.txt").open("a") as stream:
        console.use(console.Console(stream))
        train(Path("pets.yaml"))


def result_of_ours() -> dict[str, object]:
    """Read without Keras, for the parent must not start TensorFlow."""
    from imgclf.model_file.archive import WEIGHTS, ModelArchive
    from imgclf.model_file.versions import versions
    from imgclf.runs.commits import load_latest

    (run,) = {path.parent for path in Path("runs").rglob("run.json")}
    commit = load_latest(run / "state")
    assert commit is not None
    model = Path("models/pets.keras")
    with ModelArchive(model) as archive:
        archive.verify_weights(archive.manifest())
        archive.verify_graphs(archive.manifest())
        published = archive.read(WEIGHTS)
    with ModelArchive(run / "checkpoints/best.keras") as archive:
        best = archive.read(WEIGHTS)
    left = [path for path in Path().rglob(".*") if ".tmp" in path.name or "unfin" in path.name]
    return {
        "weights": [value.tobytes() for value in commit.variables["weights"]],
        "optimizer": [value.tobytes() for value in commit.variables["optimizer"]],
        "log": (run / "training.csv").read_bytes(),
        "history": commit.history,
        "published": hashlib.sha256(published).hexdigest(),
        "best": hashlib.sha256(best).hexdigest(),
        "versions": [manifest.version for manifest in versions(model)],
        "left over": left,
    }


def train_stock() -> None:
    from benchmarks.stock_backup import train

    train()


def result_of_stock() -> dict[str, object]:
    log = Path("training.csv").read_bytes()
    return {"weights": Path("final.sha256").read_text(), "log": log}


def fork(work: Callable[[], None], dies_at: int | None, seconds: float | None) -> bool:
    """Runs in a child, which is killed at a step or after a time; whether it survived."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with dying_disk(dies_at, really=True), Path("errors.txt").open("a") as errors:
                os.dup2(errors.fileno(), 1)
                os.dup2(errors.fileno(), 2)
                work()
            status = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        raise RuntimeError(Path("errors.txt").read_text().strip().splitlines()[-1][:300])
    return True


def make_folder(parent: Path, drawn: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=parent))
    (folder / "dataset").symlink_to(drawn)
    (folder / "pets.yaml").write_text(CONFIG)
    return folder


def differences(found: dict[str, object], expected: dict[str, object]) -> list[str]:
    return [name for name in expected if found[name] != expected[name]]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="0 for no steps")
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stock", action="store_true")
    given = parser.parse_args()
    work, result = (train_stock, result_of_stock) if given.stock else (train_ours, result_of_ours)
    # All that a child would import, for an import costs seconds.

    start = Path.cwd()
    chance = random.Random(given.seed)
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        drawn = Path(scratch, "drawn")
        draw_sample(drawn, 24, seed=1)

        def trial(dies_at: int | None, seconds: float | None) -> tuple[bool, dict[str, object]]:
            """One training, killed once, and then resumed; whether it was killed at all."""
            folder = make_folder(Path(scratch), drawn)
            os.chdir(folder)
            try:
                killed = not fork(work, dies_at, seconds)
                if killed:
                    fork(work, None, None)
                return killed, result()
            finally:
                os.chdir(start)
                shutil.rmtree(folder)

        began = time.monotonic()
        _, expected = trial(None, None)
        whole = time.monotonic() - began
        print(f"uninterrupted: {whole:.1f} s", flush=True)

        def judge(what: str, dies_at: int | None, seconds: float | None) -> bool:
            try:
                killed, found = trial(dies_at, seconds)
                wrong = differences(found, expected)
            except Exception as error:
                killed, wrong = True, [f"can't go on: {type(error).__name__}: {error}"]
            if killed:
                outcomes["the same" if not wrong else "not the same"] += 1
                if wrong:
                    print(f"{what}: {', '.join(wrong)}", flush=True)
            return killed

        if given.every:
            number = given.first
            while judge(f"step {number}", number, None):
                number += given.every
            print(f"steps survived from {number} on: {dict(outcomes)}", flush=True)
        for count in range(given.random):
            seconds = chance.uniform(0, whole)
            judge(f"random {count}, after {seconds:.2f} s", None, seconds)
    print(f"killed and resumed: {dict(outcomes)}")
    return 0 if not outcomes["not the same"] else 1


if __name__ == "__main__":
    sys.exit(main())
