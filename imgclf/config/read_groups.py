"""From the tree of a config to what pictures of a group have in common: `data.groups`."""

from __future__ import annotations

from typing import Any

from imgclf.config.groups import NEAR_COPIES, Groups
from imgclf.config.json_forms import OFF, SCALAR, JsonSchema, any_of, mapping, words
from imgclf.config.path_pattern import LONGEST, PathPattern
from imgclf.config.problems import Report
from imgclf.config.read_spec import refuse_argument
from imgclf.config.schema import DataConfig
from imgclf.config.tree import Node

ALLOWED = DataConfig.model_fields["groups"].description or ""


def read_groups(report: Report, node: Node, key: str) -> Groups | None:
    """What they have in common.

    Args:
        report: Takes the problems and the places of what is inside.
        node: An expression, a word, or a mapping.
        key: The dotted key of `node`.

    Returns:
        None for no groups, and for what can't be read.
    """
    if node.value is None or node.is_off:
        return None
    if node.value == NEAR_COPIES:
        return Groups(near_copies=True)
    if not isinstance(node.value, dict):
        path = _expression(report, node, key)
        return None if path is None else Groups(path=path)
    before = len(report.problems)
    given: dict[str, Any] = {}
    for name, inner in node.value.items():
        place = f"{key}.{name}"
        report.origins[place] = inner.origin
        if name not in Groups.model_fields:
            refuse_argument(report, inner, place, key, name, Groups.model_fields)
        elif name == "path":
            given[name] = _expression(report, inner, place)
        elif name == "column":
            given[name] = _column(report, inner, place)
        elif isinstance(inner.value, bool):
            given[name] = inner.value
        else:
            message = "this can't be used"
            report.refuse(inner, place, message, received=inner.shown(), allowed="true, false")
    if any(given.values()):
        return Groups(**given)
    if len(report.problems) == before:
        message = "nothing here says what the pictures of a group have in common"
        report.refuse(node, key, message, received=node.shown(), allowed=ALLOWED)
    return None


def _column(report: Report, node: Node, key: str) -> str | None:
    text = _text(node).strip()
    if not text:
        allowed = "the name of a column of data.table"
        report.refuse(node, key, "this can't be used", received=node.shown(), allowed=allowed)
    return text or None


def _expression(report: Report, node: Node, key: str) -> str | None:
    """The regular expression, as it was typed."""
    text = _text(node)
    if not text:
        report.refuse(node, key, "this can't be used", received=node.shown(), allowed=ALLOWED)
        return None
    try:
        PathPattern(text)
    except ValueError as error:
        message = f"this is no regular expression: {error}"
        report.refuse(node, key, message, received=node.shown(), allowed=ALLOWED)
        return None
    return text


def groups_form() -> JsonSchema:
    """What `read_groups` takes, for an editor."""
    expression = {**SCALAR, "minLength": 1, "maxLength": LONGEST}
    known = {"path": expression, "column": SCALAR, "near_copies": {"type": "boolean"}}
    keys = mapping({name: known[name] for name in Groups.model_fields}, least=1)
    return any_of(OFF, words(NEAR_COPIES), expression, keys)


def _text(node: Node) -> str:
    """Of a scalar, whatever it looks like; empty for anything else."""
    return node.value if isinstance(node.value, str) else node.text or ""
