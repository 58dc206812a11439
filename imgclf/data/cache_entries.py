"""What the caches hold: which files belong together, what they are, and who uses them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from imgclf.errors import BusyError
from imgclf.system.disk import write_problems
from imgclf.system.in_use import unused
from imgclf.system.lock import lock

_HALF_WRITTEN = re.compile(r"\..+\.tmp(\..+)?")
_DIGEST_LENGTH = 32  # of the name of a row of features


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Files that are used and removed together.

    Attributes:
        what: In words.
        files: Their paths; where the others are found by one, it comes last.
        size: Of all of them, in bytes.
        used: When last, local time, as ISO 8601 has it.
        in_use: Whether a process is using them just now.
    """

    what: str
    files: tuple[str, ...]
    size: int
    used: str
    in_use: bool


def cache_entries(folders: Sequence[Path]) -> list[Entry]:
    """All that lies in the folders of caches, the last used first."""
    found = (_entry(files) for folder in folders for files in _together(folder))
    return sorted((one for one in found if one), key=lambda entry: entry.used, reverse=True)


def remove_entry(entry: Entry) -> bool:
    """Removes the files of an entry, unless a process is using them.

    Returns:
        Whether it did.

    Raises:
        WriteError: There is no leave to remove them.
    """
    files = [Path(file) for file in entry.files]
    with ExitStack() as held:
        try:
            for rows in files:
                if rows.suffix == ".f16":  # or somebody could be adding rows to it
                    held.enter_context(lock(rows))
        except BusyError:
            return False
        if not all(held.enter_context(unused(file)) for file in files if file.exists()):
            return False
        for file in files:
            with write_problems(file):
                file.unlink(missing_ok=True)
    return True


def _together(folder: Path) -> Iterator[list[Path]]:
    """Files whose names begin alike."""
    groups: dict[str, list[Path]] = defaultdict(list)
    for file in [*folder.glob("*"), *folder.glob("graphs/*")]:
        half_written = _HALF_WRITTEN.fullmatch(file.name) is not None
        if file.is_file() and (half_written or not file.name.startswith(".")):
            name = file.name if half_written else file.name.partition(".")[0]
            groups[str(file.parent / name)].append(file)
    # The array goes first, and the names before the rows: the rest means nothing without them.
    order = (".npy", ".pictures")
    for files in groups.values():
        yield sorted(files, key=lambda file: (file.suffix not in order, file.name))


def _entry(files: Sequence[Path]) -> Entry | None:
    try:
        states = [file.stat() for file in files]
        what = _what(files)
    except OSError:  # removed while it was looked at
        return None
    used = max(state.st_mtime for state in states)  # which who uses it sets
    with ExitStack() as held:
        free = all(held.enter_context(unused(file)) for file in files)
    return Entry(
        what=what,
        files=tuple(map(str, files)),
        size=sum(state.st_size for state in states),
        used=datetime.fromtimestamp(used).isoformat(timespec="seconds"),
        in_use=not free,
    )


def _what(files: Sequence[Path]) -> str:
    first, suffixes = files[0], {file.suffix for file in files}
    if first.name.startswith("."):
        return "half written"
    if first.parent.name == "graphs":
        return "LiteRT graph of a pretrained network"
    if first.suffix == ".npy":
        return _pictures(first)
    if ".pictures" in suffixes:
        return f"features of {first.stat().st_size // _DIGEST_LENGTH} pictures"
    if first.name.startswith("precision-"):
        return "times of a few steps by precision"
    if re.fullmatch(r"[0-9a-f]{32}\.json", first.name):
        return "which pictures can be read"
    return "other"


def _pictures(file: Path) -> str:
    with suppress(ValueError), file.open("rb") as stream:
        np.lib.format.read_magic(stream)
        (count, height, width, *_), _, _ = np.lib.format.read_array_header_1_0(stream)
        return f"{count} decoded pictures, {height} x {width}"
    return "damaged"
