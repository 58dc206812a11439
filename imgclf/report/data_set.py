"""A data set's pictures as a table for people."""

from __future__ import annotations

from collections.abc import Mapping

from imgclf.report.tables import Column, table
from imgclf.spelling import Lines


def counts_table(counts: Mapping[str, tuple[int, int, int]]) -> Lines:
    """A row for each class.

    Args:
        counts: By class: pictures to train on, to validate on and to test on.
    """
    columns = Column("class", "left"), Column("train"), Column("validate"), Column("test")
    return table(columns, ([name, *map(str, parts)] for name, parts in counts.items()))
