"""Other values in the text of a config, whose comments and order stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from imgclf.config.overrides import apply_override
from imgclf.config.tree import Node
from imgclf.config.yaml_scalars import flow_yaml
from imgclf.config.yaml_tree import read_yaml

# What would end a word between brackets, or begin something else.
_MARKS = frozenset(",[]{}:#\n")


@dataclass(frozen=True)
class _Edit:
    """What stands in place of a piece of the text."""

    start: int
    end: int
    text: str


def rewritten(text: str, overrides: Sequence[str]) -> str:
    """The text of a config with `KEY=VALUE` written where each key stands.

    What stands behind an alias can't be changed alone, nor can every layout be: whoever needs to
    be sure reads the result.

    Args:
        text: A config that can be read.
        overrides: Applied one after another.

    Raises:
        TreeProblem: One of them can't be applied.
    """
    for override in overrides:
        before = read_yaml(text)
        after = apply_override(before, override)
        edits = list(_edits(text, before, after, yaml.compose(text, Loader=yaml.SafeLoader)))
        for edit in sorted(edits, key=lambda edit: -edit.start):
            text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _edits(text: str, before: Node, after: Node, place: Any) -> Iterator[_Edit]:
    """What makes `before`, which stands at `place` (PyYAML's node), into `after`."""
    if before is after:
        return
    if isinstance(before.value, dict) and isinstance(after.value, dict) and before.value:
        pairs = zip(before.value, place.value, strict=True)
        values = {key: value for key, (_, value) in pairs}
        if set(values) <= set(after.value):
            for key, node in after.value.items():
                if key in values:
                    yield from _edits(text, before.value[key], node, values[key])
                else:
                    yield _added(text, key, node, place)
            return
    if (
        isinstance(before.value, list)
        and isinstance(after.value, list)
        and len(before.value) == len(after.value)
    ):
        for old, new, inner in zip(before.value, after.value, place.value, strict=True):
            yield from _edits(text, old, new, inner)
        return
    start, end = place.start_mark.index, _end(place)
    space = " " if start == end else ""  # `key:` with nothing behind it
    yield _Edit(start, end, space + _flow(after))


def _added(text: str, key: str, node: Node, place: Any) -> _Edit:
    """A key that the mapping did not have: its first, or at the top of the file the last."""
    written, start = f"{key}: {_flow(node)}", place.start_mark.index
    if place.flow_style:
        return _Edit(start + 1, start + 1, f"{written}, ")
    if place.start_mark.column == 0:
        return _Edit(
            len(text), len(text), f"{'' if text.endswith(chr(10)) else chr(10)}{written}\n"
        )
    return _Edit(start, start, f"{written}\n{' ' * place.start_mark.column}")


def _end(place: Any) -> int:
    """Behind the last character: a block ends for PyYAML where the next one begins."""
    if isinstance(place, yaml.ScalarNode) or place.flow_style or not place.value:
        return int(place.end_mark.index)
    last = place.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _flow(node: Node) -> str:
    """A value in one line, with its words as they were written."""
    if isinstance(node.value, dict):
        items = (f"{flow_yaml(key)}: {_flow(item)}" for key, item in node.value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(node.value, list):
        return f"[{', '.join(map(_flow, node.value))}]"
    if node.text and not _MARKS.intersection(node.text):
        return node.text
    return flow_yaml(node.value)
