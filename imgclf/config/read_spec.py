"""From the tree of a config to Specs, with every problem collected on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imgclf.config.argument_checks import (
    allowed_names,
    check_of,
    formerly,
    has_place_here,
    object_kind,
)
from imgclf.config.auto_rate import AUTO
from imgclf.config.keras_names import FORBIDDEN, RESIDUAL, SINGULAR, a, resolve, suggestions
from imgclf.config.keras_signatures import MODULE, REQUIRED, Kind, signature
from imgclf.config.problems import Report, some
from imgclf.config.spec import Spec
from imgclf.config.tree import Node
from imgclf.config.value_checks import MISMATCH
from imgclf.errors import nearest_match


def read_spec(report: Report, node: Node, kind: Kind, key: str, optional: str = "") -> Spec | None:
    """One Keras object, with those of its arguments that are right.

    Args:
        report: Takes the problems and the places of the arguments.
        node: `Name`, `Name: value` or `Name: {argument: value}`.
        kind: Which of Keras's modules the name is from.
        key: The dotted key of `node`.
        optional: A required argument that may be left out here.

    Returns:
        The object as far as it can be read, so that other checks can look at it even if it has
        problems; None if it isn't even known what it is.
    """
    report.origins[key] = node.origin
    split = split_spec(report, node, kind, key)
    if split is None:
        return None
    word, value = split
    if kind == "layers" and word == RESIDUAL:
        return _read_residual(report, node, value, key)
    resolved = _resolve(report, node, kind, key, word)
    if resolved is None:
        return None
    name, given_name = resolved
    if not name[0].isupper():
        if value is not None and not value.is_empty:
            report.refuse(value, key, f"{name} takes no arguments", received=value.shown())
        return Spec(name=name)
    arguments = read_arguments(report, value, kind, name, key)
    _require(report, node, kind, name, key, optional)
    if given_name is not None:
        arguments.setdefault("name", given_name)
    return Spec(name=name, arguments=arguments)


def _read_residual(report: Report, node: Node, value: Node | None, key: str) -> Spec:
    """`Residual: [...]`, or `Residual: {layers: [...]}`, as it is written out again."""
    layers = node if value is None else value
    if isinstance(layers.value, dict) and list(layers.value) == ["layers"]:
        layers = layers.value["layers"]
    key = f"{key}.layers"
    report.origins[key] = layers.origin
    inner = _read_objects(report, layers, "layers", RESIDUAL, key, "layers")
    return Spec(name=RESIDUAL, arguments=inner)


def split_spec(report: Report, node: Node, kind: Kind, key: str) -> tuple[str, Node | None] | None:
    """The name and what follows it; a name alone is followed by nothing."""
    noun = SINGULAR[kind]
    example = f"a name, or a name with arguments such as {_EXAMPLES.get(kind, 'L2: 0.01')}"
    if isinstance(node.value, str) and node.value:
        return node.value, None
    if isinstance(node.value, dict) and len(node.value) == 1:
        return next(iter(node.value.items()))
    if isinstance(node.value, dict) and len(node.value) > 1:
        name, *others = node.value
        message = f"one {noun} is expected here, and there are {len(node.value)} keys"
        if node.value[name].is_empty:
            message += f"; indent {some(others)} further to make them arguments of {name}"
        report.refuse(node, key, message, received=some(node.value), allowed=example)
        return None
    report.refuse(node, key, f"{a(noun)} is expected here", received=node.shown(), allowed=example)
    return None


_EXAMPLES: dict[Kind, str] = {
    "layers": "Conv2D: {filters: 16, kernel_size: 3}",
    "optimizers": "Adam: {learning_rate: 0.001}",
    "schedules": "ExponentialDecay: {...}",
    "losses": "BinaryCrossentropy: {label_smoothing: 0.1}",
    "metrics": "AUC: {name: auc}",
    "callbacks": "EarlyStopping: {patience: 5}",
}


def _resolve(
    report: Report, node: Node, kind: Kind, key: str, word: str
) -> tuple[str, str | None] | None:
    found = resolve(kind, word)
    if found is not None:
        return found
    noun = SINGULAR[kind]
    reason = FORBIDDEN.get(kind, {}).get(word)
    exported = f"any {noun} of keras.{MODULE[kind]}"
    if reason is not None:
        message = f"{word} can't be used: {reason}"
        report.refuse(node, key, message, received=word, allowed=f"any other {noun} of Keras")
    else:
        choices = suggestions(kind)
        report.refuse_word(
            node,
            key,
            f"Keras has no {noun} of this name",
            choices,
            word=word,
            allowed=some(choices) if len(choices) < 20 else exported,
        )
    return None


def read_arguments(
    report: Report, value: Node | None, kind: Kind, owner: str, key: str
) -> dict[str, Any]:
    """The arguments of a Keras class, checked against its signature."""
    if value is None or value.is_empty:
        return {}
    names = allowed_names(kind, owner)
    if not isinstance(value.value, dict) or _is_object(value, kind, owner):
        first = signature(kind, owner).first
        if first is None:
            report.refuse(
                value,
                key,
                f"{owner} takes no value alone",
                received=value.shown(),
                allowed=some(names),
            )
            return {}
        # The value stands where its Spec stands: `RandomRotation: 0.1`.
        return _read_argument(report, value, kind, owner, key, first)
    arguments: dict[str, Any] = {}
    for argument, node in value.value.items():
        if argument in names:
            arguments |= _read_argument(report, node, kind, owner, key, argument)
        else:
            advice = formerly(kind, owner, argument)
            refuse_argument(report, node, f"{key}.{argument}", owner, argument, names, advice)
    return arguments


def refuse_argument(
    report: Report,
    node: Node,
    key: str,
    owner: str,
    argument: str,
    names: Iterable[str],
    advice: str | None = None,
) -> None:
    """Adds the problem of an argument that `owner` doesn't take; `advice` is what to do."""
    choices = sorted(names)
    report.refuse(
        node,
        key,
        f"{owner} has no argument {argument}" + (f": {advice}" if advice else ""),
        received=argument,
        allowed=some(choices) if choices else "no arguments",
        nearest=None if advice else nearest_match(argument, choices),
    )


