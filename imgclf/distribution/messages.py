"""What the launcher tells its trainer, and process 0 all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from imgclf.config.loaded import LoadedConfig
from imgclf.distribution.processes import Processes
from imgclf.errors import ImgclfError, Interrupted, LostError, Terminated, UsageError, first_line
from imgclf.runs.folder import Settled
from imgclf.spelling import harmless

START_ALL = "start all of them, and see to it that the address is that of process 0"


@dataclass(frozen=True)
class Job:
    """What a trainer is started with.

    Attributes:
        loaded: What is trained.
        processes: Which of the processes it is.
        folder: For its log and what it makes; the launcher removes it.
        quiet: Say nothing but warnings.
        terminal: Draw bars.
    """

    loaded: LoadedConfig
    processes: Processes
    folder: Path
    quiet: bool
    terminal: bool


@dataclass(frozen=True)
class Failure:
    """An error as it goes from one process to another.

    Attributes:
        status: The exit status that it ends with.
    """

    status: int
    message: str
    hint: str | None = None

    @classmethod
    def of(cls, error: BaseException, where: str = "") -> Failure:
        """What ends a process, as it is told in another one."""
        if isinstance(error, ImgclfError):
            # Texts alone, which is what JSON takes.
            hint = None if error.hint is None else str(error.hint)
            return cls(error.exit_status, f"{where}{error.message}", hint)
        return cls(LostError.exit_status, f"{where}{first_line(error)}")

    def error(self) -> ImgclfError:
        """The error again, or one that ends with the same status."""
        kinds: tuple[type[ImgclfError], ...] = (UsageError, LostError, Interrupted, Terminated)
        kind = next((one for one in kinds if one.exit_status == self.status), ImgclfError)
        hint = None if self.hint is None else harmless(self.hint)
        return kind(harmless(self.message), hint)


@dataclass(frozen=True)
class Task:
    """What process 0 has found that there is to do.

    Attributes:
        run: The run's folder.
        data_fingerprint: Of the pictures; all processes must have the same.
        settled: What the config leaves open.
        committed: Epoch and batch of the commit to go on from; None to begin at the beginning.
        summary: Show the network's layers first.
        failure: Why process 0 ends.
    """

    what: Literal["train", "nothing", "failed"]
    run: str = ""
    data_fingerprint: str = ""
    settled: Settled | None = None
    committed: tuple[int, int] | None = None
    summary: bool = False
    failure: Failure | None = None

    @classmethod
    def read(cls, heard: Mapping[str, Any]) -> Task:
        """From JSON."""
        failure, committed = heard["failure"], heard["committed"]
        return cls(
            **{
                **heard,
                "failure": None if failure is None else Failure(**failure),
                "settled": msgspec.convert(heard["settled"], Settled | None),
                "committed": None if committed is None else tuple(committed),
            }
        )
