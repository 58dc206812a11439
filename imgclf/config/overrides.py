"""`--set KEY=VALUE`: changes to the tree of a config before it is checked.

    training.epochs=5                       a key
    data.image_size=[96, 96]                the value is YAML, as in the file
    training.optimizer.learning_rate=1e-4   an argument of the optimizer that is there
    training.optimizer=sgd                  another optimizer
    callbacks.EarlyStopping.patience=3      a member of a list by its name
    callbacks.0.patience=3                  or by its place, counted from 0
    callbacks.TensorBoard=none              off
    model.backbone.weights=none             the weights of the backbone that is there

A callback that is not in the list is added. A layer or a metric must be there, and there once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Unpack

from imgclf.config.argument_checks import object_kind
from imgclf.config.keras_names import class_names, resolve
from imgclf.config.keras_signatures import Kind, signature
from imgclf.config.schema import SINGLE_SPECS, SPEC_LISTS, default_of
from imgclf.config.tree import MAX_DEPTH, Details, Node, Origin, TreeProblem, tree_of
from imgclf.config.yaml_tree import read_yaml
from imgclf.errors import nearest_match


def as_overrides(changes: Sequence[str] | Mapping[str, object]) -> list[str]:
    """`KEY=VALUE` each, of what is that already, or has values of Python's by their keys."""
    if isinstance(changes, Mapping):
        return [f"{key}={_as_yaml(value)}" for key, value in changes.items()]
    return list(changes)


