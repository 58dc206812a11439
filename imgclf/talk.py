"""What imgclf says while it works: notes and progress on the stream that the front door gives.

stdout is data and stderr is talk, so the front door passes stderr. On a terminal there are
bars; piped or under cron only plain lines.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[int], None]


class Talk:
    """A voice for verbs and callbacks.

    Args:
        stream: Where everything goes; `sys.stderr` in real use.
        terminal: Draw bars and colours. Defaults to whether `stream` is a terminal.
        quiet: Say nothing but warnings.
    """

    def __init__(
        self, stream: TextIO, *, terminal: bool | None = None, quiet: bool = False
    ) -> None:
        self.stream = stream
        self.quiet = quiet
        self.terminal = (stream.isatty() if terminal is None else terminal) and not quiet

    @cached_property
    def console(self) -> Console:
        """For bars; its import takes 40 ms, which a prediction in a pipe should not pay."""
        from rich.console import Console

        return Console(file=self.stream, force_terminal=self.terminal, highlight=False)

    def note(self, text: str = "") -> None:
        """One line for somebody who watches or reads the log later; nothing if quiet."""
        if not self.quiet:
            self._line(text)

    def warning(self, text: str) -> None:
        """One line that is said even if quiet."""
        self._line(f"warning: {text}")

    def _line(self, text: str) -> None:
        try:
            if self.terminal:
                # Not `print`, which would wrap lines and read brackets in file names as markup.
                self.console.out(text, highlight=False)
            else:
                self.stream.write(f"{text}\n")
            self.stream.flush()
        except BrokenPipeError:
            # Nobody listens any more (`2>&1 | head`), which is no reason to lose a training.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    @contextmanager
    def track(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Yields a function that takes the number of steps just done.

        On a terminal a bar that goes away at the end. Otherwise nothing until the end, and
        then a line only if it took over a second.
        """
        if self.terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

            columns = (
                "{task.description}",
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            with Progress(*columns, console=self.console, transient=True) as progress:
                task = progress.add_task(description, total=total)
                yield lambda steps: progress.advance(task, steps)
            return
        start, done = time.monotonic(), 0

        def advance(steps: int) -> None:
            nonlocal done
            done += steps

        yield advance
        seconds = time.monotonic() - start
        if seconds > 1:
            counted = f": {done}" if done else ""
            self.note(f"{description}{counted} in {seconds:.1f} s")
