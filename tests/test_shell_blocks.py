"""Every shell block of the documentation is run, a page's in order and in one folder."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgclf.data.drawn_sample import draw_animal, draw_sample
from tests.support.shell_blocks import ROOT, Block, Shell, a_shell, script_of, shell_blocks

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TRIED_ELSEWHERE = "python.md"  # by test_python_use.py
# They begin with pictures alone; all others with a model `dataset` on a pretrained network, too.
WITHOUT_A_MODEL = ("README.md", "choosing.md", "tutorial.md")
MOST_NOT_RUN = 12


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with a_shell(tmp_path_factory.mktemp("shell")) as opened:
        yield opened


@pytest.fixture(scope="module")
def work() -> Iterator[Path]:
    """The one folder in which all pages are tried, for a model knows where its data set is."""
    with tempfile.TemporaryDirectory() as place:
        yield Path(place) / "work"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pages speak of: dataset/, test/, photos/ without labels, img.jpg and photo.jpg."""
    folder = tmp_path_factory.mktemp("pictures")
    draw_sample(folder / "dataset", 80, seed=1)
    draw_sample(folder / "test", 12, seed=2)
    draw_sample(folder / "drawn", 10, seed=7)
    (folder / "photos").mkdir()
    for number, path in enumerate(sorted((folder / "drawn").rglob("*.jpg")), 1000):
        path.rename(folder / "photos" / f"IMG_{number}.jpg")
    shutil.rmtree(folder / "drawn")
    # Two cats that a model on these pictures takes for dogs.
    draw_animal("cat", random.Random("5 cat 12")).save(folder / "img.jpg")
    draw_animal("cat", random.Random("8 cat 17")).save(folder / "photo.jpg")
    return folder


@pytest.fixture(scope="module")
def with_a_model(
    pictures: Path, shell: Shell, work: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same, and dataset.yaml with what was trained by it."""
    shutil.copytree(pictures, work)
    done = shell.run(
        "imgclf init dataset && imgclf train dataset.yaml --set training.epochs=5", work
    )
    assert done.returncode == 0, done.stdout
    return work.rename(tmp_path_factory.mktemp("with-a-model") / "work")


@pytest.fixture
def folder(request: pytest.FixtureRequest, page: Path, work: Path) -> Iterator[Path]:
    """The folder in which a page begins; nothing of it is kept, for models are large."""
    start = "pictures" if page.name in WITHOUT_A_MODEL else "with_a_model"
    shutil.copytree(request.getfixturevalue(start), work)
    yield work
    shutil.rmtree(work)


def blocks_of(page: Path) -> list[Block]:
    return list(shell_blocks(page.read_text()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        page
        for page in PAGES
        if page.name != TRIED_ELSEWHERE and any(not block.not_run for block in blocks_of(page))
    ],
    ids=lambda page: page.stem,
)
def test_the_shell_blocks_of_a_page_do_what_it_says(page: Path, shell: Shell, folder: Path) -> None:
    done = shell.run(script_of(page.name, blocks_of(page)), folder)
    assert done.returncode == 0, done.stdout


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    not_run = [
        (page.name, block.not_run) for page in PAGES for block in blocks_of(page) if block.not_run
    ]
    assert len(not_run) <= MOST_NOT_RUN, not_run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_block_is_passed_over(page: Path) -> None:
    text = page.read_text()
    fences = re.findall(r"^```(?:sh|python)$|^<!-- run:", text, re.M)
    assert len(blocks_of(page)) == len(fences)


def test_blocks_are_of_languages_that_say_what_is_done_with_them() -> None:
    """Shell and Python are run, YAML is loaded, and the others are there to be read."""
    found = {
        language for page in PAGES for language in re.findall(r"^```(.+)$", page.read_text(), re.M)
    }
    assert found <= {"sh", "python", "yaml", "text", "csv", "ini"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_stand_in_blocks_that_are_run(page: Path) -> None:
    without_blocks = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    assert re.findall(r"^(?: {4}|\t)\$? ?(?:imgclf|python|pip|cd) .*$", without_blocks, re.M) == []
