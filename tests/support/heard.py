"""What is said while a test runs."""

from __future__ import annotations

import io
from typing import TextIO

from imgclf.system import console


class Heard(console.Console):
    """A console that keeps what is said on it."""

    def __init__(
        self, stream: TextIO | None = None, *, terminal: bool = False, quiet: bool = False
    ) -> None:
        super().__init__(stream or io.StringIO(), terminal=terminal, quiet=quiet)

    @property
    def text(self) -> str:
        """All of it so far."""
        return self.stream.getvalue()  # type: ignore[union-attr]


def listen(stream: TextIO | None = None, *, terminal: bool = False, quiet: bool = False) -> Heard:
    """Makes a console of its own the one that is spoken to, until the test ends."""
    heard = Heard(stream, terminal=terminal, quiet=quiet)
    console.use(heard)
    return heard
