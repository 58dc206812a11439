"""A time by which work has to be done, for whoever works long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imgclf.errors import TimeBudgetError
from imgclf.system.clock import duration_text

# Of some work, before which its pace says little: seconds, and of all that there are.
_LOOK_AFTER, _LOOK_AFTER_PART = 2.0, 0.05


class TimeLimit:
    """So many seconds, which have begun to run.

    Args:
        seconds: In all.
        began: When they began, as the clock counts.
        clock: Tells the time, in seconds.
    """

    def __init__(
        self, seconds: float, began: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self._began = began
        self._clock = clock

    @property
    def used(self) -> float:
        """Seconds that are gone."""
        return self._clock() - self._began

    def count(self, seconds: float) -> None:
        """Counts seconds that had been used before, by a process that was interrupted."""
        self._began -= seconds

    @property
    def left(self) -> float:
        """Seconds that there still are; below 0 when they are over."""
        return self.seconds - self.used

    def too_short(self, what: str, needed: float) -> TimeBudgetError:
        """The error to raise where the time does not suffice.

        Args:
            what: Takes longer.
            needed: Seconds that all would take, at least.
        """
        given, long = duration_text(self.seconds), duration_text(needed)
        return TimeBudgetError(
            f"training.time_budget is {given}, and {what} does not fit into it: all in all it "
            f"would take at least {long} here",
            f"give it that: --set 'training.time_budget={long}', or use fewer pictures",
        )

    def require_pace(self, what: str, began: float, done: int, total: int) -> None:
        """Looks whether some work will be over in time.

        Args:
            what: The work.
            began: How much of the time was used when it began.
            done: How much of it is done.
            total: How much there is.

        Raises:
            TimeBudgetError: It will not.
        """
        took = self.used - began
        if not done or took < max(_LOOK_AFTER, _LOOK_AFTER_PART * self.seconds):
            return
        rest = took / done * (total - done)
        if rest > self.left:
            raise self.too_short(what, self.used + rest)


_limit: TimeLimit | None = None


def current() -> TimeLimit | None:
    """What holds just now; None if nothing does."""
    return _limit


@contextmanager
def within(limit: TimeLimit | None) -> Iterator[None]:
    """Inside, work that is counted ends with an error as soon as it is seen to take too long."""
    global _limit
    before, _limit = _limit, limit
    try:
        yield
    finally:
        _limit = before
