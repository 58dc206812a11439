"""What tests share: drawn pictures and a model trained on them once."""

from __future__ import annotations

import io
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgclf.data.sample import draw_sample
from imgclf.talk import Talk
from imgclf.train import Trained, train

# A shell starts what it runs in the background deaf to Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

# One 32 x 32 convolution learns to tell most of the drawn animals apart in a second or two.
# Float64 is left to Keras; test_resampling.py and test_settled.py are about what isn't.
CONFIG = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
augmentation: [RandomFlip: {mode: horizontal, dtype: float64}]
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 8, kernel_size: 3, strides: 2, activation: relu}
    - Dropout: 0.1
    - Flatten
training: {epochs: 4}
"""


@pytest.fixture
def talk() -> Talk:
    """Keeps what is said, for `talk.stream.getvalue()`."""
    return Talk(io.StringIO())


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
        return folder, train(Path("pets.yaml"), Talk(io.StringIO()))
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
