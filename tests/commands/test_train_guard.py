"""A training replaces a model only if its own is not worse on pictures that neither has seen."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from imgclf.cli import app
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.train import Trained, train
from imgclf.corrections.replay_memory import load_memory
from imgclf.data.picture_files import file_digest
from imgclf.model_file.archive import FEATURES, MANIFEST, ModelArchive, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.held_out import read_held_out
from imgclf.model_file.pictures_seen import short_digest
from imgclf.model_file.versions import versions
from imgclf.runs.folder import latest_run
from tests.support.dying_disk import Died, dying_disk
from tests.support.heard import Heard
from tests.support.model_files import rewritten
from tests.support.trainings import leftovers

MODEL = Path("models/pets.keras")
CONFIG = Path("pets.yaml")
_CONFIG = """\
data: {directory: dataset, image_size: 16, batch_size: 16, validation_split: 0.5}
model: {layers: [Rescaling: 1/255, GlobalAveragePooling2D]}
training: {epochs: 6, optimizer: {Adam: 0.3}}
"""
# It learns nothing, so it is right by chance.
BAD = ["training.epochs=1", "training.optimizer={Adam: 1.0e-9}"]
SET = [word for value in BAD for word in ("--set", value)]


def shades(folder: Path, count: int, seed: int) -> None:
    """So many reddish cats and bluish dogs, of which one in ten is rather the other."""
    random = np.random.default_rng(seed)
    for name, sign in (("cat", 1), ("dog", -1)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            shade = np.array([1, 0, -1]) * random.normal(sign * 25, 20)
            pixels = random.normal(120 + shade, 20, (16, 16, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def imgclf(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dataset/ of which 60 pictures are held out, new/, and a model that is right of most."""
    folder = tmp_path_factory.mktemp("train-guard")
    shades(folder / "dataset", 60, seed=1)
    shades(folder / "new", 10, seed=2)
    before = Path.cwd()
    os.chdir(folder)
    try:
        CONFIG.write_text(_CONFIG)
        done = train(CONFIG)
        assert done.record.scores is not None
        assert done.record.scores.accuracy > 0.8
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A working directory of its own; the bytes of the model in use."""
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return MODEL.read_bytes()


def test_a_worse_model_does_not_replace_the_one_in_use(here: bytes, heard: Heard) -> None:
    """A model of 0.46 once replaced one of 0.69 without a word."""
    done = train(CONFIG, BAD)
    refusal = done.record.refusal
    assert refusal is not None
    assert (refusal.version, refusal.pictures) == (1, 60)
    assert refusal.before > 0.8 > 0.7 > refusal.after
    [(worst, (before, after))] = refusal.classes.items()
    assert worst in ("cat", "dog")
    assert before > 0.7 > 0.3 > after
    assert MODEL.read_bytes() == here
    assert [manifest.version for manifest in versions(MODEL)] == [1]
    assert done.model == done.run.refused_model
    assert done.record.status == "finished"
    assert done.run.report.is_file()
    assert done.record.scores == read_manifest(done.model).scores
    assert len(list(predict(open_classifier(done.model), find_inputs(["new"], [])))) == 20
    assert load_memory(done.model) is not None


def test_the_command_ends_with_3_and_a_line_that_says_how_to_publish_it_anyway(
    here: bytes,
) -> None:
    done = imgclf("-q", "train", "pets.yaml", *SET)
    assert done.exit_code == 3
    [line] = done.stderr.splitlines()
    assert "not published, for it is worse than version 1: 0." in line
    assert " of 60 held-out pictures right, where that has 0." in line
    command = line.partition("to publish it anyway: ")[2]
    assert command == (
        "imgclf train pets.yaml --set training.epochs=1 "
        "--set 'training.optimizer={Adam: 1.0e-9}' --replace"
    )
    assert MODEL.read_bytes() == here

    again = imgclf("-q", "train", "pets.yaml", *SET)
    assert again.exit_code == 3
    assert again.stderr.splitlines() == [line]
    assert again.stdout == done.stdout

    runs = sorted(Path("runs/pets").iterdir())
    anyway = imgclf("train", "pets.yaml", *SET, "--replace")
    assert anyway.exit_code == 0
    assert "model: models/pets.keras" in anyway.stdout.splitlines()
    assert sorted(Path("runs/pets").iterdir()) == runs  # nothing was trained again
    assert read_manifest(MODEL).version == 2
    assert not leftovers()
    assert imgclf("train", "pets.yaml", *SET).exit_code == 0


def test_what_is_published_anyway_is_what_was_refused(here: bytes) -> None:
    refused = train(CONFIG, BAD)
    answers = _answers(refused.model)
    done = train(CONFIG, [*BAD, "training.replace=always"])
    assert (done.outcome, done.run.path, done.model) == ("published", refused.run.path, MODEL)
    assert done.replaced is not None
    assert done.replaced.version == 1
    assert done.record.refusal is None
    assert _answers(MODEL) == answers
    assert load_memory(MODEL) is not None
    assert not refused.run.refused_model.exists()
    assert not refused.run.refused_model.with_suffix(".history").exists()
    assert [manifest.version for manifest in versions(MODEL)] == [1, 2]


def test_always_asks_nobody(here: bytes, heard: Heard) -> None:
    done = train(CONFIG, [*BAD, "training.replace=always"])
    assert done.record.refusal is None
    assert read_manifest(MODEL).version == 2
    assert "comparison" not in heard.text


def test_killed_at_any_step_a_refused_model_is_published_once(here: bytes) -> None:
    train(CONFIG, BAD)
    always, deaths = [*BAD, "training.replace=always"], 0
    for number in range(1, 1000):
        with dying_disk(number) as disk, suppress(Died):
            train(CONFIG, always)
        assert MODEL.read_bytes() == here or read_manifest(MODEL).version == 2
        if not disk.dead:
            break
        deaths += 1
        if deaths % 3 == 0:  # whoever goes on does not know what was asked for
            train(CONFIG, BAD)
    assert deaths >= 5
    assert [manifest.version for manifest in versions(MODEL)] == [1, 2]
    run = latest_run("pets")
    assert run is not None
    assert not run.refused_model.exists()


def test_killed_while_it_is_refused_it_is_refused_when_it_goes_on(here: bytes) -> None:
    for number in (1, 4, 9, 10, 11, 12, 13):
        with dying_disk(number), suppress(Died):
            train(CONFIG, BAD)
        assert MODEL.read_bytes() == here
    done = train(CONFIG, BAD)
    assert done.record.refusal is not None
    assert MODEL.read_bytes() == here


def test_a_model_that_is_as_good_replaces_the_one_in_use(here: bytes, heard: Heard) -> None:
    done = train(CONFIG, ["training.seed=7"])
    assert done.record.refusal is None
    assert read_manifest(MODEL).version == 2
    assert "comparison" not in heard.text


def test_too_few_held_out_pictures_publish_with_a_warning(here: bytes, heard: Heard) -> None:
    """Another seed holds out others, of which most were trained on by the model in use."""
    done = train(CONFIG, [*BAD, "data.seed=9", "data.validation_split=0.2"])
    assert done.record.refusal is None
    assert read_manifest(MODEL).version == 2
    assert (
        "published without a comparison with models/pets.keras: it and version 1 have "
        in heard.text
    )
    assert "that neither was trained on or corrected by, and it takes 30" in heard.text


def test_pictures_that_the_model_in_use_was_corrected_by_are_no_evidence(here: bytes) -> None:
    held_out = next(path for path in Path("dataset").rglob("*.png") if _is_held_out(path))

    def corrected(content: bytes) -> bytes:
        manifest = json.loads(content)
        one = {"path": "", "digest": file_digest(held_out), "label": "cat", "was": "dog"}
        manifest["corrections"] = [{**one, "version": 1}]
        return json.dumps(manifest).encode()

    rewritten(MODEL, MANIFEST, corrected).replace(MODEL)
    refusal = train(CONFIG, BAD).record.refusal
    assert refusal is not None
    assert refusal.pictures == 59


def test_with_a_class_more_the_shared_ones_are_compared(here: bytes) -> None:
    shutil.copytree("dataset/dog", "dataset/fox")
    for path in Path("dataset/fox").iterdir():
        path.write_bytes(path.read_bytes() + b"\0")  # another file
    refusal = train(CONFIG, BAD).record.refusal
    assert refusal is not None
    assert refusal.pictures > 30
    assert refusal.before > 0.8
    assert set(refusal.classes) <= {"cat", "dog"}


def test_with_other_classes_there_is_nothing_to_compare(here: bytes, heard: Heard) -> None:
    Path("dataset/dog").rename("dataset/wolf")
    done = train(CONFIG, BAD)
    assert done.record.refusal is None
    assert "published without a comparison with models/pets.keras: version 1 has other classes" in (
        heard.text
    )


def test_a_model_that_can_not_be_run_any_more_is_replaced(here: bytes, heard: Heard) -> None:
    rewritten(MODEL, FEATURES, lambda graph: graph[:-8] + b"damaged!").replace(MODEL)
    assert train(CONFIG, BAD).record.refusal is None
    assert read_manifest(MODEL).version == 2
    assert "published without a comparison with models/pets.keras: " in heard.text


def test_a_model_for_pictures_of_another_size_is_run_on_its_own_size(here: bytes) -> None:
    refusal = train(CONFIG, [*BAD, "data.image_size=8"]).record.refusal
    assert refusal is not None
    assert refusal.before > 0.8


def test_more_epochs_after_a_refusal_may_be_published(here: bytes) -> None:
    refused = train(CONFIG, ["training.epochs=1", "training.optimizer={SGD: 1.0e-9}"])
    assert refused.record.refusal is not None
    done: Trained = train(CONFIG, ["training.epochs=7", "training.seed=3"])
    assert done.record.refusal is None
    assert read_manifest(MODEL).version == 2


def _answers(model: Path) -> list[str | None]:
    return [row.label for row in predict(open_classifier(model), find_inputs(["new"], []))]


def _is_held_out(path: Path) -> bool:
    with ModelArchive(MODEL) as archive:
        found = read_held_out(archive, archive.manifest())
    assert found is not None
    return short_digest(file_digest(path)) in found.pictures
