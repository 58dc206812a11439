"""The files below a folder that may be pictures, and each one that is passed over, with the reason.

All commands find pictures here. A file's name or its first bytes make it one that may be a picture;
links are followed, without loops, and what is reached by two ways counts once.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

from msgspec import Struct, field

from imgclf.data.formats import HEAD, PICTURE_SUFFIXES, RAW_SUFFIXES, begins_like_a_picture
from imgclf.data.left_by_programs import is_programs_file, is_programs_folder

Why: TypeAlias = Literal["unreadable", "no picture", "a program's", "twice"]

LINK_TO_NOTHING: Final = "a link to nothing"
_COUNTED: Final = "a link to what is counted already"


class Skipped(Struct, frozen=True):
    """A file or folder that takes no part, and why.

    Attributes:
        path: Where it lies.
        reason: In a few words, the same for those of a kind.
        why: "unreadable" if a picture may be lost by it; "no picture", "a program's" (such as
            thumbnails) or "twice" if not.
        files: How many files are left out by it.
    """

    path: Path
    reason: str
    why: Why = "unreadable"
    files: int = 1


LeaveOut: TypeAlias = Callable[[Skipped], object]
Walk: TypeAlias = Callable[[Path, LeaveOut], Iterator[Path]]
_Identity: TypeAlias = tuple[int, int]


class Listing(Struct):
    """What lies in one folder, by name.

    Attributes:
        folders: Folders, hidden ones and those of programs left out.
        links: Links to folders, likewise.
        files: Everything else that is there, whether or not it is a picture.
    """

    folders: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    files: list[os.DirEntry[str]] = field(default_factory=list)


def list_folder(folder: Path, leave_out: LeaveOut) -> Listing:
    """Looks into one folder.

    Args:
        folder: If it can't be read, it is left out itself.
        leave_out: Gets what is passed over.
    """
    found = Listing()
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        leave_out(unreadable(folder, error))
        return found
    folders: list[os.DirEntry[str]] = []
    for entry in listed:
        try:
            (folders if entry.is_dir() else found.files).append(entry)
        except OSError as error:  # a link that leads to itself, or where nobody may look
            leave_out(unreadable(Path(entry), error))
    beside_pictures = any(_named_like_a_picture(entry.name) for entry in found.files)
    for entry in folders:
        skipped = _no_folder_of_pictures(entry, beside_pictures)
        if skipped is None:
            (found.links if entry.is_symlink() else found.folders).append(Path(entry))
        elif skipped.files:
            leave_out(skipped)
    return found


def walk_files(folder: Path, leave_out: LeaveOut) -> Iterator[Path]:
    """Yields the files below a folder that may be pictures, in a stable order.

    First those that lie in it, then those that links to folders lead to.

    Args:
        folder: Where to begin; if it can't be read, it is left out itself.
        leave_out: Gets what is passed over, as it comes.
    """
    yield from _Walk(folder, leave_out).files()


def unreadable(path: Path, error: OSError) -> Skipped:
    """What can't be read, with the reason in the system's words."""
    if path.is_symlink() and not os.path.exists(path):  # noqa: PTH110 -- raises where it may not
        return Skipped(path, LINK_TO_NOTHING)
    return Skipped(path, (error.strerror or "can't be read").lower())


class _Walk:
    """What one walk has seen so far; grows with the folders and the links, not with the files."""

    def __init__(self, folder: Path, leave_out: LeaveOut) -> None:
        self._leave_out = leave_out
        self._start = folder
        self._around = {_identity(parent) for parent in _real(folder).parents} - {None}
        self._entered: set[_Identity] = set()
        self._linked_files: set[_Identity] = set()
        self._links: deque[Path] = deque()

    def files(self) -> Iterator[Path]:
        yield from self._inside(self._start)
        while self._links:
            link = self._links.popleft()
            target = _real(link)
            if _identity(link) in self._around or target in _real(link.parent).parents:
                reason = "a link that leads back to a folder that it lies in"
                self._leave_out(Skipped(link, reason, "twice"))
            else:
                yield from self._inside(link)

    def _inside(self, start: Path) -> Iterator[Path]:
        waiting = [start]
        while waiting:
            folder = waiting.pop()
            identity = _identity(folder)
            if identity in self._entered:
                self._leave_out(Skipped(folder, _COUNTED, "twice"))
                continue
            if identity is not None:
                self._entered.add(identity)
            inside = list_folder(folder, self._leave_out)
            for entry in inside.files:
                reason = self._why_not(entry, 0 if identity is None else identity[0])
                if reason is None:
                    yield Path(entry)
                else:
                    self._leave_out(reason)
            self._links.extend(inside.links)
            waiting.extend(reversed(inside.folders))

    def _why_not(self, entry: os.DirEntry[str], device: int) -> Skipped | None:
        path = Path(entry)
        skipped = not_a_picture(path)
        if skipped is not None:
            return skipped
        if entry.is_symlink():
            identity = _identity(path)
            if identity is None:  # a link to nothing, which whoever opens it says
                return None
            real = _real(path)
            there = _identity(real.parent) in self._entered and not_a_picture(real) is None
            if there or identity in self._linked_files:
                return Skipped(path, _COUNTED, "twice")
            self._linked_files.add(identity)
        elif self._linked_files and (device, entry.inode()) in self._linked_files:
            return Skipped(path, "a file that is counted already, by a link", "twice")
        return None


def not_a_picture(path: Path) -> Skipped | None:
    """What rules a file out as a picture; None if it may be one, by its name or its first bytes.

    Args:
        path: It may be missing, or damaged: whoever opens it says so.
    """
    suffix = path.suffix.lower()
    if path.name.startswith("."):
        return Skipped(path, "hidden file", "no picture")
    if is_programs_file(path.name):
        return Skipped(path, f"{path.name}, which a program has made", "a program's")
    if suffix in PICTURE_SUFFIXES:
        return None
    if suffix in RAW_SUFFIXES:
        return Skipped(path, f"raw data of a camera, which can't be read ({suffix})", "no picture")
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            return unreadable(path, OSError(0, "not a regular file"))
        with path.open("rb") as file:
            if begins_like_a_picture(file.read(HEAD)):
                return None
    except OSError as error:
        return unreadable(path, error)
    return Skipped(path, f"not a picture ({suffix or 'no suffix'})", "no picture")


def _no_folder_of_pictures(entry: os.DirEntry[str], beside_pictures: bool) -> Skipped | None:
    path = Path(entry)
    files = 1 if entry.is_symlink() else sum(len(files) for _, _, files in os.walk(path))
    if is_programs_folder(entry.name, beside_pictures=beside_pictures):
        reason = f"in {entry.name}, which a program has made"
        return Skipped(path, reason, "a program's", files)
    if entry.name.startswith("."):
        return Skipped(path, "hidden folder", "no picture", files)
    return None


def _named_like_a_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES  # noqa: PTH122 -- one per file


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _identity(path: Path) -> _Identity | None:
    """By which two names of a folder or file are known for one; None if it can't be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
