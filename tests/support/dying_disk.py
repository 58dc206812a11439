"""A process that dies at its n-th step towards the disk, as SQLite's tests have it.

Counted are opening a file for writing, each write(2) to it, fsync, rename, link, unlink, mkdir,
truncate and sendfile, as far as Python does them. What C++ writes by itself (TensorBoard's
events) is not.

Dying is SIGKILL in a process that was made for it, and otherwise an exception after which
nothing reaches the disk any more, so that cleaning up can't hide what a kill would leave.
"""

from __future__ import annotations

import builtins
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CALLS = (
    *("fsync", "replace", "rename", "link", "unlink", "remove", "rmdir", "mkdir"),
    *("truncate", "sendfile", "posix_fallocate"),
)
_open = io.open


class Died(BaseException):
    """Stands for SIGKILL; not an Exception, so that nothing handles it."""


@dataclass
class Disk:
    """What was done, and when to die.

    Attributes:
        dies_at: The number of the step, from 1, that is not done any more; or how the words of
            that step begin, as they stand in `steps`; None for never.
        really: By SIGKILL.
        steps: What was done, as "rename commit-000001".
    """

    dies_at: int | str | None = None
    really: bool = False
    steps: list[str] = field(default_factory=list)
    dead: bool = False

    def step(self, what: str, path: Any) -> None:
        """Notes a step, or dies instead."""
        if self.dead:
            raise Died
        self.steps.append(f"{what} {_name(path)}")
        if self._is_last(self.steps[-1], len(self.steps)):
            self.die()

    def would_die(self, what: str, path: Any) -> bool:
        """Whether this step would be the one."""
        return not self.dead and self._is_last(f"{what} {_name(path)}", len(self.steps) + 1)

    def _is_last(self, step: str, number: int) -> bool:
        if isinstance(self.dies_at, str):
            return step.startswith(self.dies_at)
        return number == self.dies_at

    def die(self) -> None:
        if self.really:
            os.kill(os.getpid(), signal.SIGKILL)
        self.dead = True
        raise Died


def _name(path: Any) -> str:
    if isinstance(path, int):
        return f"descriptor {path}"
    parts = Path(os.fsdecode(path)).parts
    return "/".join(parts[-2:])


class _Raw(io.FileIO):
    """Writes that are counted, and torn where the process dies."""

    disk: Disk

    def write(self, data: Any, /) -> int:
        if self.disk.dead:
            raise Died
        content = bytes(data)
        if self.disk.would_die("write", self.name):
            super().write(content[: len(content) // 2])
        self.disk.step("write", self.name)
        return super().write(content) or 0


def _opening(disk: Disk) -> Callable[..., Any]:
    def open_counted(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if not set(mode) & set("wax+"):
            return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        disk.step("open", file)
        raw = _Raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        raw.disk = disk
        if buffering == 0:
            return raw
        buffered: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)
        text.mode = mode
        return text

    return open_counted


@contextmanager
def dying_disk(dies_at: int | str | None = None, *, really: bool = False) -> Iterator[Disk]:
    """Inside, every step towards the disk is counted, and one of them is the last."""
    disk = Disk(dies_at, really)

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def step_and_call(*arguments: Any, **named: Any) -> Any:
            target = arguments[1] if name in ("replace", "rename", "link") else arguments[0]
            disk.step(name, target)
            return call(*arguments, **named)

        return step_and_call

    before = {name: getattr(os, name) for name in _CALLS if hasattr(os, name)}
    for name, call in before.items():
        setattr(os, name, counted(name, call))
    builtins.open = io.open = _opening(disk)  # type: ignore[assignment]
    try:
        yield disk
    finally:
        builtins.open = io.open = _open
        for name, call in before.items():
            setattr(os, name, call)
