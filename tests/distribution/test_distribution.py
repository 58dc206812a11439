"""Trainings in several processes: real ones, on the loopback interface."""

from __future__ import annotations

import csv
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from imgclf.commands.predict import predict
from imgclf.commands.retrain import retrain
from imgclf.commands.train import train
from imgclf.corrections.inputs import read_inputs
from imgclf.data.batch_share import Share
from imgclf.data.drawn_sample import draw_sample
from imgclf.data.source import Examples, Source
from imgclf.distribution.processes import Processes, find_processes
from imgclf.errors import UsageError
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.runs.changes import compare, fields
from imgclf.runs.commits import load_latest
from tests.support.config_texts import SMALLEST, load, problems, with_callbacks

needs_jax = pytest.mark.skipif(
    find_spec("jax") is None, reason="JAX is not installed: pip install 'imgclf[distributed]'"
)

# 32 pictures to train on and 8 to validate on. What is random, what counts over a whole batch,
# and what decides by a metric: all of it has to come out alike in all processes.
CONFIG = """\
data: {directory: dataset, image_size: 16, batch_size: 8}
augmentation: [RandomFlip: horizontal]
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 4, kernel_size: 3, strides: 2, activation: relu}
    - BatchNormalization
    - Dropout: 0.1
    - Flatten
training: {epochs: 3, distribution: data_parallel}
callbacks:
  - ReduceLROnPlateau: {patience: 1}
  - digests.py:Digests
"""

PRETRAINED = """\
data: {directory: dataset, image_size: 16, batch_size: 8}
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 4, kernel_size: 3, strides: 2, activation: relu}
    - BatchNormalization
    - GlobalAveragePooling2D
training: {epochs: 1}
"""
FINE_TUNED = """\
data: {directory: dataset, image_size: 16, batch_size: 8}
model: {backbone: models/base.keras, layers: [{Dropout: 0.1}]}
training: {epochs: 2, fine_tune: 2, distribution: data_parallel}
callbacks: [ReduceLROnPlateau: {patience: 1}, "digests.py:Digests"]
"""

# Each process leaves a digest of its weights after each epoch, under its own name.
DIGESTS = """\
import hashlib, os
import jax
from imgclf.backend import keras

class Digests(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        digest = hashlib.sha256(b"".join(one.tobytes() for one in self.model.get_weights()))
        with open(f"digests-{jax.process_count()}-{jax.process_index()}", "a") as file:
            print(epoch, digest.hexdigest(), file=file)

    def get_state(self):
        return {}

    def set_state(self, state):
        pass
"""


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Has JAX keep what it compiles for the next process, which saves a quarter of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
        yield


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def together(count: int, index: int, port: int) -> dict[str, str]:
    return {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
        "KERAS_DISTRIBUTION_PROCESS_ID": str(index),
    }


