"""What tests share: drawn pictures and a model trained on them once."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgclf.commands.train import Trained, train
from imgclf.data.drawn_sample import draw_sample
from imgclf.system import console, signals
from tests.support.browser import CHROMIUM, DRIVER
from tests.support.heard import Heard, listen
from tests.support.trainings import CONFIG

# A shell starts what it runs in the background deaf to Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)
signals.take_over()  # as the command line does


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and not (CHROMIUM and DRIVER):
        pytest.skip("needs chromium and chromedriver")


@pytest.fixture
def heard() -> Heard:
    """Keeps what is said."""
    return listen()


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    """No test hears what an earlier one has said."""
    yield
    console.use(console.Console(None))


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session", autouse=True)
def kept_graphs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's cache folder, in which graphs of pretrained networks are kept: one of the tests'.

    Making one takes seconds, so those tests that need one share it.
    """
    folder = tmp_path_factory.mktemp("user-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def known_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's state folder, in which models that were made here are known: one of the tests'."""
    folder = tmp_path_factory.mktemp("user-state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dataset/{cat,dog} with 30 drawn pictures each, and new/{cat,dog} with 10 each."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_sample(folder / "dataset", 30, seed=1)
    draw_sample(folder / "new", 10, seed=2)
    return folder


@pytest.fixture(scope="session")
def trained_once(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(drawn, folder, dirs_exist_ok=True)
    (folder / "pets.yaml").write_text(CONFIG)
    before = Path.cwd()
    os.chdir(folder)
    try:
        return folder, train(Path("pets.yaml"))
    finally:
        os.chdir(before)


@pytest.fixture
def trained(
    trained_once: tuple[Path, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Trained]:
    """A finished training in a working directory of its own: pets.yaml, models/, runs/, new/."""
    folder, done = trained_once
    shutil.copytree(folder, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    yield done
