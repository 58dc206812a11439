"""What comes of processes; started by test_own_process.py and test_first_opening.py."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

from imgclf.system.own_process import Answers


def main(arguments: Sequence[str]) -> None:
    """Takes seconds, what is to come of it, and what that takes; by default it crashes."""
    seconds, what, *rest = arguments
    answers = Answers(float(seconds))
    print("whatever is printed", flush=True)
    if what == "fail early":
        raise ValueError
    answers.ready()
    if what == "hang":
        while True:
            pass
    if what == "leave":
        os._exit(7)
    if what == "give up":
        answers.give_up()
    if what == "fill":
        answers.limit_memory(64 << 20)
        try:
            bytearray(int(rest[0]) << 20)
        except MemoryError:
            answers.refuse("too much", "take less")
        answers.done()
    if what == "say":
        answers.refuse(f"{rest[0]} in {Path.cwd().name}")
    ctypes.string_at(0)
