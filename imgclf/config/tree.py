"""A config before it is checked: a tree that remembers where each thing was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from imgclf.config.yaml_scalars import Scalar, plain_word, read_scalar
from imgclf.errors import Problem

MAX_DEPTH = 32


class Details(TypedDict, total=False):
    """What a problem may say beside its message.

    Attributes:
        received: What stands there.
        allowed: What could stand there.
        nearest: What was probably meant.
        hint: What to do, in words of its own.
    """

    received: str | None
    allowed: str | None
    nearest: str | None
    hint: str | None


@dataclass(frozen=True)
class Origin:
    """Where something was written: a line of the file, or a `--set` of the command line."""

    line: int | None = None
    override: str | None = None

    def problem(self, key: str, message: str, **details: Unpack[Details]) -> Problem:
        """A problem at this place; one from the command line is named by its `--set`."""
        if self.override is not None:
            option = f"--set {self.override}"
            same = key == self.override.partition("=")[0].strip() or not key
            key = option if same else f"{option}: {key}"
        return Problem(
            _short(key, 160),
            _short(message, 400),
            self.line,
            _shortened(details.get("received"), 160),
            _shortened(details.get("allowed"), 2000),
            _shortened(details.get("nearest"), 160),
            _shortened(details.get("hint"), 2000),
        )


@dataclass(eq=False)
class Node:
    """A value with its origin.

    Attributes:
        value: A scalar, a list of nodes, or a mapping from the keys as written to nodes.
        origin: Where the key (or the list item) stands.
        text: A plain scalar as written; None if it was quoted or is no scalar.
    """

    value: Scalar | list[Node] | dict[str, Node]
    origin: Origin = field(default_factory=Origin)
    text: str | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing was written (`key:`), which is not the same as the word `null`."""
        return self.value is None and not self.text

    @property
    def is_off(self) -> bool:
        """A word for "not at all" was written: `none`, `off`, `null`."""
        word = self.text.lower() if self.text else ""
        return word in ("none", "off", "no", "false", "null", "~")

    def plain(self) -> Any:
        """The value without its origins; the keys of mappings are read as scalars."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {read_scalar(key): item.plain() for key, item in self.value.items()}
        return self.value

    def shown(self) -> str:
        """What was received, for a message: short, and as it was written."""
        if isinstance(self.value, (list, dict)):
            text = _flow(self)
        elif self.is_empty:
            text = "nothing"
        else:
            text = (
                self.text if self.text is not None else json.dumps(self.value, ensure_ascii=False)
            )
        return _short(" ".join(text.split()), 60)


def _flow(node: Node) -> str:
    if isinstance(node.value, list):
        return f"[{', '.join(_flow(item) for item in node.value[:20])}]"
    if isinstance(node.value, dict):
        items = list(node.value.items())[:20]
        return f"{{{', '.join(f'{key}: {_flow(item)}'.rstrip() for key, item in items)}}}"
    return "" if node.is_empty else node.shown()


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _shortened(text: str | None, length: int) -> str | None:
    return text and _short(text, length)


class TreeProblem(Exception):  # noqa: N818 -- it carries a problem to the front and is no error
    """What was given is no tree that can be used; `problem` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def tree_of(values: Any) -> Node:
    """The tree of plain values, such as `Config.written()` gives them; they have no lines.

    It is the tree that `read_yaml` would make of them if they were written as YAML first.

    Raises:
        TreeProblem: They are nested too deeply, or hold a number that no config can have.
    """
    return _tree_of(values, ())


def _tree_of(value: Any, path: tuple[str, ...]) -> Node:
    try:
        if not isinstance(value, (Mapping, list, tuple)):
            return Node(value, text=plain_word(value))
        if len(path) == MAX_DEPTH:
            raise ValueError(f"this is nested too deeply: more than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            words = {_key(key): item for key, item in value.items()}
            return Node({word: _tree_of(item, (*path, word)) for word, item in words.items()})
        return Node([_tree_of(item, (*path, str(i))) for i, item in enumerate(value)])
    except ValueError as error:
        raise TreeProblem(Origin().problem(".".join(path), str(error))) from None


def _key(key: Any) -> str:
    """A key as it is written; in a tree all of them are words."""
    if isinstance(key, str):
        read_scalar(key)
        return key
    return plain_word(key) or ""