def _as_yaml(value: object) -> str:
    """As JSON, which is YAML but for letters written as two halves; a path, say, is its text."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return "".join(one if one.isprintable() else rf"\U{ord(one):08x}" for one in text)


def apply_override(root: Node, override: str) -> Node:
    """The tree with one `KEY=VALUE` applied; the given tree stays as it is.

    Raises:
        TreeProblem: No `=`, a value that is not YAML, or a member of a list that isn't there.
    """
    key, equals, text = override.partition("=")
    steps = [step.strip() for step in key.split(".")]
    if not equals or not all(steps) or len(steps) > MAX_DEPTH:
        problem = Origin(None, override).problem("", "this is not KEY=VALUE")
        raise TreeProblem(replace(problem, allowed="for example training.epochs=5"))
    return _Change(override, read_yaml(text, override)).at(root, steps, "")


_BACKBONE, _FINE_TUNE = "model.backbone", "training.fine_tune"


class _Change:
    """One override on its way down the tree; every level that it passes is copied."""

    def __init__(self, override: str, value: Node) -> None:
        self.origin = Origin(None, override)
        self.value = value

    def at(self, node: Node | None, steps: list[str], path: str) -> Node:
        if not steps:
            return self.value
        if path in SPEC_LISTS:
            return self._in_list(node, steps, path)
        if path in SINGLE_SPECS:
            return self._in_spec(node or self._default(path), steps, path, SINGLE_SPECS[path].kind)
        if path == _BACKBONE:
            return self._in_backbone(node or self._default(path), steps)
        items = dict(node.value) if node and isinstance(node.value, dict) else {}
        if path == _FINE_TUNE and node and not items and not (node.is_empty or node.is_off):
            items = {"epochs": node}  # `fine_tune: 8`
        step, *rest = steps
        items[step] = self.at(items.get(step), rest, f"{path}.{step}" if path else step)
        return Node(items, node.origin if node and isinstance(node.value, dict) else self.origin)

    def _default(self, path: str) -> Node:
        default = default_of(path)
        if default is None:
            raise self._no_name(path)
        return replace(tree_of(default), origin=self.origin)

    def _no_name(self, path: str) -> TreeProblem:
        name = path.rpartition(".")[2]
        return self._failure(f"there is no {name} to change; name one first: --set {path}=NAME")

    def _failure(self, message: str, **details: Unpack[Details]) -> TreeProblem:
        return TreeProblem(self.origin.problem("", message, **details))

    def _in_list(self, node: Node | None, steps: list[str], path: str) -> Node:
        items = list(node.value) if node and isinstance(node.value, list) else []
        if (
            node
            and not isinstance(node.value, list)
            and not node.is_empty
            and node.value is not None
        ):
            items = [node]  # `metrics: accuracy`
        origin = node.origin if node else self.origin
        kind = SPEC_LISTS[path].kind
        index, used = self._find(items, steps, path)
        if index is None:
            name = ".".join(steps[:used])
            items.append(Node(name, self.origin, name))
            index = len(items) - 1
        rest = steps[used:]
        if rest:
            items[index] = self._in_spec(items[index], rest, f"{path}.{index}", kind)
        elif steps[0].isdecimal():
            items[index] = self.value
        else:
            items[index] = Node({".".join(steps[:used]): self.value}, self.origin)
        return Node(items, origin)

    def _find(self, items: list[Node], steps: list[str], path: str) -> tuple[int | None, int]:
        """Which member is meant, and how many steps name it (`package.module:Class` has two)."""
        if steps[0].isdecimal():
            index = int(steps[0][:6])
            if index >= len(items):
                message = f"{path} has {len(items)} members, counted from 0"
                raise self._failure(message, received=steps[0])
            return index, 1
        names = [_name(item) for item in items]
        for used in range(1, len(steps) + 1):
            word = ".".join(steps[:used])
            found = [i for i, name in enumerate(names) if name == word]
            if len(found) > 1:
                places = " or ".join(f"{path}.{i}" for i in found)
                raise self._failure(f"there are {len(found)} of {word}; say which: {places}")
            if found:
                return found[0], used
        if path == "callbacks":
            return None, self._length_of_new_name(steps)
        there = [name for name in names if name]
        raise self._failure(
            f"{path} has no {steps[0]}",
            received=steps[0],
            allowed=", ".join(there) or "nothing",
            nearest=nearest_match(steps[0], there),
        )

    def _length_of_new_name(self, steps: list[str]) -> int:
        colon = next((i for i, step in enumerate(steps) if ":" in step), None)
        if colon is not None:
            return colon + 1
        if steps[0] not in class_names("callbacks"):
            names = class_names("callbacks")
            raise self._failure(
                "Keras has no callback of this name",
                received=steps[0],
                allowed=", ".join(names),
                nearest=nearest_match(steps[0], names),
            )
        return 1

    def _in_backbone(self, node: Node, steps: list[str]) -> Node:
        """Sets an argument of the network that is there; it has one."""
        name = _name(node)
        if name is None or node.is_off:
            raise self._no_name(_BACKBONE)
        if len(steps) > 1 and ".".join(steps[:-1]) == name:
            steps = steps[-1:]
        if len(steps) > 1:
            raise self._failure(f"there is no {steps[-1]} to change in {_BACKBONE}")
        return Node({name: Node({steps[0]: self.value}, self.origin)}, node.origin)

    def _in_spec(self, node: Node, steps: list[str], path: str, kind: Kind) -> Node:
        """Sets an argument; `Name` and `Name: value` become `Name: {argument: value}` for it."""
        name = _name(node)
        if name is None:
            return self.at(node, steps, f"{path}.")  # nonsense stays nonsense for the checks
        if steps[0] == name and len(steps) > 1:
            steps = steps[1:]
        given = node.value[name] if isinstance(node.value, dict) else None
        arguments: dict[str, Node] = {}
        if given is not None and isinstance(given.value, dict):
            arguments = dict(given.value)
        elif given is not None and not given.is_empty and not given.is_off:
            first = _first_argument(kind, name)
            arguments = {first: given} if first else {}
        argument, *rest = steps
        inner = arguments.get(argument)
        if rest and inner is not None and _name(inner) is not None:
            inner_kind = object_kind(argument) or kind
            arguments[argument] = self._in_spec(inner, rest, f"{path}.{argument}", inner_kind)
        else:
            arguments[argument] = self.at(inner, rest, f"{path}.{argument}")
        return Node({name: Node(arguments, self.origin)}, node.origin)


def _first_argument(kind: Kind, word: str) -> str | None:
    """The argument that a value alone stands for; None if that can't be said."""
    resolved = resolve(kind, word)
    if resolved is None or not resolved[0][0].isupper():
        return None
    return signature(kind, resolved[0]).first


def _name(node: Node) -> str | None:
    """The name of a Spec that is not read yet."""
    if isinstance(node.value, str):
        return node.value
    if isinstance(node.value, dict) and len(node.value) == 1:
        return next(iter(node.value))
    return None
