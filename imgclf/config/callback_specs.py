"""Callbacks as a config declares them: Keras's, functions for hooks, a user's own."""

from __future__ import annotations

from imgclf.config.callback_catalogue import entry_of
from imgclf.config.keras_names import class_names
from imgclf.config.keras_signatures import methods
from imgclf.config.problems import Report
from imgclf.config.read_spec import read_spec, refuse_argument, split_spec
from imgclf.config.references import check_reference
from imgclf.config.schedule_specs import read_scheduler
from imgclf.config.spec import Spec
from imgclf.config.tree import Node


def read_callback(report: Report, node: Node, key: str) -> Spec | None:
    """One callback, as far as it can be read; problems are added to the report."""
    report.origins[key] = node.origin
    split = split_spec(report, node, "callbacks", key)
    if split is None:
        return None
    name, value = split
    custom = ":" in name or name.endswith(".py")
    if value is not None and value.is_off:  # `CSVLogger:` with nothing is on
        if not custom and name not in class_names("callbacks"):
            return read_spec(report, Node(name, node.origin, name), "callbacks", key)
        return Spec(name=name, off=True)
    if custom:
        return _read_custom(report, node, value, key, name)
    match entry_of(name).takes:
        case "hooks":
            return _read_hooks(report, value, key, name)
        case "a schedule":
            return read_scheduler(report, node, value, key)
        case "arguments":
            return read_spec(report, node, "callbacks", key)


def _read_custom(report: Report, node: Node, value: Node | None, key: str, name: str) -> Spec:
    """`module:Class` or `file.py:Class`; it is imported when the training begins, not here."""
    check_reference(report, node, key, name, "Class")
    if value is None or value.is_empty:
        return Spec(name=name)
    if not isinstance(value.value, dict):
        report.refuse(
            value,
            key,
            f"the arguments of {name} are given by name",
            received=value.shown(),
            allowed=f"{name}: {{argument: value}}",
        )
        return Spec(name=name)
    for argument, item in value.value.items():
        report.origins[f"{key}.{argument}"] = item.origin
        if not argument.isidentifier():
            message = "this can't be the name of an argument"
            report.refuse(item, f"{key}.{argument}", message, received=argument)
    return Spec(name=name, arguments={k: item.plain() for k, item in value.value.items()})


def _read_hooks(report: Report, value: Node | None, key: str, name: str) -> Spec:
    """LambdaCallback with functions by reference; Keras would swallow a misspelt hook."""
    if value is None or value.is_empty:
        return Spec(name=name)
    if not isinstance(value.value, dict):
        message = f"{name} takes a function for each hook"
        allowed = "on_epoch_end: file.py:function"
        report.refuse(value, key, message, received=value.shown(), allowed=allowed)
        return Spec(name=name)
    hooks = [method for method in methods("callbacks", "Callback") if method.startswith("on_")]
    for hook, item in value.value.items():
        report.origins[f"{key}.{hook}"] = item.origin
        if hook not in hooks:
            refuse_argument(report, item, f"{key}.{hook}", name, hook, hooks)
        else:
            reference = item.value if isinstance(item.value, str) else ""
            check_reference(report, item, f"{key}.{hook}", reference, "function")
    functions = {hook: item.plain() for hook, item in value.value.items() if hook in hooks}
    return Spec(name=name, arguments=functions)
