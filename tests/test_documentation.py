"""The documentation shows what the program prints.

After a change to an option or a key of the config:

    IMGCLF_WRITE_DOCS=1 python -m pytest tests/test_documentation.py
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from imgclf.cli import COMMANDS, app
from imgclf.config.json_schema import NAMED_BY
from imgclf.config.key_policy import ResumeRule
from imgclf.config.load import load_config
from tests.support.config_page import config_page
from tests.support.resume_rules import keys_by_rule

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def help_of(*arguments: str) -> str:
    """What `--help` prints on 80 columns, whatever the terminal that the tests run in."""
    environment = {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, [*arguments, "--help"], env=environment, prog_name="imgclf")
    assert result.exit_code == 0
    return "\n".join(line.rstrip() for line in result.stdout.splitlines()).strip()


def commands_page(text: str) -> str:
    """The help of all commands, and what is said by hand above it."""
    by_hand = text.partition("```text\n")[0].rstrip()
    parts = [by_hand, f"```text\n{help_of()}\n```"]
    parts += [f"## imgclf {name}\n\n```text\n{help_of(name)}\n```" for name in COMMANDS]
    return "\n\n".join(parts) + "\n"


def commands_table() -> str:
    rows = []
    for name in COMMANDS:
        command = import_module(f"imgclf.cli.{name}").command
        rows.append(f"| `imgclf {name}` | {command.__doc__.splitlines()[0]} |")
    return "\n".join(rows)


def readme_with_table(text: str) -> str:
    start, end = "|---|---|\n<!-- commands -->\n", "\n<!-- /commands -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return before + start + commands_table() + end + after


# What another value means for an interrupted training, and for a finished one.
MEANING = {
    ResumeRule.NONE: ("no difference", "no difference"),
    ResumeRule.EXTENDS: ("it is taken up", "it is gone on with"),
    ResumeRule.ON_THE_WAY: ("it is taken up", "a new run"),
    ResumeRule.ANOTHER: ("a conflict", "a new run"),
}


def resuming_table() -> str:
    rows = ["| key | of an interrupted training | of a finished one |", "|---|---|---|"]
    for rule, meaning in MEANING.items():
        names = [f"`{key}`" for key in keys_by_rule()[rule]]
        rows.append(f"| {', '.join(names)} | {' | '.join(meaning)} |")
    return "\n".join(rows)


def resuming_page(text: str) -> str:
    before, start, rest = text.partition("<!-- keys -->\n")
    _, end, after = rest.partition("<!-- /keys -->")
    assert start and end
    return f"{before}{start}{resuming_table()}\n{end}{after}"


def test_the_page_on_going_on_says_what_each_key_means() -> None:
    page = ROOT / "docs" / "resuming.md"
    expected = resuming_page(page.read_text())
    if os.environ.get("IMGCLF_WRITE_DOCS"):
        page.write_text(expected)
    assert page.read_text() == expected


def test_the_commands_page_is_what_help_prints() -> None:
    page = ROOT / "docs" / "commands.md"
    if os.environ.get("IMGCLF_WRITE_DOCS"):
        page.write_text(commands_page(page.read_text()))
    assert page.read_text() == commands_page(page.read_text())


def test_the_readme_lists_every_command() -> None:
    readme = ROOT / "README.md"
    expected = readme_with_table(readme.read_text())
    if os.environ.get("IMGCLF_WRITE_DOCS"):
        readme.write_text(expected)
    assert readme.read_text() == expected


def test_the_config_page_is_what_the_schema_says() -> None:
    page = ROOT / "docs" / "config.md"
    if os.environ.get("IMGCLF_WRITE_DOCS"):
        page.write_text(config_page())
    assert page.read_text() == config_page()


def anchors(page: str) -> set[str]:
    """What can stand after `#` in a link to a page: its headings, as they are linked to."""
    headings = re.findall(r"^#+ (.*)$", page, re.M)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def dead_links(page: Path) -> list[str]:
    """The links of a page to files that are not there, or to headings that they don't have."""
    dead = []
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if re.match(r"\w+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_everything_that_a_page_links_to_is_there(page: Path) -> None:
    assert dead_links(page) == []


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One two\n[a](page.md) [b](gone.md) [c](#one-two) [d](page.md#three) [e](x:y)\n"
    )
    assert dead_links(page) == ["gone.md", "page.md#three"]


def test_every_page_has_its_place_in_the_site() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert sorted(pages_of(nav)) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))


def pages_of(nav: list[Any] | dict[str, Any] | str) -> Iterator[str]:
    """The pages of a navigation or of a part of one."""
    if isinstance(nav, str):
        yield nav
    else:
        for below in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_of(below)


def mapped() -> list[Path]:
    """What the map of CONTRIBUTING.md names, each below the folder that it is indented under."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    block = text.partition("<!-- map -->\n```text\n")[2].partition("```\n<!-- /map -->")[0]
    found: list[Path] = []
    above: list[Path] = [ROOT]
    for line in block.splitlines():
        name, _, said = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        above = [*above[: depth + 1], above[depth] / name]
        found.append(above[-1])
        # Beside its own file a line may speak of another one in the same folder.
        folder = above[-1] if name.endswith("/") else above[-2]
        found += [folder / other for other in re.findall(r"(?<=\s)\w+(?:\.py|/)(?=\W|$)", said)]
    return found


def test_the_map_names_every_folder_and_only_what_is_there() -> None:
    named = mapped()
    missing = [str(path.relative_to(ROOT)) for path in named if not path.exists()]
    assert missing == []
    folders = {path.parent for path in (ROOT / "imgclf").rglob("*.py")}
    assert len(folders) > 10
    assert sorted(str(path) for path in folders - set(named)) == []


def test_the_files_that_contributing_speaks_of_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`((?:imgclf|tests|configs|docs|benchmarks)/[\w./]+)`", text)
    named = [path for path in paths if "NAME" not in path]
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_config_is_valid_and_opens_with_its_schema_and_its_command(path: Path) -> None:
    text = path.read_text()
    assert text.splitlines()[0] == NAMED_BY
    assert f"#     imgclf train configs/{path.name}" in text
    assert "MEASURE" not in text
    load_config(path)