@contextmanager
def started(count: int, *options: str, **environment: str) -> Iterator[list[subprocess.Popen[str]]]:
    """`imgclf train pets.yaml` in so many processes."""
    port = free_port()
    command = [sys.executable, "-m", "imgclf", "train", "pets.yaml", *options]
    processes = [
        subprocess.Popen(
            command,
            env=os.environ | together(count, index, port) | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def with_two_devices(*options: str) -> str:
    """What one process with two devices says while it trains."""
    with started(1, *options, XLA_FLAGS="--xla_force_host_platform_device_count=2") as processes:
        ((status, _, said),) = ended(processes)
    assert status == 0
    return said


def ended(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit status, stdout and stderr of each."""
    told = [process.communicate(timeout=120) for process in processes]
    return [(process.returncode, *texts) for process, texts in zip(processes, told, strict=True)]


def wait_for(happens: Callable[[], object], *processes: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not happens():
        assert time.monotonic() < end
        assert all(process.poll() is None for process in processes)
        time.sleep(0.05)


def prepare(folder: Path) -> None:
    draw_sample(folder / "dataset", 20, seed=1)
    (folder / "pets.yaml").write_text(CONFIG)
    (folder / "digests.py").write_text(DIGESTS)


def digests(folder: Path, count: int, index: int) -> list[str]:
    return (folder / f"digests-{count}-{index}").read_text().splitlines()


def log(folder: Path) -> list[dict[str, float]]:
    (file,) = folder.glob("runs/pets/*/training.csv")
    return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file.open())]


def files(folder: Path) -> set[str]:
    """What lies there, but for what is named by the time, a process or a checksum."""
    changing = re.compile(r"\d{4}-\d\d-\d\dT[\d-]+|digests-\d-\d|events\.[^/]*|[0-9a-f]{32,}")
    return {changing.sub("*", str(path.relative_to(folder))) for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def one_and_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same training in one process and in two, each in a folder of its own."""
    folders = []
    before = Path.cwd()
    for count in (1, 2):
        folder = tmp_path_factory.mktemp(f"processes{count}")
        prepare(folder)
        os.chdir(folder)
        try:
            with started(count) as processes:
                told = ended(processes)
        finally:
            os.chdir(before)
        (folder / "told").write_bytes(pickle.dumps(told))
        folders.append(folder)
    return folders[0], folders[1]


def told(folder: Path) -> list[tuple[int, str, str]]:
    return pickle.loads((folder / "told").read_bytes())  # type: ignore[no-any-return]


@pytest.mark.slow
@needs_jax
def test_two_processes_end_with_equal_weights(one_and_two: tuple[Path, Path]) -> None:
    _, two = one_and_two
    assert [status for status, _, _ in told(two)] == [0, 0]
    assert len(digests(two, 2, 0)) == 3
    assert digests(two, 2, 0) == digests(two, 2, 1)


@pytest.mark.slow
@needs_jax
def test_the_log_of_two_processes_is_that_of_one(one_and_two: tuple[Path, Path]) -> None:
    one, two = map(log, one_and_two)
    assert len(one) == 3
    for alone, shared in zip(one, two, strict=True):
        assert alone.keys() == shared.keys() >= {"loss", "val_loss", "accuracy", "val_accuracy"}
        assert shared == pytest.approx(alone, abs=1e-3)


@pytest.mark.slow
@needs_jax
def test_two_processes_train_as_one_with_two_devices_bit_for_bit(
    one_and_two: tuple[Path, Path], in_folder: Path
) -> None:
    prepare(in_folder)
    said = with_two_devices("--set", "training.epochs=4")
    assert "1 process with 2 devices: 4 of each 8 pictures go to each device\n" in said
    assert log(in_folder)[:3] == log(one_and_two[1])
    assert digests(in_folder, 1, 0)[:3] == digests(one_and_two[1], 2, 0)

    # Nor does it matter how many processes go on with what two have begun.
    two = shutil.copytree(one_and_two[1], in_folder / "two")
    os.chdir(two)
    assert "going on after epoch 3\n" in with_two_devices("--set", "training.epochs=4")
    assert log(in_folder) == log(two)
    assert digests(in_folder, 1, 0)[3:] == digests(two, 1, 0)


@pytest.mark.slow
@needs_jax
def test_only_the_first_process_writes_and_speaks(one_and_two: tuple[Path, Path]) -> None:
    one, two = one_and_two
    assert files(two) == files(one)
    assert "runs/pets/*/training.csv" in files(one)
    first, second = told(two)
    assert second == (0, "", "")
    assert "2 processes with 2 devices: 4 of each 8 pictures go to each device\n" in first[2]
    assert "model: models/pets.keras\n" in first[1]
    for line in first[2].splitlines():  # nothing that JAX or TensorFlow print
        assert re.match(
            r"2 classes|2 processes|epoch |writing |trained |curves|report|TensorB|to see|next",
            line,
        )


@pytest.mark.slow
@needs_jax
def test_the_published_model_predicts_and_is_corrected_on_tensorflow(
    one_and_two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(one_and_two[1], tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    model = Path("models/pets.keras")
    manifest = read_manifest(model)
    assert manifest.features_sha256 is not None
    from imgclf.backend import keras

    assert keras.backend.backend() == "tensorflow"
    (run,) = Path("runs/pets").iterdir()
    best = keras.models.load_model(run / "checkpoints" / "best.keras").get_weights()
    ours = keras.models.load_model(model).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(ours, best, strict=True))
    pictures = [str(path) for path in sorted(Path("dataset").rglob("*.jpg"))]
    answers = list(predict(open_classifier(model), pictures))
    wrong = next(one.path for one in answers if one.label != Path(one.path).parent.name)
    label = Path(wrong).parent.name
    done = retrain(model, read_inputs([wrong], label, []))
    assert [(one.before.path, one.label) for one in done.pictures] == [(wrong, label)]


@pytest.mark.slow
@needs_jax
def test_a_pretrained_network_is_trained_in_both_phases_by_two_processes_alike(
    in_folder: Path,
) -> None:
    prepare(in_folder)
    (in_folder / "base.yaml").write_text(PRETRAINED)
    train(Path("base.yaml"))
    (in_folder / "pets.yaml").write_text(FINE_TUNED)
    with started(2) as processes:
        assert [status for status, _, _ in ended(processes)] == [0, 0]
    assert len(digests(in_folder, 2, 0)) == 4
    assert digests(in_folder, 2, 0) == digests(in_folder, 2, 1)
    assert [row["phase"] for row in log(in_folder)] == [1, 1, 2, 2]
    features = open_classifier(Path("models/pets.keras")).manifest.features_sha256
    assert features is not None


@pytest.mark.slow
@needs_jax
def test_when_a_process_is_killed_the_other_ends_and_both_go_on_as_if_nothing_had_been(
    one_and_two: tuple[Path, Path], in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(in_folder)
    temporary = in_folder.parent / f"{in_folder.name}-temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    # So that it is killed in an epoch; the digests don't depend on how long one takes.
    slow = DIGESTS + (
        "    def on_train_batch_end(self, batch, logs=None):\n"
        "        import time; time.sleep(0.2)\n"
    )
    (in_folder / "digests.py").write_text(slow)
    with started(2) as (first, second):
        wait_for(lambda: list(Path().glob("runs/pets/*/state/commit-000001")), first, second)
        second.kill()
        killed = time.monotonic()
        _, said = first.communicate(timeout=60)
        assert time.monotonic() - killed < 60
    assert first.returncode == 75
    assert "imgclf: process 1 of 2 is gone, so process 0 has ended" in said
    assert "what was committed is kept" in said
    assert "Traceback" not in said
    (run,) = Path("runs/pets").iterdir()
    assert load_latest(run / "state") is not None
    for index in (0, 1):  # with what the killed one may have left of an epoch that is done again
        Path(f"digests-2-{index}").unlink(missing_ok=True)

    (in_folder / "digests.py").write_text(DIGESTS)
    with started(2) as processes:
        results = ended(processes)
    assert [status for status, _, _ in results] == [0, 0]
    assert "going on after epoch" in results[0][2]
    assert list(Path("runs/pets").iterdir()) == [run]
    assert log(in_folder) == log(one_and_two[1])
    assert list(temporary.iterdir()) == []  # nor is anything of the killed one's there
    last = digests(one_and_two[1], 2, 0)[-1]
    assert digests(in_folder, 2, 0)[-1] == digests(in_folder, 2, 1)[-1] == last


@pytest.mark.slow
@needs_jax
def test_sigterm_to_one_process_stops_both_after_the_same_step(in_folder: Path) -> None:
    prepare(in_folder)
    with started(2, "--set", "training.epochs=900") as (first, second):
        wait_for(lambda: list(Path().glob("runs/pets/*/state/commit-000001")), first, second)
        second.send_signal(signal.SIGTERM)
        results = ended([first, second])
    assert [(status, out) for status, out, _ in results] == [(143, ""), (143, "")]
    assert re.search(r"saved (in|after) epoch \d+", results[0][2])
    assert "imgclf: terminated; what was trained is kept" in results[0][2]
    assert "to go on: imgclf train pets.yaml --set training.epochs=900" in results[0][2]
    (run,) = Path("runs/pets").iterdir()
    commit = load_latest(run / "state")
    assert commit is not None
    where = f"epoch {commit.epoch + 1} after batch {commit.batch}"
    assert (
        f"saved in {where}" in results[0][2]
        or f"saved after epoch {commit.epoch}" in (results[0][2])
    )


@pytest.mark.slow
@needs_jax
def test_what_keeps_one_process_from_beginning_is_said_by_all(in_folder: Path) -> None:
    prepare(in_folder)
    with started(2, "--set", "data.batch_size=7") as processes:
        results = ended(processes)
    for status, out, said in results:
        assert (status, out) == (2, "")
        assert "data.batch_size is 7, which 2 devices don't divide" in said
        assert "--set data.batch_size=8" in said


@pytest.mark.slow
@needs_jax
def test_what_ends_the_first_process_early_ends_the_others(in_folder: Path) -> None:
    prepare(in_folder)
    shutil.rmtree("dataset/cat")
    with started(2) as processes:
        results = ended(processes)
    assert [(status, out) for status, out, _ in results] == [(2, ""), (2, "")]
    first, second = (said.partition("imgclf: ")[2] for _, _, said in results)
    assert second == f"process 0 has ended: {first}"


def test_without_jax_the_message_names_the_extra(in_folder: Path) -> None:
    prepare(in_folder)
    # A `jax` that can't be found, whatever is installed.
    hidden = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'jax' else find(name, *more)\n"
        "sys.argv[1:] = ['train', 'pets.yaml']\n"
        "from imgclf.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "imgclf: training.distribution: data_parallel needs JAX\n"
        "pip install 'imgclf[distributed]'\n"
    )


def test_a_half_set_environment_is_an_error_without_keras(in_folder: Path) -> None:
    prepare(in_folder)
    seen = (
        "import sys; sys.argv[1:] = ['train', 'pets.yaml']\n"
        "from imgclf.__main__ import main\n"
        "try:\n    main()\nfinally:\n"
        "    assert not {'keras', 'jax', 'tensorflow'} & set(sys.modules)"
    )
    environment = together(2, 0, 1234)
    del environment["KERAS_DISTRIBUTION_PROCESS_ID"]
    done = subprocess.run(
        [sys.executable, "-c", seen], env=os.environ | environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "imgclf: KERAS_DISTRIBUTION_PROCESS_ID is not set, and KERAS_DISTRIBUTION_JOB_ADDRESSES "
        "and KERAS_DISTRIBUTION_NUM_PROCESSES are\n"
        "set all three for several processes, or none of them for one\n"
    )


SLURM = {
    "SLURM_JOB_ID": "4099",
    "SLURM_STEP_NODELIST": "node[003-004]",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_PROCID": "1",
}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Processes()),
        (together(1, 0, 1234), Processes()),
        (together(2, 1, 1234), Processes(2, 1, "127.0.0.1:1234")),
        (
            together(2, 0, 1) | {"KERAS_DISTRIBUTION_JOB_ADDRESSES": "a:1,b:1"},
            Processes(2, 0, "a:1"),
        ),
        (SLURM, Processes(2, 1, "node003:61443")),
        (SLURM | {"SLURM_STEP_NODELIST": "one,two[1-3]"}, Processes(2, 1, "one:61443")),
        (SLURM | {"SLURM_STEP_NODELIST": "r[2,7-9]-ib,x"}, Processes(2, 1, "r2-ib:61443")),
        (SLURM | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, Processes()),
        (
            SLURM | {"KERAS_DISTRIBUTION_JOB_ADDRESSES": "node003:7000"},
            Processes(2, 1, "node003:7000"),
        ),
        # A batch script that starts nothing with srun is one process, whatever was asked for.
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, Processes()),
        # An Indexed Job by itself may be so many separate trainings.
        ({"JOB_COMPLETION_INDEX": "3"}, Processes()),
        (
            {
                "JOB_COMPLETION_INDEX": "3",
                "KERAS_DISTRIBUTION_NUM_PROCESSES": "4",
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": "pets-0.pets:1234",
            },
            Processes(4, 3, "pets-0.pets:1234"),
        ),
    ],
)
def test_the_environment_says_who_a_process_is(
    environment: dict[str, str], expected: Processes
) -> None:
    assert find_processes(environment) == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("KERAS_DISTRIBUTION_PROCESS_ID", "2", "is '2'; allowed: a whole number from 0 to 1"),
        ("KERAS_DISTRIBUTION_NUM_PROCESSES", "two", "is 'two'; allowed: a whole number from 1"),
        ("KERAS_DISTRIBUTION_JOB_ADDRESSES", "node001", "is 'node001'"),
        ("KERAS_DISTRIBUTION_JOB_ADDRESSES", "a:1,b:1,c:1", "lists 3 addresses for 2 processes"),
    ],
)
def test_what_a_variable_can_not_be_is_an_error(name: str, value: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"{name} {message}")):
        find_processes(together(2, 1, 1234) | {name: value})


