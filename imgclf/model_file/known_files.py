"""Which model files need not be opened in a process of their own first: those known to be harmless.

A file that was made here, and one that has been opened so, is known by its hash. To know it again
without reading it, which of 27 MB takes a tenth of a whole prediction, it is also known by where it
lies, its size and its times, as in git's index: no program can set the time of the last change of a
file's state. Each is an empty file in the user's folder, whose name says it: several processes may
add to them at once, and there is nothing that could be damaged.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from imgclf.work_folders import user_state

MOST_KNOWN = 4000
"""Of the empty files; the oldest go first."""

_KEPT = 3000  # of them, when there are more


def is_known(path: Path, part: str) -> bool:
    """Whether a file was made here, or a part of it was opened before.

    Args:
        path: A model file.
        part: What of it was opened.
    """
    folder, stamp = _folder(), stamp_of(path)
    if folder is None or stamp is None:
        return False
    if _is_there(folder, stamp, part):
        return True
    if not folder.is_dir():
        return False
    name = _digest(path)
    if name is None or stamp != stamp_of(path) or not _is_there(folder, name, part):
        return False
    made_here = (folder / name).exists()
    _add(folder, stamp if made_here else f"{stamp}.{part}")
    return True


def is_made_here(path: Path) -> bool:
    """Whether a file has the bytes of one that was made here, wherever it lies now."""
    folder = _folder()
    name = None if folder is None or not folder.is_dir() else _digest(path)
    return folder is not None and name is not None and (folder / name).exists()


def remember(path: Path, part: str | None = None) -> None:
    """Knows a file from now on; where that can't be written, it doesn't.

    Args:
        path: A model file.
        part: What of it was opened; None of a file that was made here, which is known as a whole.
    """
    folder, before = _folder(), stamp_of(path)
    name = None if folder is None else _digest(path)
    if folder is None or before is None or name is None or before != stamp_of(path):
        return
    suffix = "" if part is None else f".{part}"
    for known in (name, before):
        _add(folder, f"{known}{suffix}")


def stamp_of(path: Path) -> str | None:
    """What changes whenever a file does: where it lies, its size and its times; None without it."""
    try:
        is_ = path.stat()
    except OSError:
        return None
    parts = (is_.st_dev, is_.st_ino, is_.st_size, is_.st_mtime_ns, is_.st_ctime_ns)
    return "-".join(f"{part:x}" for part in parts)


def _folder() -> Path | None:
    users = user_state()
    return None if users is None else users / "known-models"


def _is_there(folder: Path, name: str, part: str) -> bool:
    return any(os.path.exists(f"{folder}/{one}") for one in (name, f"{name}.{part}"))  # noqa: PTH110


def _digest(path: Path) -> str | None:
    import hashlib  # see `imgclf.model_file.archive`

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _add(folder: Path, name: str) -> None:
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / name).touch(mode=0o600)
        there = os.listdir(folder)  # noqa: PTH208 - names are all that is needed
        if len(there) > MOST_KNOWN:
            _remove_oldest(folder, there)


def _remove_oldest(folder: Path, names: list[str]) -> None:
    age = {}
    for name in names:
        with suppress(OSError):  # another process may be at it
            age[name] = (folder / name).stat().st_mtime_ns
    for name in sorted(age, key=age.__getitem__)[:-_KEPT]:
        with suppress(OSError):
            (folder / name).unlink()
