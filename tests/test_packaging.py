"""What is installed is what is declared, and the changelog knows the version."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from imgclf import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Looked for by name, and told how to install where a config asks for it.
ASKED_FOR = {"requests", "orbax", "torch", "google"}


def declared() -> set[str]:
    extras = PROJECT["optional-dependencies"]
    listed = [*PROJECT["dependencies"], *(one for name in extras for one in extras[name])]
    return {re.split(r"[\[<>=~! ]", one)[0].lower().replace("_", "-") for one in listed}


def imported() -> set[str]:
    """The top levels that modules of imgclf import, anywhere in them."""
    found: set[str] = set()
    for path in (ROOT / "imgclf").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"imgclf"}


def test_every_package_that_is_imported_is_declared() -> None:
    distributions = packages_distributions()
    missing = {
        name
        for name in imported() - ASKED_FOR
        if not {one.lower().replace("_", "-") for one in distributions.get(name, [])} & declared()
    }
    assert missing == set()


def test_the_changelog_has_this_version_and_the_form_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    heads = re.findall(r"^## (.*)$", text, re.M)
    assert heads[0] == "[Unreleased]"
    assert heads[1].startswith(f"[{__version__}] - ")
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.M)) <= kinds


def test_files_that_are_no_modules_are_packaged() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    packaged = {
        path for one in setuptools["package-data"]["imgclf"] for path in (ROOT / "imgclf").glob(one)
    }
    others = {
        path
        for path in (ROOT / "imgclf").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert others - packaged == set()
