"""Work that may end its process, done in one of its own, within limits of memory and time.

`ask` starts it and hears what came of it. `Answers` is for the module that runs there; it speaks in
lines of JSON on standard output, and whatever else is printed is thrown away. It keeps what goes
wrong there away from here; it is no wall around code that is meant to do harm.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

if sys.platform != "win32":
    import resource

# Imports are looked for where this process does it, and never in the working directory alone.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from importlib import import_module; "
    "import_module(sys.argv[2]).main(sys.argv[3:])"
)
_LONGEST_ANSWER = 1 << 15  # bytes; fits into a pipe that nobody reads yet
_LONGEST_TEXT = 4000  # letters of a message
_GRACE = 10  # seconds, after which a process ends itself whose parent is gone
_HARDLY_ANYTHING = 16 << 20  # bytes
_MEMORY = Path("/proc/self/statm")


class Answer(msgspec.Struct, frozen=True):
    """What a process has said, as far as it came.

    Attributes:
        ready: All that it needs was there, and it was about to begin.
        megabytes: That it might take beside what it held then; None if it had no such limit.
        done: It came to the end of its work.
        result: What it came to, if that is not a file's.
        message: Why its work can't be done, if it found that out.
        hint: What to do then.
        ended: How it ended: a signal, a status, or that it took too long.
    """

    ready: bool = False
    megabytes: int | None = None
    done: bool = False
    result: str | None = None
    message: str | None = None
    hint: str | None = None
    ended: str = ""


def ask(
    module: str, arguments: Sequence[str], seconds: float, *, gpus: bool = False
) -> Answer | None:
    """Runs a module's `main` in a process of its own, and waits for it.

    That is a new process and not a copy of this one, which may have threads.

    Args:
        module: Its name; its `main` takes the list of arguments.
        arguments: After the number of seconds, which is the first.
        seconds: That it may take.
        gpus: It sees GPUs, if there are any.

    Returns:
        What it said; None if there can be no such process here, or it failed before it was ready.
    """
    if not sys.executable:
        return None
    paths = json.dumps(sys.path)
    # -P: not even the modules that it begins with come from the working directory.
    command = [sys.executable, "-P", "-c", _START, paths, module, str(seconds), *arguments]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ) if gpus else {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        )
    except (OSError, ValueError):
        return None
    try:
        status = process.wait(seconds)
        ended = f"status {status}" if status >= 0 else _name_of(-status)
    except subprocess.TimeoutExpired:
        ended = f"more than {seconds:g} seconds"
    finally:
        process.kill()
        process.wait()
        said = _read(process)
    answer = _understood(said, ended)
    return answer if answer is not None and answer.ready else None


def _read(process: subprocess.Popen[bytes]) -> bytes:
    """What is in the pipe; a process that it has started in turn may hold that open."""
    if process.stdout is None:
        return b""
    with process.stdout as pipe:
        if sys.platform != "win32":
            os.set_blocking(pipe.fileno(), False)
        try:
            return os.read(pipe.fileno(), _LONGEST_ANSWER)
        except OSError:
            return b""


def _understood(said: bytes, ended: str) -> Answer | None:
    whole: dict[str, Any] = {}
    try:
        for line in said.splitlines():
            whole |= json.loads(line)  # not by msgspec, which takes no names that are no text
        return msgspec.convert(whole | {"ended": ended}, Answer)
    except (ValueError, TypeError, RecursionError):
        return None


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Answers:
    """What a process says that was started by `ask`; it throws away what is printed from now on.

    Args:
        seconds: That it may take.

    Attributes:
        megabytes: That it may use beside what it held when it was ready; None for all there is.
    """

    def __init__(self, seconds: float) -> None:
        self._stream = os.fdopen(os.dup(1), "wb", buffering=0)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        self._held = 0
        self._limit: int | None = None
        self.megabytes: int | None = None
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE)  # ends it
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def ready(self) -> None:
        """All that is needed is imported and has started its threads: the work begins."""
        self._held = _held()
        self._say(ready=True)

    def limit_memory(self, beside: int) -> None:
        """Allows so many bytes beside what was held when it was ready, where a system can do that.

        It may be called again, with more or less.
        """
        if not self._held:
            return
        wanted = self._held + beside
        if sys.platform != "win32":
            _, most = resource.getrlimit(resource.RLIMIT_DATA)
            if most == resource.RLIM_INFINITY or wanted < most:
                resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))
        self._limit = wanted
        self.megabytes = beside >> 20
        self._say(megabytes=self.megabytes)

    @property
    def short_of_memory(self) -> bool:
        """Whether hardly anything is left of what it may use."""
        return self._limit is not None and _held() > self._limit - _HARDLY_ANYTHING

    def done(self, result: str | None = None) -> None:
        """The work is done; ends the process, and none of what libraries do at an end."""
        self._say(done=True, result=result)
        os._exit(0)

    def refuse(self, message: str, hint: str | None = None) -> None:
        """The work can't be done, and why; ends the process likewise."""
        cut = None if hint is None else hint[:_LONGEST_TEXT]
        self._say(message=message[:_LONGEST_TEXT], hint=cut)
        os._exit(0)

    def give_up(self) -> None:
        """It can't be said, as if there could be no such process; ends it likewise."""
        self._say(ready=False)
        os._exit(0)

    def _say(self, **what: Any) -> None:
        self._stream.write(json.dumps(what).encode() + b"\n")


def _held() -> int:
    """Bytes of memory that can be written to, threads' stacks among them; 0 if nobody knows."""
    if sys.platform != "linux":
        return 0
    try:
        return int(_MEMORY.read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
