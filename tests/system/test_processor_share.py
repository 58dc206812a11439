"""How much slower a process is for what others want of the processors."""

from __future__ import annotations

from imgclf.system.processor_share import ProcessorShare, Spent, threads_of_this_process


def test_what_the_threads_had_to_wait_counts() -> None:
    now, spent = 0.0, {"1": (3.0, 1.0), "2": (1.0, 1.0)}
    share = ProcessorShare(lambda: now, lambda: dict(spent), enough=1)
    assert share.slower == 1.5


def test_only_of_late_and_of_threads_that_are_there() -> None:
    now = 0.0
    spent: dict[str, tuple[float, float]] = {"1": (10.0, 90.0), "2": (5.0, 0.0)}
    share = ProcessorShare(lambda: now, lambda: dict(spent), enough=1)
    assert share.slower == 7
    for now in (1.0, 20.0, 40.0):
        del spent["2"]
        spent = {"1": (10.0 + now, 90.0 + now), "2": (0.0, 0.0)}
        slower = share.slower
    assert slower == 2


def test_nothing_is_said_where_nothing_is_known_or_was_computed() -> None:
    def nothing() -> Spent:
        return {}

    assert ProcessorShare(lambda: 0, nothing).slower is None
    assert ProcessorShare(lambda: 0, lambda: {"1": (0.1, 5.0)}, enough=1).slower is None


def test_on_linux_the_system_tells() -> None:
    for computed, waited in threads_of_this_process().values():
        assert computed >= 0
        assert waited >= 0
