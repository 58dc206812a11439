"""What is said of files that take no part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from imgclf.data.file_walk import Skipped
from imgclf.system import console

_NAMED = 10


class LeftOut:
    """Files that take no part, counted by reason; names are kept of a few that may be a loss.

    Attributes:
        unreadable: How many of them may be pictures that nobody could see.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._named: list[Skipped] = []
        self.unreadable = 0

    def add(self, one: Skipped) -> None:
        """Counts one."""
        self._counts[one.reason] += one.files
        if one.why == "unreadable":
            self.unreadable += one.files
            if len(self._named) < _NAMED:
                self._named.append(one)

    @property
    def count(self) -> int:
        """How many they are."""
        return self._counts.total()

    def __str__(self) -> str:
        return counted(self._counts)

    def say(self) -> None:
        """Names those that may be a loss, and says in a line how many there are and why."""
        for one in self._named:
            console.warning(f"left out {one.path}: {one.reason}")
        if self.count > len(self._named):
            console.note(f"left out {self}")


def warn_of_left_out(skipped: Iterable[Skipped]) -> None:
    """Names some of these files and why they take no part, and counts the others."""
    # Those first that may be a loss.
    ordered = sorted(skipped, key=lambda one: one.why != "unreadable")
    for one in ordered[:_NAMED]:
        files = f" ({one.files} files)" if one.files > 1 else ""
        console.warning(f"left out {one.path}: {one.reason}{files}")
    if more := ordered[_NAMED:]:
        console.warning(f"left out {counted(by_reason(more), 'more ')}")


def by_reason(skipped: Sequence[Skipped]) -> Counter[str]:
    """How many files each reason leaves out."""
    counts: Counter[str] = Counter()
    for one in skipped:
        counts[one.reason] += one.files
    return counts


def counted(counts: Counter[str], more: str = "") -> str:
    """So many files, and why: the commonest reasons first."""
    total = counts.total()
    reasons = "; ".join(f"{count} {reason}" for reason, count in counts.most_common())
    return f"{total} {more}{'file' if total == 1 else 'files'}: {reasons}"
