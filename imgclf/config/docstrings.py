"""What docstrings say: of our own classes, and of Keras's without importing it."""

from __future__ import annotations

import inspect
import re
import textwrap
from functools import cache

from imgclf.config.keras_signatures import Kind, class_text, exports, lineage_of

_LONGEST = 240


def attributes(documented: type) -> dict[str, str]:
    """What a class's docstring says under `Attributes:` or `Args:`, by name, each in one line."""
    return _entries(inspect.cleandoc(documented.__doc__ or ""))


def first_line(documented: type) -> str:
    """What a class's docstring begins with."""
    return inspect.cleandoc(documented.__doc__ or "").partition("\n")[0]


@cache
def keras_summary(kind: Kind, name: str) -> str:
    """What Keras's docstring of a class begins with, in one line."""
    return _shortened(_docstring(*exports(kind)[name]).partition("\n\n")[0])


@cache
def keras_arguments(kind: Kind, name: str) -> dict[str, str]:
    """What Keras's docstrings say of the arguments of a class and of its bases, in short."""
    found: dict[str, str] = {}
    for owner in lineage_of(*exports(kind)[name]):
        for argument, said in _keras_entries(*owner).items():
            found.setdefault(argument, said)
    return found


@cache
def _keras_entries(module: str, name: str) -> dict[str, str]:
    return {name: _shortened(said) for name, said in _entries(_docstring(module, name)).items()}


def _docstring(module: str, name: str) -> str:
    found = re.match(r'class \w+(?:\([^)]*\))?:\s*r?"""(.*?)"""', class_text(module, name), re.S)
    return inspect.cleandoc(found[1]) if found else ""


def _entries(text: str) -> dict[str, str]:
    found = re.search(r"^(?:Attributes|Args|Arguments):\n((?:    .*\n?|\n)+)", text, re.M)
    if found is None:
        return {}
    entries = re.split(r"^(\w+): ", textwrap.dedent(found[1]), flags=re.M)[1:]
    return {
        name: " ".join(said.split()) for name, said in zip(entries[::2], entries[1::2], strict=True)
    }


def _shortened(text: str) -> str:
    """The first sentences, as many as fit."""
    plain = " ".join(text.split())
    if len(plain) <= _LONGEST:
        return plain
    kept = plain[:_LONGEST]
    end = max(kept.rfind(". "), kept.rfind("; "))
    return kept[: end + 1] if end > 0 else textwrap.shorten(plain, _LONGEST, placeholder=" ...")
