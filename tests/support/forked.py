"""Cases that may end a process, fill its memory or never end, each in a forked process.

What they need is imported before: TensorFlow takes seconds, and a fork of it milliseconds. It must
not have computed anything by then, for its threads are not forked.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

IN_A_PROCESS = 40
SECONDS = 40
MOST_MB = 1024
# So that a fault doesn't take what others need; refused, it is told by the words of who asked.
_LIMIT = 4 << 30
_REFUSED = re.compile(r"MemoryError|Unable to allocate|OOM when|bad_alloc|RESOURCE_EXHAUSTED")


@dataclass
class Fuzzed:
    """What came of changed files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    most_mb: int = 0
    slowest: float = 0.0


def run_forked(case: Callable[[int], str], first: int, last: int) -> Fuzzed:
    """Runs numbered cases, of which each may end its process.

    Args:
        case: Does the one of a number, and says in a word or more what came of it. Whatever it
            raises is a fault.
        first: The first number.
        last: The one after the last.
    """
    result = Fuzzed()
    while first < last:
        first = _one_process(case, first, min(first + IN_A_PROCESS, last), result)
    return result


def _one_process(case: Callable[[int], str], first: int, last: int, result: Fuzzed) -> int:
    """The number of the case to go on with."""
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        _run(case, first, last, writer)
        os._exit(0)
    os.close(writer)
    done = first - 1
    with os.fdopen(reader, "rb") as stream:
        for line in stream:
            number, seconds, megabytes, text = line.decode("utf-8", "replace").split(" ", 3)
            done = int(number)
            result.most_mb = max(result.most_mb, int(megabytes))
            result.slowest = max(result.slowest, float(seconds))
            _judge(done, int(megabytes), text.encode().decode("unicode_escape"), result)
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = f"took over {SECONDS} s" if number == signal.SIGALRM else f"signal {number}"
        result.faults.append(f"{done + 1}: {name}")
        return done + 2
    return done + 1 if done < last - 1 and done >= first else last


def _judge(number: int, megabytes: int, text: str, result: Fuzzed) -> None:
    kind, _, said = text.rstrip("\n").partition("\n")
    result.outcomes[kind] += 1
    if kind == "fault":
        result.faults.append(f"{number}: {said}")
    elif megabytes > MOST_MB:
        result.faults.append(f"{number}: {megabytes} MB; {said[-300:]}")
    elif _REFUSED.search(said):
        result.faults.append(f"{number}: asked for too much memory: {said[-300:]}")


def _run(case: Callable[[int], str], first: int, last: int, writer: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_LIMIT, _LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for number in range(first, last):
        Path("/proc/self/clear_refs").write_text("5")  # what was held most begins anew
        signal.alarm(SECONDS)
        began = time.monotonic()
        try:
            said = case(number)
        except BaseException:
            said = "fault\n" + traceback.format_exc()[-2500:]
        seconds = time.monotonic() - began
        signal.alarm(0)
        text = said.encode("unicode_escape").decode("ascii")
        os.write(writer, f"{number} {seconds:.2f} {_most_held()} {text}\n".encode())


def _most_held() -> int:
    """In MB, by this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
