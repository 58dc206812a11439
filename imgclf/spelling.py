"""Names that are read alike are one name, whichever way their accents are stored.

Unicode has é as one character (composed), as keyboards give it, and as e with an accent behind it
(decomposed), as file names have it that were packed on a Mac. Disks tell the two apart, and people
can't. So names are compared and shown composed, and files keep the names that they have. These may
hold line breaks, too, which are shown escaped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

# Control characters but the tab, what Unicode has for line and paragraph ends, and what turns the
# order of letters, so that `gpj.exe` reads `exe.jpg`.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def composed(name: str) -> str:
    """The name in composed form (NFC)."""
    if name.isascii():
        return name
    import unicodedata  # a megabyte, which few names need

    return unicodedata.normalize("NFC", name)


def as_spelled(names: Iterable[str], there: Iterable[str]) -> list[str]:
    """How `there` spells these names; those that are not there stay as they are."""
    stored = {composed(name): name for name in there}
    return [stored.get(composed(name), name) for name in names]


def on_one_line(name: object) -> str:
    """A name for people to read among others: without line breaks, nor what steers a terminal."""
    text = str(name)
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class Lines(str):
    """A text of several lines in which no name can begin another: each was put on one line first.

    Whoever prints takes any other text for one line, whatever names it holds. What is made of
    these by an f-string or by `+` is such another text.
    """

    __slots__ = ()

    @classmethod
    def of(cls, *parts: object) -> Lines:
        """These below each other; those that are several lines stay so."""
        return cls(
            "\n".join(part if isinstance(part, Lines) else on_one_line(part) for part in parts)
        )


def as_lines(text: str) -> str:
    """A text as it is to be shown: on one line, unless it says itself that it is several."""
    return text if isinstance(text, Lines) else on_one_line(text)


def harmless(text: str) -> Lines:
    """A text that somebody else has put into lines, without what steers a terminal."""
    return Lines.of(*text.split("\n"))


def path_as_spelled(path: Path) -> Path:
    """The path as the disk spells it, if something lies there; else as it is."""
    if str(path).isascii() or os.path.lexists(path):
        return path
    found = Path(path.anchor)
    for name in path.parts[1 if path.anchor else 0 :]:
        try:
            if not os.path.lexists(found / name):
                [name] = as_spelled([name], (there.name for there in found.iterdir()))
            found /= name
        except OSError:
            return path
    return found if os.path.lexists(found) else path


def told_apart(names: Iterable[str]) -> str | None:
    """Two of these names that are read alike, as they are stored; None if there are none."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(composed(name), name)
        if other != name:
            return f"{composed(name)} twice, stored as {other!a} and as {name!a}"
    return None