def _is_object(value: Node, kind: Kind, owner: str) -> bool:
    """Whether `{Dense: 3}` after TimeDistributed is its first argument and no mapping of names."""
    assert isinstance(value.value, dict)
    first = signature(kind, owner).first
    inner = object_kind(first) if first else None
    if inner is None or len(value.value) != 1:
        return False
    word = next(iter(value.value))
    return word not in allowed_names(kind, owner) and resolve(inner, word) is not None


def _read_argument(
    report: Report, node: Node, kind: Kind, owner: str, key: str, argument: str
) -> dict[str, Any]:
    """`{argument: value}`, or nothing if the value is refused."""
    key = f"{key}.{argument}"
    report.origins[key] = node.origin
    inner = object_kind(argument)
    if inner is not None and node.value is not None and node.text != "none":
        if argument in ("layers", "cells"):
            return _read_objects(report, node, inner, owner, key, argument)
        if inner != "schedules" or _is_schedule(node):
            return _read_object(report, node, inner, key, argument)
    check = check_of(kind, owner, argument)
    value = MISMATCH if node.is_empty else check.read(node)
    if value is not MISMATCH:
        return {argument: value}
    schedule = ", or a learning rate schedule such as ExponentialDecay: {...}"
    report.refuse_value(node, key, owner, argument, check, schedule if inner == "schedules" else "")
    return {}


def _is_schedule(node: Node) -> bool:
    return isinstance(node.value, dict) or (isinstance(node.value, str) and node.value != AUTO)


def _read_objects(
    report: Report, node: Node, kind: Kind, owner: str, key: str, argument: str
) -> dict[str, Any]:
    if not isinstance(node.value, list) or not node.value:
        message = f"{owner} takes a list of layers"
        allowed = f"{owner if owner == RESIDUAL else argument}: [...]"
        report.refuse(node, key, message, received=node.shown(), allowed=allowed)
        return {}
    specs = [read_spec(report, n, kind, f"{key}.{i}") for i, n in enumerate(node.value)]
    return {argument: [spec for spec in specs if spec is not None]}


def _read_object(report: Report, node: Node, kind: Kind, key: str, argument: str) -> dict[str, Any]:
    spec = read_spec(report, node, kind, key)
    if spec is None:
        return {}
    # Activations are functions, which layers take by their names.
    return {argument: spec.name if kind == "activations" else spec}


def _require(
    report: Report,
    node: Node,
    kind: Kind,
    name: str,
    key: str,
    optional: str,
) -> None:
    """Adds the problem of required arguments that are not there."""
    prefix = f"{key}."
    misspelt = {problem.nearest for problem in report.problems if prefix in problem.key}
    missing = [
        argument
        for argument, default in signature(kind, name).arguments.items()
        if default is REQUIRED
        and f"{prefix}{argument}" not in report.origins
        and argument not in misspelt
        and argument != optional
        and not has_place_here(kind, name, argument)
    ]
    if missing:
        report.refuse(
            node,
            key,
            f"{name} needs {' and '.join(missing)}",
            received=node.shown(),
            allowed=f"{name}: {{{', '.join(f'{m}: ...' for m in missing)}}}",
        )
