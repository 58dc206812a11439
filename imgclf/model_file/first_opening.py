"""Opening a model file that this machine has not made: in a process of its own first.

Behind all checks there are libraries in C++ that believe what passes them. Whether a file ends the
process, fills the memory or never comes to an end is found out where nothing is lost by it. What
was made here, and what was opened so before, is known and starts at once; see
`imgclf.model_file.known_files`. Only the command line asks for this: whoever imports imgclf gets
no processes that they didn't start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from imgclf.errors import ModelFileError
from imgclf.model_file.known_files import is_known, remember, stamp_of
from imgclf.system import console

Part: TypeAlias = Literal["graph", "weights", "network", "plain"]
"""What is opened: the LiteRT graph with its head, the arrays of Keras's weights, the network as
Keras builds it, and that without what it was compiled with."""

TRIAL = "imgclf.model_file.trial"
"""The module that runs in the other process."""

SECONDS: dict[Part, float] = {"graph": 60, "weights": 60, "network": 300, "plain": 300}
"""That each may take, on a slow machine with much else to do."""

_BY_KERAS = {"network", "plain"}
_HINT = "get the file anew from where it comes from, or do without it"
_wanted = False


@contextmanager
def strangers_apart() -> Iterator[None]:
    """Inside, `open_apart` does what it says; outside it does nothing."""
    global _wanted
    before, _wanted = _wanted, True
    try:
        yield
    finally:
        _wanted = before


def open_apart(path: Path, part: Part, picture: tuple[int, int] | None = None) -> None:
    """Opens a file that isn't known in a process of its own, and has it answer for a picture.

    To be called before anything but imgclf's own code gets to see that part of the file. Where
    there can be no such process, nothing happens, and the checks alone stand before the libraries.

    Args:
        path: The model file.
        part: Which part of it is about to be opened.
        picture: Height and width, for a network that takes any.

    Raises:
        ModelFileError: It can't be opened, or it ended the process, or took too much of something.
    """
    if not _wanted or is_known(path, part):
        return
    from imgclf.system import own_process  # with `subprocess`, 10 ms, which known files do without

    if part in _BY_KERAS:
        console.note(
            f"{path} was not made here: it is opened in a process of its own first, which takes "
            "seconds"
        )
    before = stamp_of(path)
    sides = [] if picture is None else map(str, picture)
    said = own_process.ask(TRIAL, [part, str(path), *sides], SECONDS[part])
    if said is None:
        return
    if said.message is not None:
        raise ModelFileError(said.message, said.hint)
    if not said.done:
        had = "" if said.megabytes is None else f", with {said.megabytes} MB to work in"
        raise ModelFileError(
            f"{path} is not to be trusted: it ended the process that opened it first "
            f"({said.ended}{had})",
            _HINT,
        )
    if stamp_of(path) == before:
        remember(path, part)
