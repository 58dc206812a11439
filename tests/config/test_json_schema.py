"""The JSON schema: takes what the loader takes, and refuses what a schema can refuse."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from imgclf.cli import app
from imgclf.commands.init import init
from imgclf.config.json_forms import any_case_pattern
from imgclf.config.json_schema import FILE_NAME, NAMED_BY, config_schema, schema_text
from imgclf.config.keras_names import class_names, resolve, words
from imgclf.config.keras_signatures import Kind
from imgclf.config.load import parse_config
from imgclf.config.read_config import OWN_FORMS
from imgclf.config.schema import policies
from imgclf.errors import ConfigError, ImgclfError
from tests.support.config_texts import CONFIGS, DATA, MODEL, SMALLEST, load, problems
from tests.support.fuzz_configs import damaged
from tests.support.pictures import motif
from tests.support.schema import refused_by_schema


def checked(*files: Path) -> subprocess.CompletedProcess[str]:
    """What check-jsonschema says, by the schema that lies beside the first file."""
    tool = Path(sys.executable).with_name("check-jsonschema")
    schema = files[0].parent / FILE_NAME
    return subprocess.run(
        [tool, "--schemafile", schema, *files], capture_output=True, text=True, timeout=60
    )


def test_check_jsonschema_takes_every_config_that_comes_with_imgclf(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(schema_text(), "utf-8")
    shipped = sorted(CONFIGS.glob("*.yaml"))
    assert len(shipped) == 6
    done = checked(*(Path(shutil.copy(one, tmp_path)) for one in shipped))
    assert (done.returncode, done.stdout.strip()) == (0, "ok -- validation done")


def test_what_init_writes_has_its_schema_beside_it_and_is_right_by_it(in_folder: Path) -> None:
    for name in ("cat", "dog"):
        (Path("set") / name).mkdir(parents=True)
        for number in range(3):
            picture = motif(200 + number, 200)
            picture.save(Path("set") / name / f"{number}.png")
    done = [
        init(Path("set"), None),
        init(Path("set"), Path("own/small.yaml"), from_scratch=True),
    ]
    for one in done:
        assert one.config.read_text("utf-8").splitlines()[0] == NAMED_BY
        assert (one.config.parent / FILE_NAME).read_text("utf-8") == schema_text()
        assert refused_by_schema(one.text) is None
    broken = Path("broken.yaml")
    broken.write_text(done[0].text.replace("batch_size: ", "batch_sise: "), "utf-8")
    said = checked(broken)
    assert said.returncode == 1
    assert "'batch_sise' was unexpected" in said.stdout


def test_the_command_prints_the_schema_and_writes_it(in_folder: Path) -> None:
    printed = CliRunner().invoke(app, ["schema"])
    assert (printed.exit_code, printed.stdout, printed.stderr) == (0, schema_text(), "")
    assert json.loads(printed.stdout) == config_schema()
    assert CliRunner().invoke(app, ["schema", "-o", "here/schema.json"]).output == ""
    assert Path("here/schema.json").read_text("utf-8") == printed.stdout
    Path("here/schema.json").write_text(f"{printed.stdout[:200]} of an earlier one")
    assert CliRunner().invoke(app, ["schema", "-o", "here/schema.json"]).output == ""
    assert Path("here/schema.json").read_text("utf-8") == printed.stdout


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("mine.json", "is there already, and has no schema of imgclf's"),
        ("pets.keras", "is there already, and has no schema of imgclf's"),
        ("new.yaml", "this is called like a config"),
        ("models/schema.json", "this lies in models/"),
        (".", "can't write .: Is a directory"),
    ],
)
def test_the_schema_is_written_over_nothing_else(place: str, why: str, in_folder: Path) -> None:
    for name in ("mine.json", "pets.keras"):
        Path(name).write_text('{"mine": 1}')
    with pytest.raises(ImgclfError, match=re.escape(why)):
        CliRunner().invoke(app, ["schema", "-o", place], catch_exceptions=False)
    assert {Path(name).read_text() for name in ("mine.json", "pets.keras")} == {'{"mine": 1}'}
    assert sorted(path.name for path in in_folder.iterdir()) == ["mine.json", "pets.keras"]


BROKEN = {
    "an unknown key": SMALLEST + "dropout: 0.5\n",
    "an unknown key of a section": DATA + MODEL + "training: {epoch: 3}\n",
    "a section that is no mapping": DATA + MODEL + "training: 3\n",
    "no data": MODEL,
    "no folder": MODEL + "data: {seed: 3}\n",
    "no layers": DATA + "model: {layers: []}\n",
    "no model": DATA,
    "a name that is no file's": SMALLEST + "name: a/b\n",
    "a number that is too small": SMALLEST + "training: {epochs: 0}\n",
    "a number that is none": SMALLEST + "training: {epochs: many}\n",
    "a share of all": MODEL + "data: {directory: d, validation_split: 1}\n",
    "a side that is too long": MODEL + "data: {directory: d, image_size: [180, 9000]}\n",
    "three sides": MODEL + "data: {directory: d, image_size: [180, 180, 3]}\n",
    "a word that is none of a few": MODEL + "data: {directory: d, resize: squash}\n",
    "parts without training": MODEL + "data: {directory: d, parts: {test: t}}\n",
    "groups by nothing known": MODEL + "data: {directory: d, groups: {patient: x}}\n",
    "a weight below 0": SMALLEST + "training: {class_weight: {cat: -1}}\n",
    "no length of time": SMALLEST + "training: {time_budget: 3 weeks}\n",
    "a momentum of 1": SMALLEST + "training: {ema: {momentum: 1}}\n",
    "an unknown layer": DATA + "model: {layers: [Flaten]}\n",
    "a layer that is refused": DATA + "model: {layers: [{Lambda: {function: x}}]}\n",
    "two names in one place": DATA + "model: {layers: [{Flatten: null, Dense: 3}]}\n",
    "an unknown argument": DATA + "model: {layers: [{Dense: {unit: 3}}]}\n",
    "a missing argument": DATA + "model: {layers: [{Conv2D: {filters: 3}}]}\n",
    "a missing argument of a name alone": DATA + "model: {layers: [Dense]}\n",
    "a value out of its range": DATA + "model: {layers: [{Dropout: 1}]}\n",
    "a quoted number": DATA + 'model: {layers: [{Dense: "3"}]}\n',
    "a value with nothing": DATA + "model: {layers: [{Dropout: {rate: }}]}\n",
    "an unknown activation": DATA + "model: {layers: [{Dense: {units: 3, activation: reluu}}]}\n",
    "an unknown initializer": DATA
    + "model: {layers: [{Dense: {units: 3, kernel_initializer: he}}]}\n",
    "an empty branch": DATA + "model: {layers: [{Residual: []}]}\n",
    "layers that are no list": DATA + "model: {layers: {Flatten: }}\n",
    "an unknown backbone": DATA + "model: {backbone: EfficientNetLite9}\n",
    "weights by another name": DATA + "model: {backbone: {Xception: {weight: none}}}\n",
    "epochs that are none": DATA
    + "model: {backbone: Xception}\ntraining: {fine_tune: {epochs: 0}}\n",
    "an unknown optimizer": SMALLEST + "training: {optimizer: adamm}\n",
    "no optimizer": SMALLEST + "training: {optimizer: none}\n",
    "a rate of 0": SMALLEST + "training: {optimizer: {Adam: 0}}\n",
    "a schedule without its arguments": SMALLEST
    + "training: {optimizer: {Adam: {learning_rate: {CosineDecay: {alpha: 0}}}}}\n",
    "an unknown loss": SMALLEST + "training: {loss: entropy}\n",
    "an unknown metric": SMALLEST + "training: {metrics: [acuracy]}\n",
    "an unknown callback": SMALLEST + "callbacks: [EarlyStoping]\n",
    "a callback's unknown argument": SMALLEST + "callbacks: [{EarlyStopping: {pateince: 3}}]\n",
    "no mode": SMALLEST + "callbacks: [{EarlyStopping: {mode: least}}]\n",
    "no hook": SMALLEST + "callbacks: [{LambdaCallback: {on_epoch: a.py:f}}]\n",
    "an unknown schedule": SMALLEST + "callbacks: [{LearningRateScheduler: stairs}]\n",
    "a schedule that lacks something": SMALLEST
    + "callbacks: [{LearningRateScheduler: {schedule: step, factor: 0.5}}]\n",
    "own code that is no reference": SMALLEST + "callbacks: ['a b.py:']\n",
    "no range": SMALLEST + "tune: {ranges: {training.epochs: {low: 3}}}\n",
    "too many trials": SMALLEST + "tune: {trials: 1000000}\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_the_loader_refuses_is_refused(text: str) -> None:
    assert problems(text)
    assert refused_by_schema(text) is not None


@pytest.mark.parametrize(
    "more",
    [
        "training: {optimizer: ADAM, metrics: acc, loss: BCE, ema: Yes}",
        "training: {optimizer: {sgd: {learning_rate: auto}}, time_budget: 1 H 30min}",
        "training: {label_smoothing: 1/10}",
        "training:",
        "augmentation: none",
        "callbacks: [{TensorBoard: off}, {CSVLogger: }, {a.b:C: {x: [1]}}, own.py:C]",
        "callbacks: [{LearningRateScheduler: {schedule: table, table: {3: 1/100}, verbose: 1}}]",
        "name: 2024",
        "tune: {timeout: 10 min, ranges: {training.epochs: [1, 2]}}",
    ],
)
def test_what_only_a_schema_might_find_odd_is_taken(more: str, in_folder: Path) -> None:
    Path("own.py").touch()
    load(f"{SMALLEST}{more}\n")  # asks the schema, too


@pytest.mark.slow
def test_what_the_loader_takes_of_damaged_configs_is_taken(in_folder: Path) -> None:
    rng, taken = random.Random(19), 0
    while taken < 60:
        text, _ = damaged(rng)
        try:
            parse_config(text, Path("damaged.yaml"))
        except ConfigError:
            continue
        assert refused_by_schema(text) is None, text
        taken += 1


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_word_that_has_a_meaning_is_known(kind: Kind) -> None:
    known = words(kind)
    for name in (*known, *class_names(kind)):
        for word in (name, name.lower(), name.upper(), name.title()):
            meant = resolve(kind, word)
            in_capitals = kind == "optimizers" and meant is not None
            assert (meant is not None) == (word in known or in_capitals), word


def test_a_pattern_takes_a_word_in_capitals_or_not() -> None:
    assert any_case_pattern("Adam", "l1_l2") == "^(?:[Aa][Dd][Aa][Mm]|[Ll]1_[Ll]2)$"


def test_every_key_has_a_description_and_says_what_is_allowed() -> None:
    schema = config_schema()
    assert OWN_FORMS.keys() <= policies().keys()
    for key in policies():
        section, _, name = key.rpartition(".")
        around = schema["definitions"][section] if section else schema
        keys = (around.get("allOf") or around.get("anyOf") or [around])[0]["properties"]
        assert " Allowed: " in keys[name]["description"], key


def test_arguments_have_keras_words_and_defaults() -> None:
    dense = config_schema()["definitions"]["layers.Dense"]["anyOf"][0]["properties"]
    assert dense["units"] == {
        "description": "Positive integer, dimensionality of the output space.",
        "type": "integer",
        "minimum": 1,
    }
    assert dense["use_bias"]["default"] is True
