"""Work in threads, in order and with a bounded window."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal, TypeAlias, TypeVar

from imgclf.system import console, time_limit

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# What may be done in the main thread while others work.
Meanwhile: TypeAlias = Literal["nothing", "needed", "anything"]

# As many small pictures as are decoded while a library is imported.
_WINDOW = 4096


def map_in_threads(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    window: int = 64,
    threads: int | None = None,
) -> Generator[_Result]:
    """Like `map`, in threads and in order, with at most `window` results waiting.

    `ThreadPoolExecutor.map` reads all its input and keeps all its results; this keeps memory
    independent of how many items there are.

    Args:
        function: Called in any of the threads.
        items: Its arguments.
        window: Results that may wait.
        threads: How many; by default one for each core.
    """
    with ThreadPoolExecutor(max_workers=threads or os.cpu_count()) as executor:
        waiting: deque[Future[_Result]] = deque()
        try:
            for item in items:
                waiting.append(executor.submit(function, item))
                if len(waiting) >= window:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@dataclass
class _Waiting:
    """What is to be done beside the work of threads, and whether it is needed in any case."""

    task: Callable[[], object]
    needed: bool


_waiting: _Waiting | None = None


@contextmanager
def do_meanwhile(task: Callable[[], object], *, needed: bool) -> Iterator[None]:
    """Inside, this thread does something else, once, when others have long work to do.

    Args:
        task: Something long; not done at all if there is no such work.
        needed: It is needed whatever comes of the work.
    """
    global _waiting
    before, _waiting = _waiting, _Waiting(task, needed)
    try:
        yield
    finally:
        _waiting = before


def _do_what_waits(meanwhile: Meanwhile) -> None:
    global _waiting
    if _waiting is not None and (
        meanwhile == "anything" or (_waiting.needed and meanwhile == "needed")
    ):
        task, _waiting = _waiting.task, None
        task()


def work_through(
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
    description: str,
    *,
    meanwhile: Meanwhile,
    threads: int | None = None,
    window: int = _WINDOW,
    counts: Callable[[_Item], int] = lambda _: 1,
) -> Generator[_Result]:
    """Like `map_in_threads`, for many items, with progress.

    To be closed, or threads go on when whoever reads it has had an error.

    Args:
        function: As in `map_in_threads`.
        items: Likewise.
        description: What is done, for people.
        meanwhile: What of that which waits in `do_meanwhile` may be done before progress is shown,
            for this takes as long: anything, what is needed in any case, or nothing.
        threads: As in `map_in_threads`.
        window: Likewise.
        counts: For how many an item counts where progress is shown.

    Raises:
        TimeBudgetError: It is to be over at some time, and will not be.
    """
    limit = time_limit.current()
    with closing(map_in_threads(function, items, window, threads)) as results:
        begun = list(islice(results, 1))
        if begun:
            _do_what_waits(meanwhile)
        total, done, began = sum(map(counts, items)), 0, 0.0 if limit is None else limit.used
        with console.track(description, total) as advance:
            for item, result in zip(items, chain(begun, results), strict=True):
                yield result
                advance(counts(item))
                done += counts(item)
                if limit is not None:
                    limit.require_pace(description, began, done, total)
