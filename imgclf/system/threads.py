"""Work in threads, in order and with a bounded window."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, islice
from typing import TypeVar

from imgclf.system import console

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

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


def work_through(
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
    description: str,
    meanwhile: Callable[[], None] | None = None,
    threads: int | None = None,
) -> Generator[_Result]:
    """Like `map_in_threads`, for many items, with progress.

    To be closed, or threads go on when whoever reads it has had an error.

    Args:
        function: As in `map_in_threads`.
        items: Likewise.
        description: What is done, for people.
        meanwhile: Called while threads work, before progress is shown; not if there are no items.
        threads: As in `map_in_threads`.
    """
    with closing(map_in_threads(function, items, _WINDOW, threads)) as results:
        begun = list(islice(results, 1))
        if begun and meanwhile is not None:
            meanwhile()
        with console.track(description, len(items)) as advance:
            for result in chain(begun, results):
                yield result
                advance(1)
