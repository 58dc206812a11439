"""The documentation shows what the program prints.

After a change to an option, or to what a key means:

    IMGCLF_WRITE_DOCS=1 python -m pytest tests/test_documentation.py
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imgclf.cli import COMMANDS, app
from imgclf.config.key_policy import ResumeRule
from imgclf.config.load import load_config
from imgclf.config.resume_rules import keys_by_rule

ROOT = Path(__file__).parent.parent


def help_of(*arguments: str) -> str:
    """What `--help` prints on 80 columns, whatever the terminal that the tests run in."""
    environment = {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, [*arguments, "--help"], env=environment, prog_name="imgclf")
    assert result.exit_code == 0
    return "\n".join(line.rstrip() for line in result.stdout.splitlines()).strip()


def commands_page() -> str:
    parts = ["# Commands", f"```text\n{help_of()}\n```"]
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
        page.write_text(commands_page())
    assert page.read_text() == commands_page()


def test_the_readme_lists_every_command() -> None:
    readme = ROOT / "README.md"
    expected = readme_with_table(readme.read_text())
    if os.environ.get("IMGCLF_WRITE_DOCS"):
        readme.write_text(expected)
    assert readme.read_text() == expected


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_config_is_valid_and_opens_with_its_command(path: Path) -> None:
    text = path.read_text()
    assert f"#     imgclf train configs/{path.name}" in text
    assert "MEASURE" not in text
    load_config(path)