def test_shares_of_a_batch_make_the_batch() -> None:
    random = np.random.default_rng(3)
    pixels = random.integers(0, 255, (23, 8, 8, 3)).astype(np.uint8)
    labels = np.arange(23)
    examples = Examples(pixels, np.arange(23), labels)
    whole = Source(examples, 8, shuffle_seed=5)
    shares = [Source(examples, 8, 5, share=Share(i, 2, 4)) for i in range(2)]
    batches = list(whole.batches())
    assert [len(labels) for _, labels in batches] == [8, 8, 7]
    assert {share.num_batches for share in shares} == {3}
    # Four devices get four pictures of the last seven; the same are left out by both processes.
    for batch, *parts in zip(batches, *(share.batches() for share in shares), strict=True):
        usable = len(batch[1]) - len(batch[1]) % 4
        assert [len(labels) for _, labels in parts] == [usable // 2] * 2
        np.testing.assert_array_equal(np.concatenate([x for x, _ in parts]), batch[0][:usable])
        np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), batch[1][:usable])


def test_a_last_batch_of_fewer_pictures_than_devices_is_left_out() -> None:
    examples = Examples(np.zeros((17, 8, 8, 3), np.uint8), np.arange(17), np.arange(17))
    source = Source(examples, 8, 1, share=Share(0, 1, 2))
    assert source.num_batches == 2
    assert [len(labels) for _, labels in source.batches()] == [8, 8]


def test_a_run_from_before_the_key_is_the_same_training() -> None:
    loaded = load(SMALLEST)
    earlier = loaded.config.written()
    assert earlier["training"].pop("distribution") == "none"
    assert compare(fields(earlier), fields(loaded.config.written())) == []
    spread = load(SMALLEST, "training.distribution=data_parallel")
    (change,) = compare(fields(earlier), fields(spread.config.written()))
    assert (change.key, change.before, change.now) == (
        "training.distribution",
        "none",
        "data_parallel",
    )


def test_orbax_and_several_processes_are_refused() -> None:
    orbax = with_callbacks("OrbaxCheckpoint: {directory: orbax}")
    found = problems(orbax, "training.distribution=data_parallel")
    message = "OrbaxCheckpoint can't be used with training.distribution: data_parallel"
    assert ("callbacks.0", message) in [(one.key, one.message) for one in found]


def test_several_processes_need_a_batch_size_that_is_a_number() -> None:
    found = problems(SMALLEST, "training.distribution=data_parallel", "data.batch_size=auto")
    assert [(one.key, one.received) for one in found] == [("--set data.batch_size=auto", "auto")]
