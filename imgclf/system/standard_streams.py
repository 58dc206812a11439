"""Standard input and output that names of files pass through, whatever they hold.

A name may be no text at all, and the terminal's encoding may lack a letter of it; neither is a
fault, and no row should be lost to it.
"""

from __future__ import annotations

import codecs
import io
import sys
from typing import Any, TextIO

from imgclf.spelling import harmless

ESCAPED = "imgclf-escaped"
"""How text is written that the encoding can't say: names that are no text byte for byte as they
came in, and letters that it lacks as Python escapes them, `\\u011f`."""


def _escape(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    parts = (
        bytes([ord(letter) - 0xDC00])
        if "\udc80" <= letter <= "\udcff"
        else letter.encode("ascii", "backslashreplace")
        for letter in error.object[error.start : error.end]
    )
    return b"".join(parts), error.end


codecs.register_error(ESCAPED, _escape)


class _Terminal:
    """A terminal that results are printed on: what would steer it is shown escaped.

    Names of files, classes and models are anybody's, and what is printed has none but ours
    otherwise. Bars are drawn elsewhere; in a pipe or a file results stay as they are.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes lines."""
        return self._stream.write(harmless(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def let_names_through() -> None:
    """Nothing that is printed fails for its letters, and lists are read as arguments are."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=ESCAPED)
        if sys.stdout.isatty():
            sys.stdout = _Terminal(sys.stdout)
    if isinstance(sys.stdin, io.TextIOWrapper):
        # As the names of files in arguments and folders, whatever PYTHONIOENCODING says.
        sys.stdin.reconfigure(encoding=sys.getfilesystemencoding(), errors="surrogateescape")
