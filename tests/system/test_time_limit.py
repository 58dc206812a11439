"""Work that is to be over at some time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from imgclf.errors import TimeBudgetError
from imgclf.system.clock import process_began
from imgclf.system.threads import work_through
from imgclf.system.time_limit import TimeLimit, current, within


def test_work_that_will_not_be_over_in_time_ends_as_soon_as_that_is_seen() -> None:
    done = 0

    def work(number: int) -> int:
        return number

    # By this clock a piece takes a second, of a hundred.
    limit = TimeLimit(60, 0, lambda: done)
    with within(limit), pytest.raises(TimeBudgetError) as caught:
        for _ in work_through(work, range(100), "sleeping", meanwhile="nothing"):
            done += 1
    assert done == 3  # when a twentieth of the time was used
    assert caught.value.message == (
        "training.time_budget is 1 min, and sleeping does not fit into it: all in all it would "
        "take at least 1 min 40 s here"
    )
    assert caught.value.hint == (
        "give it that: --set 'training.time_budget=1 min 40 s', or use fewer pictures"
    )
    assert current() is None


def test_what_was_used_before_counts() -> None:
    limit = TimeLimit(10, time.monotonic() - 2)
    limit.count(3)
    assert limit.used == pytest.approx(5, abs=0.1)
    assert limit.left == pytest.approx(5, abs=0.1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_a_process_began_before_python_did() -> None:
    program = (
        "import time; before = time.monotonic(); time.sleep(0.3)\n"
        "from imgclf.system.clock import process_began\n"
        "print(before - process_began())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert 0 <= float(done.stdout) < 30
    assert process_began() < time.monotonic()
