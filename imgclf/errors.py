"""Everything that imgclf raises on purpose, and the exit status that each ends with.

    ImgclfError                1   a fault of imgclf itself
    ├── UsageError             2   the command line asks for something that can't be done
    │   ├── OutOfMemoryError   2   for a batch of so many pictures, say
    │   ├── TimeBudgetError    2   more work than fits into `training.time_budget`
    │   └── OwnCodeError       2   a callback or function of the user's own has raised
    ├── ConfigError            2   the config file, with every problem found in it
    ├── DataError              2   the folders of pictures, or a list of them
    │   └── PictureError       2   one picture that can't be read
    ├── ModelFileError         2   a model file that is missing, damaged or not to be trusted
    ├── WriteError             2   a file that can't be written: no room for it, or no leave
    ├── BusyError             75   another imgclf is at work on the same model or run
    ├── LostError             75   a process that trained along is gone; start all of them again
    ├── Interrupted          130   Ctrl-C; the last committed state is intact
    └── Terminated           143   SIGTERM; likewise

Statuses 3 (the guard kept the old model) and 4 (some inputs could not be read) are results, not
errors. All other modules raise; only `imgclf.cli` prints a message and exits.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imgclf.spelling import Lines, as_lines, composed


class ImgclfError(Exception):
    """A message for the user, and what they can type next.

    Args:
        message: What is wrong, naming the file, the line or the key. It is one line, whatever
            names it holds, unless it is `Lines`.
        hint: The command to run next, or what to change; shown on a line of its own, or several,
            likewise.
    """

    exit_status = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = as_lines(message)
        self.hint = None if hint is None else as_lines(hint)

    def __str__(self) -> str:
        return self.message if self.hint is None else Lines.of(self.message, self.hint)


class UsageError(ImgclfError):
    """The command line asks for something that can't be done."""

    exit_status = 2


class OutOfMemoryError(UsageError):
    """There is not enough memory for a batch of so many pictures, say."""


class TimeBudgetError(UsageError):
    """Even the least of a training takes longer than `training.time_budget`."""


class OwnCodeError(UsageError):
    """Code of the user's own has raised: a callback, or a function named in a config.

    What it raised is in `__context__`, for Keras loses the `__cause__`; shown with `--debug`.
    """


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a config: where it is, what stands there, what could stand there.

    `hint` is what another error advises, in words of its own.
    """

    key: str
    message: str
    line: int | None = None
    received: str | None = None
    allowed: str | None = None
    nearest: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        return self.lines()

    def lines(self, before: str = "") -> Lines:
        """What is wrong, and indented below it what stands there; `before` begins the first."""
        where = f"line {self.line}: " if self.line is not None else ""
        key = f"{self.key}: " if self.key else ""
        found = [f"{before}{where}{key}{self.message}"]
        for name, value in (
            ("received", self.received),
            ("allowed", self.allowed),
            ("did you mean", self.nearest),
        ):
            if value is not None:
                found.append(f"    {name}: {value}")
        if self.hint is not None:
            found.append(f"    {self.hint}")
        return Lines.of(*found)


class ConfigError(ImgclfError):
    """A config that can't be used, with all of its problems at once."""

    exit_status = 2

    def __init__(
        self, source: str | Path, problems: Iterable[Problem], hint: str | None = None
    ) -> None:
        self.source = str(source)
        self.problems = list(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        listed = (problem.lines("  ") for problem in self.problems)
        super().__init__(Lines.of(f"{self.source}: {count}", *listed), hint)


class DataError(ImgclfError):
    """Folders or lists of pictures that can't be used."""

    exit_status = 2


class PictureError(DataError):
    """One picture that can't be read; `message` is the reason in a few words."""


class ModelFileError(ImgclfError):
    """A model file that is missing, damaged or not to be trusted."""

    exit_status = 2


class WriteError(ImgclfError):
    """A file that can't be written; what was there before is as it was."""

    exit_status = 2


class BusyError(ImgclfError):
    """Another imgclf is at work on the same model or run; try later."""

    exit_status = 75


class LostError(ImgclfError):
    """A process that trained along is gone; what was committed before is intact."""

    exit_status = 75


class Interrupted(ImgclfError):  # noqa: N818
    """Ctrl-C; what was committed before is intact."""

    exit_status = 130


class Terminated(ImgclfError):  # noqa: N818
    """SIGTERM; what was committed before is intact."""

    exit_status = 143


def first_line(error: BaseException | Problem) -> str:
    """The first line of somebody else's message; the name of the error's class if it says nothing.

    Libraries raise errors with an empty message, with blank lines first, or with a page of text.
    """
    return next(
        (line for line in map(str.strip, str(error).splitlines()) if line), type(error).__name__
    )


def nearest_match(word: str, choices: Iterable[str]) -> str | None:
    """The choice that looks most like `word`, or None if none comes close; case is ignored.

    One slip away comes first: of `adma`, difflib finds that it is more like `adamax` than `adam`.
    """
    by_folded = {composed(choice).casefold(): choice for choice in choices}
    folded = composed(word).casefold()
    found = difflib.get_close_matches(folded, by_folded, n=10, cutoff=0.6)
    found.sort(key=lambda choice: not _one_slip(folded, choice))
    return by_folded[found[0]] if found else None


def _one_slip(word: str, other: str) -> bool:
    """Whether they differ by a letter too many, too few or wrong, or by two of them swapped."""
    shorter = min(len(word), len(other))
    begin = next((k for k in range(shorter) if word[k] != other[k]), shorter)
    same = next((k for k in range(shorter - begin) if word[-1 - k] != other[-1 - k]), None)
    end = shorter - begin if same is None else same
    mine, its = word[begin : len(word) - end], other[begin : len(other) - end]
    return max(len(mine), len(its)) < 2 or (len(mine) == 2 and mine == its[::-1])


def suggestion(word: str, choices: Iterable[str]) -> str:
    """What a message ends with after an unknown word: the choice meant, or nothing.

    Args:
        word: What was received.
        choices: What is allowed.

    Returns:
        `; did you mean CHOICE?`, or an empty text if none comes close.
    """
    near = nearest_match(word, choices)
    return f"; did you mean {near}?" if near else ""
