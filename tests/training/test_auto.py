"""What a config leaves open: the precision, the batch size; and where decoded pictures are kept."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml

from imgclf.backend import keras
from imgclf.commands.evaluate import evaluate
from imgclf.commands.train import Trained, train
from imgclf.config.choices import Keep
from imgclf.config.load import load_config
from imgclf.config.loaded import LoadedConfig
from imgclf.config.network import declared_network
from imgclf.data.augmenting import leading_augmenting
from imgclf.data.cache import decode_all
from imgclf.data.dataset import read_dataset
from imgclf.data.decoder import DecoderSettings
from imgclf.data.folder import scan
from imgclf.errors import DataError, Interrupted, OutOfMemoryError
from imgclf.model_file.archive import read_manifest
from imgclf.runs.folder import RunFolder, Settled, all_runs
from imgclf.system import console
from imgclf.system.console import Advance
from imgclf.system.threads import do_meanwhile
from imgclf.system.time_limit import TimeLimit, within
from imgclf.training import fit as fitting
from imgclf.training import precision
from imgclf.work_folders import CACHE_DIRECTORY
from tests.support.heard import Heard, listen
from tests.support.trainings import CONFIG as LAYERS_OF_KERAS
from tests.support.trainings import STOPPER, assert_equal, log, weights

PETS = Path("pets.yaml")

# The flip is the source's.
CONFIG = LAYERS_OF_KERAS.replace("{mode: horizontal, dtype: float64}", "horizontal")


@pytest.fixture
def pets(drawn: Path, in_folder: Path) -> Path:
    """A data set and its config."""
    shutil.copytree(drawn, in_folder, dirs_exist_ok=True)
    PETS.write_text(CONFIG)
    return in_folder


def computes_in(model: keras.Model) -> dict[str, str]:
    layers = model.layers[1:]  # after the one that takes the pictures
    return {type(layer).__name__: layer.compute_dtype for layer in layers}


@pytest.mark.slow
def test_a_network_trained_in_bfloat16_is_published_in_float32(pets: Path) -> None:
    hue = "augmentation: [RandomHue: 0.1]"
    PETS.write_text(CONFIG.replace("augmentation: [RandomFlip: horizontal]", hue))
    done = train(PETS, ["training.precision=bfloat16"])
    assert done.record.settled == Settled("bfloat16", 16, changes_pixels=True)
    # The checkpoint is as it was trained: all but augmentation and output.
    checkpoint = keras.models.load_model(done.run.path / "checkpoints/best.keras")
    assert computes_in(checkpoint) == {
        "RandomHue": "float32",
        "Rescaling": "bfloat16",
        "Conv2D": "bfloat16",
        "Dropout": "bfloat16",
        "Flatten": "bfloat16",
        "Dense": "float32",
    }
    published = keras.models.load_model(done.model)
    assert read_manifest(done.model).trained_in == "bfloat16"
    assert set(computes_in(published).values()) == {"float32"}
    assert {str(weight.dtype) for weight in published.weights} == {"float32"}
    for ours, others in zip(published.get_weights(), checkpoint.get_weights(), strict=True):
        assert np.array_equal(ours, others)
    # Nothing is left switched on for the next network.
    assert keras.config.dtype_policy().name == "float32"


def settled_by(loaded: LoadedConfig, pictures: int = 48) -> str:
    network = declared_network(loaded, 2)
    return precision.choose_precision(network, loaded.config.training, None, pictures, 16)


def test_a_short_training_is_in_float32_without_a_try(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bfloat16_hardware", lambda: "some")
    assert settled_by(load_config(PETS)) == "float32"
    assert not CACHE_DIRECTORY.exists()


def test_without_hardware_for_bfloat16_nothing_is_tried(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bfloat16_hardware", lambda: None)
    assert settled_by(load_config(PETS), pictures=10**9) == "float32"
    assert not CACHE_DIRECTORY.exists()


def test_a_try_does_not_take_the_time_that_there_is(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bfloat16_hardware", lambda: "some")
    heard = listen()
    with within(TimeLimit(10, 0, lambda: 9.99)):
        assert settled_by(load_config(PETS), pictures=10**9) == "float32"
    assert "training in float32: to try bfloat16 would take too much of the time\n" in heard.text
    assert not list(CACHE_DIRECTORY.glob("precision-*.json"))


@pytest.mark.slow
def test_the_faster_precision_is_taken_and_the_times_are_remembered(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bfloat16_hardware", lambda: "some")
    loaded, heard = load_config(PETS), listen()
    chosen = settled_by(loaded, pictures=10**9)
    (file,) = CACHE_DIRECTORY.glob("precision-*.json")
    times = json.loads(file.read_text())
    faster = times["bfloat16"] < 0.9 * times["float32"]
    assert chosen == ("bfloat16" if faster else "float32")
    assert f"training in {chosen}: a step takes" in heard.text
    # To the layers of the training that follows, it is as if nothing had been built.
    assert keras.layers.Conv2D(1, 1).name == "conv2d"
    for bfloat16, expected in ((0.5, "bfloat16"), (0.95, "float32"), (3.0, "float32")):
        file.write_text(json.dumps({"float32": 1.0, "bfloat16": bfloat16}))
        assert settled_by(loaded, pictures=10**9) == expected
    # Another network has other times.
    wider = load_config(PETS, ["model.layers=[Flatten]"])
    settled_by(wider, pictures=10**9)
    assert len(list(CACHE_DIRECTORY.glob("precision-*.json"))) == 2


@pytest.mark.slow
def test_damaged_times_are_measured_again(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bfloat16_hardware", lambda: "some")
    settled_by(load_config(PETS), pictures=10**9)
    (file,) = CACHE_DIRECTORY.glob("precision-*.json")
    file.write_text('{"float32": "soon"}')
    settled_by(load_config(PETS), pictures=10**9)
    assert set(json.loads(file.read_text())) == {"float32", "bfloat16"}


def interrupted(moment: str, *overrides: str) -> RunFolder:
    """Trains until it is interrupted there."""
    PETS.write_text(
        f"{CONFIG}callbacks:\n- stopper.py:Stop\n- BackupAndRestore: {{save_freq: 1}}\n"
        "- ModelCheckpoint: {filepath: last.keras}\n"
    )
    Path("stopper.py").write_text(STOPPER)
    Path("stop").write_text(moment)
    with pytest.raises(Interrupted):
        train(PETS, overrides)
    return all_runs()[-1]


def settle_otherwise(run: RunFolder, **settled: object) -> None:
    document = json.loads((run.path / "run.json").read_text())
    document["settled"].update(settled)
    (run.path / "run.json").write_text(json.dumps(document))


@pytest.mark.slow
def test_an_interrupted_training_goes_on_in_the_precision_it_began_in(pets: Path) -> None:
    expected = log(train(PETS, ["training.precision=bfloat16"]))
    run = interrupted("epoch 2", "training.precision=bfloat16")
    resumed = train(PETS, ["training.precision=bfloat16"])
    assert resumed.outcome == "resumed"
    assert resumed.run.path == run.path
    assert resumed.record.settled == Settled("bfloat16", 16, changes_pixels=True)
    assert log(resumed) == expected


@pytest.mark.slow
def test_what_auto_came_to_is_kept_by_a_resumed_training(pets: Path) -> None:
    run = interrupted("epoch 2")
    settle_otherwise(run, precision="bfloat16")
    resumed = train(PETS)
    assert resumed.record.settled == Settled("bfloat16", 16, changes_pixels=True)
    last = keras.models.load_model("last.keras")
    assert computes_in(last)["Conv2D"] == "bfloat16"


# Leaves each step so little more memory than there is that one of 32 pictures has no room. Between
# them there is no limit, for threads that can't be begun end the process.
MISER = """\
import resource
from imgclf.backend import keras

