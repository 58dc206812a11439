"""The versions of a model as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgclf.model_file.prune import Pruned
from imgclf.model_file.versions import Version
from imgclf.report.scores import interval_cell
from imgclf.report.tables import Column, table
from imgclf.spelling import Lines, on_one_line


def history_table(found: Sequence[Version]) -> Lines:
    """A row for each version, in their order; accuracies with four digits.

    Pictures are those that all versions are scored on, or `others`.
    """
    columns = (
        Column("version"),
        Column("parent"),
        Column("corrections"),
        Column("new", width=4),
        Column("before"),
        Column("after", width=6),
        Column("pictures", "left"),
        Column("created", "left"),
        Column("after-95%", "left"),
    )
    return table(columns, map(_row, found))


def pruned_line(model: Path, done: Pruned) -> str:
    """What was removed, and what that brought."""
    left = f"left: {_ranges(done.left)}"
    if not done.removed:
        return on_one_line(f"nothing to remove of {model}; {left}")
    versions = "versions" if len(done.removed) > 1 else "version"
    gone = f"removed {versions} {_ranges(done.removed)} of {model}"
    return on_one_line(f"{gone}, {done.freed / 1e6:.1f} MB; {left}")


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers, those that follow each other as `2-5`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, one)) for one in ranges)


def _pictures(one: Version) -> str:
    if one.pictures is None:
        return "-"
    return f"{one.pictures}" if one.same_pictures else f"{one.pictures} others"


def _row(one: Version) -> list[str]:
    before, after = (
        "-" if score is None else f"{score:.4f}" for score in (one.score_before, one.score)
    )
    return [
        str(one.version),
        str(one.parent or "-"),
        str(one.corrections),
        str(len(one.new)),
        before,
        after,
        _pictures(one),
        one.created + ("  (in use)" if one.in_use else ""),
        "-" if one.score_interval is None else interval_cell(one.score_interval),
    ]
