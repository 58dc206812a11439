"""`--min-precision`: the model answers where enough of its answers will be right."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from imgclf.cli import app
from imgclf.commands.min_confidence import read_min_precision
from imgclf.commands.min_precision import choose_thresholds
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import Options, retrain
from imgclf.commands.train import train
from imgclf.corrections.inputs import Labelled
from imgclf.errors import ImgclfError, ModelFileError, UsageError
from imgclf.model.class_thresholds import ClassThresholds
from imgclf.model.prediction import UNSURE
from imgclf.model_file.archive import HELD_OUT, MANIFEST, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.held_out_answers import held_out_answers
from imgclf.model_file.trained_on import held_out_pictures
from tests.support.command_line import imported_by
from tests.support.held_out import assert_its_own
from tests.support.model_files import rewritten

MODEL = Path("models/shades.keras")
NAMES = ("dark", "light")
PRECISION = 0.9

# What sets them apart overlaps, so that the model is sure of some only.
_CONFIG = """\
data: {directory: dataset, image_size: 8, batch_size: 16, validation_split: 0.5}
model: {layers: [Rescaling: 1/255, GlobalAveragePooling2D]}
training: {epochs: 12, optimizer: {Adam: 0.1}}
"""


def draw(folder: Path, count: int, seed: int) -> None:
    """Pictures of grey noise, the dark ones a little darker."""
    random = np.random.default_rng(seed)
    for name, grey in zip(NAMES, (100, 150), strict=True):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            noise = random.normal(random.normal(grey, 25), 20, (8, 8, 3))
            picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
            picture.save(folder / name / f"{number:03}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dataset/, new/ and a model of the first, with 150 pictures held out."""
    folder = tmp_path_factory.mktemp("shades")
    draw(folder / "dataset", 150, seed=1)
    draw(folder / "new", 20, seed=2)
    (folder / "shades.yaml").write_text(_CONFIG)
    with chdir(folder):
        train(Path("shades.yaml"))
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")


