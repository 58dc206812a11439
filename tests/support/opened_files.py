"""Which files are opened: by Python, as its audit hooks say, and a single one by anybody."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.fuzz_graphs import ROOT

_heard: list[list[Path]] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _heard or not isinstance(arguments[0], str | bytes | os.PathLike):
        return
    path = Path(os.fsdecode(arguments[0])).absolute()
    # A name below another folder that is open, which isn't told, seems to be none that is there.
    if arguments[2] & os.O_CREAT or os.path.lexists(path):
        _heard[-1].append(path)


sys.addaudithook(_hear)  # there is no way to take one away


@contextmanager
def opened_files(*named: Path) -> Iterator[set[Path]]:
    """Yields a set that has at the end what was opened, and neither was named nor is ours.

    What is ours are Python, its packages and imgclf, the user's folders, and temporary files.

    Args:
        named: Files and folders that may be opened, with all that is in them; the folders that
            they are in, too, by themselves.
    """
    foreign: set[Path] = set()
    _heard.append([])
    try:
        yield foreign
    finally:
        absolute = [path.absolute() for path in named]
        allowed = [*_OURS, *_users(), *absolute]
        folders = {path.parent for path in absolute}
        foreign |= {
            path
            for path in _heard.pop()
            if path not in folders
            and not any(path.is_relative_to(place) for place in allowed)
            and not _is_temporary(path)
        }


_OURS = [
    *map(Path, {sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)}),  # noqa: PTH120
    ROOT / "imgclf",
    *map(Path, ("/proc", "/sys", "/dev")),
]


def _users() -> list[Path]:
    return [Path(os.environ[name]) / "imgclf" for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME")]


def _is_temporary(path: Path) -> bool:
    folder = Path(tempfile.gettempdir())
    return path.is_relative_to(folder) and path.relative_to(folder).parts[0].startswith(
        ("imgclf-", "tmp")
    )


@contextmanager
def nobody_opens(bait: Path) -> Iterator[None]:
    """Makes sure that a file is not opened inside, by libraries in C++ neither."""
    if sys.platform != "linux":
        yield
        return
    library = ctypes.CDLL(None, use_errno=True)
    watch = library.inotify_init1(os.O_NONBLOCK)
    assert watch >= 0
    try:
        assert library.inotify_add_watch(watch, os.fsencode(bait), 0x20) >= 0  # IN_OPEN
        yield
        try:
            said = os.read(watch, 1 << 12)
        except BlockingIOError:
            said = b""
        assert not said, f"{bait} was opened"
    finally:
        os.close(watch)
