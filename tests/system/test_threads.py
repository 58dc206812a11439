"""Work in threads, and what is said of it."""

from __future__ import annotations

import time
from contextlib import closing

from imgclf.system.threads import work_through
from tests.support.heard import Heard


def test_what_counts_for_several_is_counted_so(heard: Heard) -> None:
    def work(pictures: list[str]) -> int:
        time.sleep(0.55)
        return len(pictures)

    chunks = [["a", "b", "c"], ["d", "e"], ["f"]]
    with closing(
        work_through(work, chunks, "looking", meanwhile="nothing", threads=1, window=2, counts=len)
    ) as done:
        assert list(done) == [3, 2, 1]
    assert heard.text.startswith("looking: 6 in 1.")
