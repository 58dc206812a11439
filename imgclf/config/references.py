"""Code of the user's own, named by where it is: `module:name` or `file.py:name`."""

from __future__ import annotations

import re
from pathlib import Path

from imgclf.config.problems import Report
from imgclf.config.yaml_tree import Node
from imgclf.errors import nearest_match

_REFERENCE = re.compile(r"(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|[^:\0]+\.py):[A-Za-z_]\w*")


def check_reference(report: Report, node: Node, key: str, reference: str, what: str) -> None:
    """Adds a problem if a reference can't be right; nothing is imported.

    Args:
        report: Takes the problem.
        node: Where the reference stands.
        key: The dotted key of `node`.
        reference: `package.module:Class`, `path/file.py:Class`, or a function's.
        what: "Class" or "function".
    """
    allowed = f"module:{what} or file.py:{what}"
    if not _REFERENCE.fullmatch(reference):
        message = f"a {what.lower()} of your own is named by where it is"
        report.refuse(node, key, message, received=reference or node.shown(), allowed=allowed)
        return
    place = reference.rpartition(":")[0]
    if not place.endswith(".py"):
        return
    nearest = None
    try:
        path = Path(place).expanduser()
        if path.is_file():
            return
        nearest = nearest_match(str(path), [str(other) for other in path.parent.glob("*.py")])
    except (OSError, RuntimeError):  # a name that is too long; a home that isn't known
        pass
    message = f"there is no file {place}"
    report.refuse(node, key, message, received=reference, allowed=allowed, nearest=nearest)
