"""What imgclf says while it works: notes, warnings and progress.

    from imgclf.system import console

    console.note("...")

As with Python's `logging`, there is one for the whole process, and whoever has something to say
says it here. The command line chooses the stream by `use`: stderr, for stdout is for results. Until
then nothing is printed, as befits a library: notes and warnings go to `getLogger("imgclf")`, if the
program has imported `logging`. On a terminal there are bars; piped or under cron only plain lines.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from imgclf.spelling import Lines, as_lines, on_one_line

if TYPE_CHECKING:
    import rich.console
    from rich.progress import Progress


@dataclass(frozen=True)
class Advance:
    """What `track` yields: called with the number of steps just done.

    Attributes:
        by: Does that.
        clear: Takes the bar away for good, before results are written to the same terminal.
    """

    by: Callable[[int], None]
    clear: Callable[[], None] = lambda: None

    def __call__(self, steps: int) -> None:
        """Moves the bar on."""
        self.by(steps)


class Console:
    """Where things are said.

    Args:
        stream: Where everything goes; `sys.stderr` in real use, None for nowhere.
        terminal: Draw bars and colours. Defaults to whether `stream` is a terminal.
        quiet: Say nothing but warnings.
    """

    def __init__(
        self, stream: TextIO | None, *, terminal: bool | None = None, quiet: bool = False
    ) -> None:
        self.stream = stream
        self.quiet = quiet or stream is None
        is_terminal = stream is not None and stream.isatty()
        self.terminal = (is_terminal if terminal is None else terminal) and not quiet

    @cached_property
    def rich(self) -> rich.console.Console:
        """For bars; its import takes 40 ms, which a prediction in a pipe should not pay."""
        from rich.console import Console

        return Console(file=self.stream, force_terminal=self.terminal, highlight=False)

    def note(self, text: str = "") -> None:
        """See `note`."""
        if self.stream is None:
            _log("INFO", text)
        elif not self.quiet:
            self._line(self.stream, text)

    def warning(self, text: str) -> None:
        """See `warning`."""
        if self.stream is None:
            _log("WARNING", text)
            return
        first, *more = as_lines(text).split("\n")
        self._line(self.stream, Lines.of(f"warning: {first}", *more))

    def _line(self, stream: TextIO, text: str) -> None:
        text = as_lines(text)
        try:
            if self.terminal:
                # Not `print`, which would wrap lines and read brackets in file names as markup.
                self.rich.out(text, highlight=False)
            else:
                stream.write(f"{text}\n")
            stream.flush()
        except BrokenPipeError:
            # Nobody listens any more (`2>&1 | head`), which is no reason to lose a training.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

    @contextmanager
    def track(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """See `track`."""
        if self.terminal:
            with self._bar(total is not None) as progress:
                task = progress.add_task(on_one_line(description), total=total, done="")

                def move(steps: int) -> None:
                    progress.advance(task, steps)
                    progress.update(task, done=f"{progress.tasks[0].completed:.0f}")

                yield Advance(move, progress.stop)
            return
        start, done = time.monotonic(), 0

        def advance(steps: int) -> None:
            nonlocal done
            done += steps

        yield Advance(advance)
        seconds = time.monotonic() - start
        if seconds > 1:
            counted = f": {done}" if done else ""
            self.note(f"{description}{counted} in {seconds:.1f} s")

    def _bar(self, has_end: bool) -> Progress:
        """What is left to do where that is known; else what is done, and for how long."""
        from rich import progress as rich

        columns: tuple[str | rich.ProgressColumn, ...] = (
            (rich.MofNCompleteColumn(), rich.TimeRemainingColumn())
            if has_end
            else ("{task.fields[done]}", rich.TimeElapsedColumn())
        )
        return rich.Progress(
            rich.TextColumn("{task.description}", markup=False),  # brackets are part of a name
            rich.BarColumn(),
            *columns,
            console=self.rich,
            transient=True,
        )


def _log(level: str, text: str) -> None:
    logging = sys.modules.get("logging")  # whoever listens has imported it, which takes 10 ms
    if logging is None:
        return
    logger = logging.getLogger("imgclf")
    if not logger.handlers:  # or Python prints warnings that nobody handles
        logger.addHandler(logging.NullHandler())
    # Handlers write to streams of any encoding, and not all take the letters of odd file names.
    said = as_lines(text).encode("utf-8", "backslashreplace").decode()
    logger.log(getattr(logging, level), "%s", said)


_current = Console(None)


def current() -> Console:
    """The console of this process."""
    return _current


def use(console: Console) -> None:
    """Says from now on on another console; for the command line."""
    global _current
    _current = console


@contextmanager
def hushed() -> Iterator[None]:
    """Inside only warnings are said: for what is done many times, and told in one line each."""
    before = _current
    use(Console(before.stream, quiet=True))
    try:
        yield
    finally:
        use(before)


def note(text: str = "") -> None:
    """One line for somebody who watches or reads the log later, or `Lines`; nothing if quiet."""
    _current.note(text)


def warning(text: str) -> None:
    """One line that is said even if quiet."""
    _current.warning(text)


@contextmanager
def track(description: str, total: int | None = None) -> Iterator[Advance]:
    """Yields a function that takes the number of steps just done.

    On a terminal a bar that goes away at the end. Otherwise nothing until the end, and then a line
    only if it took over a second.
    """
    with _current.track(description, total) as advance:
        yield advance
