"""What Keras and other people's callbacks print, made notes: stdout is for results."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

from imgclf.system import console

# Keras says so, although nobody asked for shuffling.
_OF_EVERY_DATASET = "`shuffle=True` was passed"


class _Lines(io.TextIOBase):
    """A stream that hands on whole lines; empty ones, which Keras prints for room, are dropped."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._hand_on(line)
        return len(text)

    def finish(self) -> None:
        self._hand_on(self._rest)
        self._rest = ""

    def _hand_on(self, line: str) -> None:
        if line.strip():
            self._say(line.rstrip())


@contextmanager
def prints_as_notes() -> Iterator[None]:
    """Inside, prints are notes, and Python's warnings are said in one line without a file name.

    In a program that imports imgclf nobody hears notes, and its standard output is its own: there
    both go where they always go.
    """
    if console.current().stream is None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_OF_EVERY_DATASET)
            yield
        return
    lines = _Lines(console.note)

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, DeprecationWarning | PendingDeprecationWarning):
            console.warning(str(message))  # the others are for programmers

    with redirect_stdout(lines), warnings.catch_warnings():
        warnings.showwarning = show
        warnings.filterwarnings("ignore", message=_OF_EVERY_DATASET)
        try:
            yield
        finally:
            lines.finish()
