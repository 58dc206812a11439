"""Names of class folders that can't be names of classes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from imgclf.errors import DataError
from imgclf.spelling import told_apart


def refuse_odd_names(directory: Path, names: Iterable[str]) -> None:
    """Makes sure that each folder's name is text, and another class's than the others'.

    Args:
        directory: The data set's.
        names: Of its class folders, as they are stored.

    Raises:
        DataError: One is not, or two are read alike.
    """
    names = list(names)
    for name in names:
        if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
            raise DataError(
                f"{directory} has a class folder whose name is no text in UTF-8: {name!a}",
                "rename it; convmv does that for many at a time",
            )
    twice = told_apart(names)
    if twice is not None:
        raise DataError(f"{directory} has the class {twice}", "keep one, with the pictures of both")
