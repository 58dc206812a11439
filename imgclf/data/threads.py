"""Work in threads, in order and with a bounded window."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_in_threads(
    function: Callable[[_Item], _Result], items: Iterable[_Item], window: int = 64
) -> Generator[_Result]:
    """Like `map`, in threads and in order, with at most `window` results waiting.

    `ThreadPoolExecutor.map` reads all its input and keeps all its results; this keeps memory
    independent of how many items there are.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as executor:
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