def limit(size):
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))

class Miser(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        limit(resource.RLIM_INFINITY)

    def on_train_batch_begin(self, batch, logs=None):
        pages = int(open("/proc/self/statm").read().split()[0])
        limit(pages * resource.getpagesize() + 1200 * 2**20)

    def on_train_batch_end(self, batch, logs=None):
        limit(resource.RLIM_INFINITY)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("batch_size", ["auto", "32"])
def test_where_memory_ends_a_batch_size_of_auto_is_halved_and_the_training_goes_on(
    pets: Path, batch_size: str
) -> None:
    """Pictures are made larger: 32 of them take 1.6 GB, where 1.2 are to be had."""
    larger = "    - UpSampling2D: {size: 64}\n    - GlobalAveragePooling2D\n"
    before, _, after = CONFIG.partition("    - Conv2D")
    head = after[after.index("training:") :].replace("epochs: 4", "epochs: 2")
    PETS.write_text(f"{before}{larger}{head}callbacks: [miser.py:Miser]\n")
    Path("miser.py").write_text(MISER)
    overrides, heard = [f"data.batch_size={batch_size}"], listen()
    try:
        if batch_size == "32":
            with pytest.raises(OutOfMemoryError, match=r"--set data\.batch_size=16 --fresh"):
                train(PETS, overrides)
            return
        done = train(PETS, overrides)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    assert done.record.settled is not None
    assert done.record.settled.batch_size == 16
    assert "does not suffice for batches of 32 pictures; starting over with 16" in heard.text
    assert [line.split(",")[0] for line in log(done).splitlines()] == ["epoch", "0", "1"]


@pytest.mark.slow
def test_a_smaller_batch_size_goes_on_where_the_larger_one_was(pets: Path) -> None:
    run = interrupted("epoch 1 batch 1", "data.batch_size=auto", "data.image_size=16")
    settle_otherwise(run, batch_size=8)
    heard = listen()
    resumed = train(PETS, ["data.batch_size=auto", "data.image_size=16"])
    # The first batch of 32 of the second epoch is done: four of 8.
    assert "going on after epoch 1, batch 4" in heard.text
    assert resumed.record.settled == Settled("float32", 8, changes_pixels=True)
    assert [line.split(",")[0] for line in log(resumed).splitlines()] == [
        "epoch",
        *"0123",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["memory", "none"])
def test_where_decoded_pictures_are_kept_makes_no_difference_to_the_model(
    pets: Path, keep: str
) -> None:
    expected = train(PETS)
    shutil.rmtree(CACHE_DIRECTORY)
    before = weights(expected.model)
    done: Trained = train(PETS, [f"data.cache={keep}"], fresh=True)
    evaluate(done.model, None, [])
    assert not list(CACHE_DIRECTORY.glob("*.npy"))
    assert_equal(done, expected)
    assert all(map(np.array_equal, before, weights(done.model)))
    # It is the same training, so that nothing is to be done if the key changes.
    assert train(PETS, ["data.cache=disk"]).outcome == "unchanged"


def test_what_is_on_disk_is_used_wherever_more_would_be_kept(pets: Path) -> None:
    settings = DecoderSettings(32, 32, "stretch")
    pictures = scan(Path("dataset"), 0.2, 123).training
    on_disk = decode_all(pictures, settings).pixels
    again = decode_all(pictures, settings, keep="none").pixels
    assert isinstance(again, np.memmap)
    assert np.array_equal(on_disk, again)


def test_pictures_that_are_decoded_on_demand_are_those_of_the_cache(pets: Path) -> None:
    settings = DecoderSettings(20, 30, "pad")
    pictures = scan(Path("dataset"), 0.2, 123).training
    on_demand = decode_all(pictures, settings, keep="none")
    in_memory = decode_all(pictures, settings, keep="memory")
    rows = np.array([3, 1, 1, 7])
    assert on_demand.pixels.shape == in_memory.pixels.shape == (len(pictures), 20, 30, 3)
    assert np.array_equal(on_demand.pixels[rows], in_memory.pixels[rows])
    assert np.array_equal(on_demand.pixels[rows[0]], in_memory.pixels[rows[0]])


@pytest.mark.parametrize("keep", ["disk", "memory", "none"])
def test_something_else_is_done_while_pictures_are_decoded_and_not_if_none_are(
    pets: Path, keep: Keep
) -> None:
    settings, done = DecoderSettings(20, 30, "pad"), []
    pictures = scan(Path("dataset"), 0.2, 123).training

    def decode_them() -> None:
        with do_meanwhile(lambda: done.append(keep), needed=False):
            decode_all(pictures, settings, keep=keep)

    decode_them()
    assert done == [keep]
    if keep == "none":  # which of them can be read is known by now
        decode_them()
        assert done == [keep]
    decode_all(pictures, settings)  # on disk now
    decode_them()
    assert done == [keep]


def test_where_all_is_decoded_something_else_is_done_while_files_are_read(pets: Path) -> None:
    def done_in(settings: DecoderSettings, *, needed: bool) -> list[str]:
        """What was done, in its order; "!" is something else."""
        done: list[str] = []

        class Noting(Heard):
            @contextmanager
            def track(self, description: str, total: int | None = None) -> Iterator[Advance]:
                done.append(description)
                with super().track(description, total) as advance:
                    yield advance

        console.use(Noting())
        with do_meanwhile(lambda: done.append("!"), needed=needed):
            read_dataset(Path("dataset"), 0.2, 1, settings, "disk")
        return done

    settings = DecoderSettings(20, 30, "pad")
    assert done_in(settings, needed=True) == ["reading pictures", "!", "decoding pictures"]
    assert done_in(settings, needed=True) == ["!", "reading pictures"]
    assert done_in(settings, needed=False) == ["reading pictures"]
    larger = DecoderSettings(20, 31, "pad")
    assert done_in(larger, needed=True) == ["reading pictures", "!", "decoding pictures"]


def test_a_picture_that_can_not_be_read_any_more_is_named(pets: Path) -> None:
    settings = DecoderSettings(20, 30, "pad")
    pictures = scan(Path("dataset"), 0.2, 123).training
    on_demand = decode_all(pictures, settings, keep="none").pixels
    pictures[2].path.unlink()
    with pytest.raises(DataError, match=pictures[2].path.name):
        on_demand[np.array([0, 2])]


VANDAL = """\
import pathlib
from imgclf.backend import keras

class Vandal(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1 and not pathlib.Path("struck").exists():
            pathlib.Path("struck").touch()
            for picture in pathlib.Path("dataset/cat").iterdir():
                picture.unlink()
"""


@pytest.mark.slow
def test_a_picture_that_vanishes_while_training_is_named_and_the_training_can_go_on(
    pets: Path,
) -> None:
    PETS.write_text(CONFIG + "callbacks: [vandal.py:Vandal]\n")
    Path("vandal.py").write_text(VANDAL)
    shutil.copytree("dataset", "kept")
    with pytest.raises(DataError, match="could be read when the training began"):
        train(PETS, ["data.cache=none"])
    shutil.copytree("kept", "dataset", dirs_exist_ok=True)
    assert train(PETS, ["data.cache=none"]).outcome == "resumed"


def as_an_earlier_version_left_it(run: RunFolder) -> None:
    """Without what the config leaves open, in record and config."""
    document = json.loads((run.path / "run.json").read_text())
    del document["settled"]
    (run.path / "run.json").write_text(json.dumps(document))
    resolved = yaml.safe_load(run.config_resolved.read_text())
    del resolved["data"]["cache"], resolved["training"]["precision"]
    del resolved["training"]["distribution"]
    run.config_resolved.write_text(yaml.safe_dump(resolved, sort_keys=False))


@pytest.mark.slow
def test_a_run_of_an_earlier_version_goes_on_with_keras_s_own_augmentation(pets: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fitting, "leading_augmenting", lambda layers, pixels: None)
        run = interrupted("epoch 2")
    as_an_earlier_version_left_it(run)
    resumed = train(PETS)
    assert resumed.outcome == "resumed"
    assert resumed.run.path == run.path
    assert resumed.record.settled == Settled("float32", 16, resampled=False)
    assert "RandomFlip" in computes_in(keras.models.load_model("last.keras"))


@pytest.mark.slow
def test_a_run_of_an_earlier_version_goes_on_with_what_was_done_in_the_step(pets: Path) -> None:
    augmented = "augmentation=[{RandomFlip: horizontal}, RandomErasing]"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            fitting,
            "leading_augmenting",
            lambda layers, pixels: leading_augmenting(layers, pixels=False),
        )
        run = interrupted("epoch 2", augmented)
    document = json.loads((run.path / "run.json").read_text())
    del document["settled"]["changes_pixels"]
    (run.path / "run.json").write_text(json.dumps(document))
    resumed = train(PETS, [augmented])
    assert resumed.outcome == "resumed"
    trained = computes_in(keras.models.load_model("last.keras"))
    assert {"RandomFlip", "RandomErasing"} & set(trained) == {"RandomErasing"}


@pytest.mark.slow
def test_a_try_that_fails_leaves_the_training_in_float32(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bfloat16_hardware", lambda: "some")
    monkeypatch.setattr("imgclf.config.network_size.MOST_VALUES", 1 << 60)  # else it is refused
    size = "{size: [10000000, 1]}"
    giant = f"    - UpSampling2D: {size}\n    - GlobalAveragePooling2D\n"
    PETS.write_text(CONFIG.replace("    - Flatten\n", giant))
    heard = listen()
    assert settled_by(load_config(PETS), pictures=10**9) == "float32"
    assert "a try in bfloat16 came to nothing" in heard.text


def test_a_processor_that_computes_in_bfloat16_is_named_once_for_all_cores() -> None:
    core = "model name\t: Xeon\nflags\t\t: fpu avx512_bf16 amx_bf16\n\n"
    assert precision.bfloat16_processor(core + core) == "amx_bf16 avx512_bf16 Xeon"
    assert precision.bfloat16_processor("processor : 0\nFeatures : fp bf16\n") == "bf16"
    assert precision.bfloat16_processor("model name : Xeon\nflags : fpu\n") is None
