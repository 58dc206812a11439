"""What the documentation names is there, and what is there is documented.

Commands, options and keys of the config have pages that are made from the code
(test_documentation.py); here is what is written by hand.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

import imgclf
from imgclf.cli import COMMANDS
from imgclf.config.load import parse_config
from imgclf.config.schema import SECTIONS
from imgclf.errors import ImgclfError
from imgclf.model_file import archive
from imgclf.runs.folder import RunFolder
from tests.test_documentation import PAGES, ROOT, help_of

DOCS = ROOT / "docs"
# They look like keys, and are files and names of Keras.
NO_KEYS = {("training", "csv"), ("model", "keras"), ("model", "weights"), ("model", "predict")}
PAGE_NAMES = [page.name for page in PAGES if page.name != "CONTRIBUTING.md"]


def text_of(name: str) -> str:
    return (ROOT / name if name == "README.md" else DOCS / name).read_text()


def commands_typed(text: str) -> Iterator[tuple[str, str]]:
    """Each command of imgclf in a page, in a block or in a line, with what follows on its line."""
    names = "|".join(COMMANDS)
    yield from re.findall(rf"\bimgclf (?:-\S+ )*?({names})\b([^`\n|]*)", text)


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_options_that_a_page_gives_to_a_command_are_its_own(page: str) -> None:
    unknown = [
        f"imgclf {name} {option}"
        for name, rest in commands_typed(text_of(page))
        for option in re.findall(r"(?<=\s)--[a-z][\w-]*", rest)
        if option not in re.findall(r"--[a-z][\w-]*", help_of(name) + help_of())
    ]
    assert unknown == []


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_commands_that_a_page_names_are_there(page: str) -> None:
    text = text_of(page)
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S))
    spans = "\n".join(re.findall(r"`(imgclf [^`]+)`", text))
    named = re.findall(r"^imgclf (?:-[^\s`]+ )*([a-z]+)", f"{blocks}\n{spans}", re.M)
    assert set(named) - set(COMMANDS) == set()


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_keys_of_the_config_that_a_page_names_are_there(page: str) -> None:
    named = re.findall(rf"`({'|'.join(SECTIONS)})\.(\w+)", text_of(page))
    known = {(name, key) for name, section in SECTIONS.items() for key in section.model_fields}
    assert set(named) - known - NO_KEYS == set()


def test_the_page_on_exit_statuses_has_all_of_them() -> None:
    raised = {ImgclfError.exit_status, *statuses_below(ImgclfError)}
    listed = {
        int(number) for number in re.findall(r"^\| (\d+) \|", text_of("exit_statuses.md"), re.M)
    }
    assert listed == raised | {0, 3, 4}


def statuses_below(error: type[ImgclfError]) -> Iterator[int]:
    for below in error.__subclasses__():
        yield below.exit_status
        yield from statuses_below(below)


def test_the_page_on_python_has_all_public_names_and_no_others() -> None:
    page = text_of("python.md")
    functions = {name for name in imgclf.__all__ if name.islower()}
    assert [name for name in imgclf.__all__ if not re.search(rf"\b{name}\b", page)] == []
    calls = set(re.findall(r"^\| `(\w+)\(", page, re.M))
    assert calls == functions
    imported = re.findall(r"^from imgclf import (.+)$", page, re.M)
    assert {name.strip() for line in imported for name in line.split(",")} <= set(imgclf.__all__)


def test_the_page_on_what_lies_on_the_disk_has_what_is_written() -> None:
    sections = dict(
        re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text_of("model_file.md"), re.M | re.S)
    )

    def first_column(section: str) -> set[str]:
        rows = re.findall(r"^\| (`.*?) \|", sections[section], re.M)
        return {name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+)`", row)}

    assert first_column("models/NAME.keras") == set(archive._CAPS)
    code = "".join(path.read_text() for path in (ROOT / "imgclf").rglob("*.py"))
    kept = set(re.findall(r'history_directory\(\w+\) / "([\w.-]+)"', code))
    assert len(kept) > 4
    assert kept <= first_column("models/NAME.history/")
    run = {path.name for path in vars(RunFolder(Path("run"))).values() if path.name != "run"}
    assert run <= first_column("runs/NAME/TIME/")


# What a piece of a config on a page is completed by.
MISSING = {
    "data": "data: {directory: dataset}",
    "model": "model: {layers: [Flatten, {Dropout: 0.2}]}",
    "training": "training: {optimizer: {adam: {learning_rate: 0.001}}}",
}
ON_A_BACKBONE = "model: {backbone: EfficientNetLite0, layers: [{Dropout: 0.2}]}"


def config_blocks(text: str) -> Iterator[str]:
    for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S):
        if "apiVersion" not in block:  # Kubernetes's
            yield textwrap.dedent(block)


def completed(block: str) -> str:
    """A piece of a config as a whole one."""
    if block.lstrip().startswith("- "):
        block = "model:\n  layers:\n" + textwrap.indent(block, "    ")
    missing = dict(MISSING)
    if re.search("fine_tune|backbone", block):
        missing["model"] = ON_A_BACKBONE
    given = re.findall(r"^(\w+):", block, re.M)
    return block + "\n".join(text for key, text in missing.items() if key not in given) + "\n"


@pytest.mark.parametrize(
    "page", [name for name in PAGE_NAMES if list(config_blocks(text_of(name)))]
)
def test_pieces_of_a_config_on_a_page_are_taken(page: str, tmp_path: Path) -> None:
    code = re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", text_of(page), re.M | re.S)
    with chdir(tmp_path):
        for file, text in code:
            Path(file).write_text(text)
        for block in config_blocks(text_of(page)):
            whole = completed(block)
            named = re.search("directory:|table:", whole)
            parse_config(whole, Path("page.yaml"), [] if named else ["data.directory=dataset"])
