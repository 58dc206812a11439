"""Where what a config reads is looked for, and that what is written goes where it always went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imgclf.config.callback_catalogue import output_of
from imgclf.config.load import config_from_values, load_config
from imgclf.config.schema import Config
from imgclf.data.configured_folder import require_folder
from imgclf.errors import ConfigError, DataError
from imgclf.model_file.lookup import find_model

CONFIG = """\
data: {directory: pictures}
model: {layers: [Flatten]}
callbacks:
  - own/hooks.py:Mine
  - LambdaCallback: {on_epoch_end: own/hooks.py:tell}
  - LearningRateScheduler: {schedule: "own/hooks.py:slower"}
  - CSVLogger: logs/log.csv
"""


@pytest.fixture
def configs(in_folder: Path) -> Path:
    """configs/pets.yaml, and all that it names beside it."""
    for folder in ("configs/pictures", "configs/own"):
        Path(folder).mkdir(parents=True)
    Path("configs/own/hooks.py").touch()
    Path("configs/pets.yaml").write_text(CONFIG)
    return Path("configs")


def read(path: str = "configs/pets.yaml", *overrides: str) -> Config:
    return load_config(Path(path), overrides).config


def test_what_is_not_in_the_working_directory_is_found_beside_the_config(configs: Path) -> None:
    config = read()
    assert config.data.directory == "configs/pictures"
    assert [spec.written() for spec in config.callbacks] == [
        "configs/own/hooks.py:Mine",
        {"LambdaCallback": {"on_epoch_end": "configs/own/hooks.py:tell"}},
        {"LearningRateScheduler": {"schedule": "configs/own/hooks.py:slower"}},
        {"CSVLogger": {"filename": "logs/log.csv"}},
    ]
    written = config.callbacks[3]
    place = output_of(written.name).place(written.arguments, Path("runs"))
    assert place == Path("logs/log.csv")
    # What a run keeps of it is read from the working directory on, wherever the run's folder is.
    again = config_from_values(config.written(), Path("runs/pets/config.resolved.yaml")).config
    assert again == config


def test_the_working_directory_comes_first(configs: Path) -> None:
    Path("pictures").mkdir()
    Path("own").mkdir()
    Path("own/hooks.py").touch()
    assert read().data.directory == "pictures"
    assert read().callbacks[0].name == "own/hooks.py:Mine"


def test_an_absolute_path_stays_what_it_is(configs: Path) -> None:
    elsewhere = Path("pictures").absolute()
    assert read("configs/pets.yaml", f"data.directory={elsewhere}").data.directory == str(elsewhere)


def test_backbones_and_their_weights_are_found_there_too(configs: Path) -> None:
    (configs / "mine.keras").touch()
    (configs / "mine.h5").touch()
    found = read("configs/pets.yaml", "model.backbone=mine.keras").model.backbone
    assert found is not None
    assert found.name == "configs/mine.keras"
    found = read(
        "configs/pets.yaml", "model.backbone={Xception: {weights: mine.h5}}"
    ).model.backbone
    assert found is not None
    assert found.weights_file == "configs/mine.h5"


def test_what_is_nowhere_is_told_with_where_it_was_looked_for(configs: Path) -> None:
    looked = (
        f", neither in the working directory ({Path.cwd()}) nor in configs, where the config is"
    )
    (configs / "pictures").rename(configs / "picture")
    with pytest.raises(DataError) as caught:
        require_folder(load_config(configs / "pets.yaml"))
    assert caught.value.message == (
        f"data.directory: no folder pictures{looked}; did you mean configs/picture?"
    )
    (configs / "own/hooks.py").rename("configs/own/hook.py")
    with pytest.raises(ConfigError) as refused:
        load_config(configs / "pets.yaml")
    first = refused.value.problems[0]
    assert (first.line, first.message) == (4, f"there is no file own/hooks.py{looked}")


def test_a_config_in_the_working_directory_has_one_place_to_look(configs: Path) -> None:
    Path("pets.yaml").write_text(CONFIG)
    with pytest.raises(ConfigError) as refused:
        read("pets.yaml")
    assert refused.value.problems[0].message == "there is no file own/hooks.py"


@pytest.mark.parametrize("given", ["~", "~/pictures"])
def test_a_home_is_filled_in(
    configs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = given.replace("~", str(tmp_path))
    assert read("configs/pets.yaml", f'data.directory="{given}"').data.directory == expected
    values: dict[str, Any] = {"data": {"directory": "gone"}, "model": {"layers": ["Flatten"]}}
    moved = config_from_values(values, Path("m.keras"), [f'data.directory="{given}"'])
    assert moved.config.data.directory == expected
    assert find_model(None, "~/a.keras") == tmp_path / "a.keras"


def test_where_there_is_no_home_a_path_stays_as_it_is(configs: Path) -> None:
    given = "~nobody-of-that-name/pictures"
    assert read("configs/pets.yaml", f"data.directory={given}").data.directory == given