def said_by(*arguments: str) -> tuple[str, str]:
    """What a command writes, and what it says."""
    before = signal.getsignal(signal.SIGPIPE)
    try:
        done = CliRunner().invoke(app, list(arguments))
    finally:
        signal.signal(signal.SIGPIPE, before)
    if isinstance(done.exception, ImgclfError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def chosen(precision: float = PRECISION) -> ClassThresholds:
    return choose_thresholds(MODEL, read_manifest(MODEL), precision)


def test_what_a_training_says_of_held_out_pictures_is_kept(here: None) -> None:
    assert_its_own(MODEL, Path("dataset"))
    kept = held_out_answers(MODEL, read_manifest(MODEL))
    assert len(kept.said) == len(held_out_pictures(read_manifest(MODEL))) == 150
    scores = read_manifest(MODEL).scores
    assert scores is not None
    assert (kept.labels == kept.said).mean() == scores.accuracy


def test_it_says_a_class_where_that_is_kept_and_is_unsure_of_the_rest(here: None) -> None:
    limits = chosen().limits
    written, said = said_by(
        "predict", "new", "dataset", "--min-precision", str(PRECISION), "--format", "jsonl"
    )
    rows = [json.loads(line) for line in written.splitlines()]
    plain = list(predict(open_classifier(MODEL), find_inputs(["new", "dataset"], [])))
    sure_of_strangers = [
        row for row in plain if row.unlike and (row.confidence or 0) >= limits[str(row.label)]
    ]
    assert sure_of_strangers
    expected = [
        row.label if (row.confidence or 0) >= limits[str(row.label)] and not row.unlike else UNSURE
        for row in plain
    ]
    assert [row["label"] for row in rows] == expected
    assert [row["confidence"] for row in rows] == [pytest.approx(row.confidence) for row in plain]
    assert 0 < expected.count(UNSURE) < len(expected)
    assert said.startswith("--min-precision 0.9: a label is given from this confidence on: ")
    assert f"; so {chosen().given} of 150 held-out pictures get one" in said


def test_it_takes_no_tensorflow_and_no_data_set(here: None) -> None:
    Path("dataset").rename("elsewhere")
    assert not imported_by("predict", "new", "--min-precision", "0.9") & {"tensorflow", "pydantic"}


def test_evaluate_says_how_many_are_answered_and_how_well(here: None) -> None:
    written, _ = said_by("evaluate", "new", "--min-precision", str(PRECISION), "--json")
    found = json.loads(written)["selective"]
    rows = predict(open_classifier(MODEL), find_inputs(["new"], []), chosen().limits)
    given = [row for row in rows if row.label != UNSURE and not row.unlike]
    right = sum(row.label == Path(row.path).parent.name for row in given)
    assert (found["pictures"], found["share_answered"]) == (40, len(given) / 40)
    assert (found["overall"]["given"], found["overall"]["right"]) == (len(given), right)
    assert list(found["classes"]) == list(found["thresholds"]["classes"]) == list(NAMES)
    assert json.loads(said_by("evaluate", "new", "--json")[0])["selective"] is None
    text, _ = said_by("evaluate", "new", "--min-precision", str(PRECISION))
    assert (
        f"\n\n--min-precision 0.9: {len(given)} of 40 pictures answered ({len(given) / 40:.1%}), "
        f"{right / len(given):.4f} of them rightly, 95% interval " in text
    )
    # Of the pictures that they were chosen by, they promise too much.
    text, _ = said_by("evaluate", "--min-precision", str(PRECISION))
    assert "; the limits were chosen by these very pictures\n" in text


def test_a_precision_that_so_few_pictures_can_not_promise(here: None) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(0.99)
    assert caught.value.message.startswith(
        f"--min-precision 0.99: that can't be promised by the 150 pictures that were held out from "
        f"the training of {MODEL}: "
    )
    assert caught.value.hint is not None
    possible = float(caught.value.hint.removeprefix("what can be: --min-precision "))
    assert chosen(possible).given > 0
    with pytest.raises(UsageError, match=r"--min-precision 0\.99999999: that can't be promised"):
        chosen(0.99999999)


def test_after_a_correction_the_corrected_picture_has_no_say(here: None) -> None:
    manifest = read_manifest(MODEL)
    held_out = held_out_pictures(manifest)
    rows = predict(open_classifier(MODEL), [str(one.path) for one in held_out.pictures])
    names = manifest.class_names
    wrong = next(
        Labelled(Path(row.path), names[label])
        for row, label in zip(rows, held_out.labels.tolist(), strict=True)
        if row.label != names[label]
    )
    assert retrain(MODEL, [wrong], Options(max_drop=1.0)).outcome == "corrected"
    after = held_out_answers(MODEL, read_manifest(MODEL))
    assert len(after.said) == 149
    assert_its_own(MODEL, Path("dataset"))


def with_held_out(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
    """A copy of the model that says something else of held-out pictures."""
    member = hashlib.sha256()

    def edited(content: bytes) -> bytes:
        changed = msgspec.msgpack.encode(edit(msgspec.msgpack.decode(content)))
        member.update(changed)
        return changed

    def set_right(content: bytes) -> bytes:
        changed = json.loads(content) | {"held_out_sha256": member.hexdigest()}
        return json.dumps(changed).encode()

    return rewritten(rewritten(MODEL, HELD_OUT, edited), MANIFEST, set_right)


def test_a_file_that_does_not_say_names_the_way_on(here: None) -> None:
    """One of an earlier imgclf; its other answers are what they were."""
    model = with_held_out(
        lambda said: {key: one for key, one in said.items() if key not in ("said", "doubts")}
    )
    with pytest.raises(ModelFileError) as caught:
        said_by("predict", "new", "--model", str(model), "--min-precision", "0.9")
    assert caught.value.message.startswith(f"{model} doesn't say how sure it is of pictures")
    assert caught.value.hint == (
        "train it again: imgclf train CONFIG; or name limits yourself: --min-confidence SHARE"
    )
    assert said_by("predict", "new", "--model", str(model), "--min-confidence", "0.9")[0]


def test_a_file_that_tells_of_answers_which_it_can_not_give_is_damaged(here: None) -> None:
    model = with_held_out(
        lambda said: said | {"class_names": (*said["class_names"], "red"), "said": b"\2\0" * 150}
    )
    with pytest.raises(ModelFileError, match=r"damaged: .*: it says 'red', none of its classes"):
        choose_thresholds(model, read_manifest(model), PRECISION)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("95", "--min-precision 0.95"),
        ("0", "--min-precision 0.95"),
        ("1", "--min-precision 0.99"),
        ("high", "--min-precision 0.95"),
        ("nan", "--min-precision 0.95"),
    ],
)
def test_what_is_no_precision_is_said(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_min_precision(text)
    assert caught.value.message.startswith(f"--min-precision {text}: ")
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "new", "--min-confidence", "0.8"], "one of them"),
        (["predict", "--watch", "new", "-o", "rows.csv"], "--watch does not go with"),
        (["evaluate", "--suspects"], "neither with --suspects nor with --against"),
        (["evaluate", "--cross-validate", "3"], "--set and --json alone"),
    ],
)
def test_it_does_not_go_with_everything(here: None, arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        said_by(*arguments, "--min-precision", "0.9")
