"""Files that a config names: code of the user's own (`module:name` or `file.py:name`), others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from imgclf.config.callback_catalogue import entry_of
from imgclf.config.problems import Report
from imgclf.config.spec import Spec
from imgclf.config.tree import Node
from imgclf.errors import nearest_match


class MissingFile(NamedTuple):
    """A file that is not here, and the one here whose name is most like it."""

    place: str
    nearest: str | None


class OwnCode(NamedTuple):
    """Code of the user's own that a config names.

    Attributes:
        key: Where: `callbacks.2`, or the key of a hook or a schedule below that.
        reference: `package.module:Class`, `path/file.py:Class`, or a function's.
        what: "Class" or "function".
        arguments: For the class.
    """

    key: str
    reference: str
    what: str
    arguments: Mapping[str, Any]


def own_code(callbacks: Sequence[Spec]) -> Iterator[OwnCode]:
    """What callbacks that are on name, in the order of the config."""
    for index, spec in enumerate(callbacks):
        key = f"callbacks.{index}"
        if spec.off:
            continue
        if spec.is_custom:
            yield OwnCode(key, spec.name, "Class", spec.arguments)
            continue
        takes = entry_of(spec.name).takes
        functions = spec.arguments if takes == "hooks" else {}
        if takes == "a schedule" and ":" in str(spec.arguments.get("schedule")):
            functions = {"schedule": spec.arguments["schedule"]}
        for name, reference in functions.items():
            yield OwnCode(f"{key}.{name}", str(reference), "function", {})


_REFERENCE = re.compile(r"(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|[^:\0]+\.py):[A-Za-z_]\w*")


# The same for JSON schema, whose letters are those of ASCII unless they are named like this.
REFERENCE = f"^(?:{_REFERENCE.pattern})$".replace(r"\w", r"[^\s.:/\\]").replace(r"\0", r"\u0000")


def check_reference(report: Report, node: Node, key: str, reference: str, what: str) -> None:
    """Adds a problem if a reference can't be right wherever it is looked for.

    Args:
        report: Takes the problem.
        node: Where the reference stands.
        key: The dotted key of `node`.
        reference: `package.module:Class`, `path/file.py:Class`, or a function's.
        what: "Class" or "function".
    """
    if not _REFERENCE.fullmatch(reference):
        message = f"a {what.lower()} of your own is named by where it is"
        received, allowed = reference or node.shown(), allowed_references(what)
        report.refuse(node, key, message, received=received, allowed=allowed)


def allowed_references(what: str) -> str:
    """What a message says may stand there; `what` is as for `check_reference`."""
    return f"module:{what} or file.py:{what}"


def missing_file(reference: object) -> MissingFile | None:
    """The file that a reference names, if it is not here; nothing is imported."""
    place = file_of(reference)
    return None if place is None else missing_path(place, "*.py")


def file_of(reference: object) -> str | None:
    """The file that a reference names; None if it names a module, or is none."""
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
        return None
    place = reference.rpartition(":")[0]
    return place if place.endswith(".py") else None


def missing_path(place: str, others: str, words: Iterable[str] = ()) -> MissingFile | None:
    """A file, if it is not here.

    Args:
        place: Its path.
        others: Matches the files beside it that may have been meant.
        words: What else may have been meant.
    """
    nearest = None
    try:
        path = Path(place).expanduser()
        if path.is_file():
            return None
        beside = [str(other) for other in path.parent.glob(others)]
        nearest = nearest_match(str(path), [*beside, *words])
    except (OSError, RuntimeError, ValueError):  # a name that is too long; a home that isn't known
        pass
    return MissingFile(place, nearest)
