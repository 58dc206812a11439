"""What the commands share: options before the command, the model they are about, JSON."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imgclf.errors import UsageError, nearest_match

if TYPE_CHECKING:
    from imgclf.talk import Talk


class Session:
    """Options that stand before the command."""

    quiet = False
    debug = False


def talk() -> "Talk":
    """Where the command's notes and progress go."""
    from imgclf.talk import Talk

    return Talk(sys.stderr, quiet=Session.quiet)


def chosen_model(given: Path | None) -> Path:
    """The model that the command is about; see `find_model`."""
    from imgclf.model.archive import find_model

    return find_model(given, os.environ.get("IMGCLF_MODEL"))


def refuse_unknown(option: str, received: str, allowed: Sequence[str]) -> None:
    """Makes sure that an option's value is one of those allowed.

    Raises:
        UsageError: It is not; with the nearest.
    """
    if received not in allowed:
        near = nearest_match(received, allowed)
        raise UsageError(
            f"{option} {received}: allowed are {', '.join(allowed)}"
            + (f"; did you mean {near}?" if near else "")
        )


def as_json_text(result: object) -> str:
    """A result as indented JSON."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(result)).decode()
