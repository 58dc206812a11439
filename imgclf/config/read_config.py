"""From the tree of a config to a Config: the schema's part, and which keys hold Keras objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from imgclf.config.callback_specs import read_callback
from imgclf.config.class_weight import class_weight_form, read_class_weight
from imgclf.config.durations import duration_form, read_duration
from imgclf.config.ema import ema_form, read_ema
from imgclf.config.json_forms import JsonSchema
from imgclf.config.problems import Report, is_quoted_number, some
from imgclf.config.read_data_parts import parts_form, read_parts
from imgclf.config.read_groups import groups_form, read_groups
from imgclf.config.read_pretrained import (
    backbone_form,
    fill_in_defaults,
    fine_tune_form,
    read_backbone,
    read_fine_tune,
)
from imgclf.config.read_spec import read_spec
from imgclf.config.read_tune import read_tune, tune_form
from imgclf.config.schema import (
    REQUIRED_WITHOUT_BACKBONE,
    SECTIONS,
    SINGLE_SPECS,
    SPEC_LISTS,
    TEXTS,
    Config,
)
from imgclf.config.spec import Spec
from imgclf.config.tree import Node
from imgclf.config.value_checks import MISMATCH, PathText
from imgclf.errors import nearest_match

# Stands for an object that can't be read, so that the schema finds no second problem there.
_REFUSED = Spec(name="refused")

# Required keys, for a config whose own were refused.
_FILLERS: dict[str, dict[str, Any]] = {
    section: {
        name: (_REFUSED,) if f"{section}.{name}" in SPEC_LISTS else "refused"
        for name, field in model.model_fields.items()
        if field.is_required() or f"{section}.{name}" in REQUIRED_WITHOUT_BACKBONE
    }
    for section, model in SECTIONS.items()
}


class OwnForm(NamedTuple):
    """How a key is read that has a form of its own, and what that takes, for an editor."""

    read: Callable[[Report, Node, str], Any]
    schema: Callable[[], JsonSchema]


OWN_FORMS: Mapping[str, OwnForm] = {
    "data.parts": OwnForm(read_parts, parts_form),
    "data.groups": OwnForm(read_groups, groups_form),
    "model.backbone": OwnForm(read_backbone, backbone_form),
    "training.class_weight": OwnForm(read_class_weight, class_weight_form),
    "training.ema": OwnForm(read_ema, ema_form),
    "training.fine_tune": OwnForm(read_fine_tune, fine_tune_form),
    "tune": OwnForm(read_tune, tune_form),
    "training.time_budget": OwnForm(read_duration, duration_form),
}


def read_config(report: Report, root: Node, default_name: str) -> Config | None:
    """Checks the keys of a config and everything in them.

    With problems in the report, the config is what could be read and good only for more checks;
    it is None if there are no keys.

    Args:
        report: Takes the problems, and where each key stands.
        root: The whole tree.
        default_name: The name of a config that gives none.
    """
    if not isinstance(root.value, dict):
        message = "a config has keys, and this file has none"
        report.refuse(root, "", message, received=root.shown(), allowed=some(Config.model_fields))
        return None
    plain: dict[str, Any] = {}
    for key, node in root.value.items():
        if key in SECTIONS:
            plain[key] = _read_section(report, node, key)
        else:
            plain[key] = _read_value(report, node, key)
    plain["name"] = default_name if plain.get("name") is None else plain["name"]
    for key in SECTIONS:
        plain.setdefault(key, {})
    _fill_in_directory(plain["data"])
    _fill_in_metrics(plain)
    fill_in_defaults(plain)
    if plain["model"].get("backbone") is None:
        _require_without_backbone(report, root, plain)
    return _validate(report, root, plain)


def _fill_in_directory(data: dict[str, Any]) -> None:
    """A data set with a table lies where the table does, if nothing else is said."""
    table = data.get("table")
    if isinstance(table, str):
        data.setdefault("directory", str(Path(table).parent))


def _fill_in_metrics(plain: dict[str, Any]) -> None:
    """Of several labels the answers are counted one by one, and the log shall say so."""
    if plain["data"].get("multi_label") is True and isinstance(plain["training"], dict):
        plain["training"].setdefault("metrics", (Spec(name="BinaryAccuracy"),))


def _require_without_backbone(report: Report, root: Node, plain: dict[str, Any]) -> None:
    """Adds the problem of what else would be required, and fills in something for it."""
    for key in REQUIRED_WITHOUT_BACKBONE:
        section, name = key.split(".")
        if not plain[section].get(name):
            kind = "too_short" if name in plain[section] else "missing"
            _add_problem(report, root, kind, [section, name])
            plain[section][name] = _FILLERS[section][name]


def _validate(report: Report, root: Node, plain: dict[str, Any]) -> Config:
    """The config; where the schema refuses something, without that, so that checks can go on."""
    try:
        return Config.model_validate(plain)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
    for detail in details:
        place = [str(part) for part in detail["loc"]]
        _add_problem(report, root, detail["type"], place)
        section = plain[place[0]] if len(place) > 1 else plain
        section.pop(place[min(len(place), 2) - 1], None)
    for key, filler in _FILLERS.items():
        plain[key] = filler | plain.get(key, {})
    return Config.model_validate(plain)


def _read_section(report: Report, node: Node, key: str) -> Any:
    report.origins[key] = node.origin
    if node.is_empty:
        return {}
    if not isinstance(node.value, dict):
        allowed = f"{some(SECTIONS[key].model_fields)}, indented below {key}:"
        report.refuse(node, key, "keys are expected here", received=node.shown(), allowed=allowed)
        return dict(_FILLERS[key])
    return {name: _read_value(report, item, f"{key}.{name}") for name, item in node.value.items()}


def _read_value(report: Report, node: Node, key: str) -> Any:
    report.origins[key] = node.origin
    if key in SPEC_LISTS:
        return _read_list(report, node, key)
    if key in SINGLE_SPECS:
        return _read_single(report, node, key)
    if key in OWN_FORMS:
        return OWN_FORMS[key].read(report, node, key)
    if key in TEXTS:
        path = PathText().read(node)
        return node.value if path is MISMATCH else path
    return node.plain()


def _read_list(report: Report, node: Node, key: str) -> Any:
    if node.value is None or node.text == "none":
        return ()  # all members are commented out, or there shall be none
    if not isinstance(node.value, list) and SPEC_LISTS[key].or_one:
        node = Node([node], node.origin)
    if not isinstance(node.value, list):
        message = "a list is expected; begin each line with a dash: `- `"
        report.refuse(node, key, message, received=node.shown(), allowed=f"{key}: [...]")
        return (_REFUSED,)
    return tuple(
        _read_member(report, item, key, f"{key}.{i}") or _REFUSED
        for i, item in enumerate(node.value)
    )


def _read_member(report: Report, node: Node, list_key: str, key: str) -> Spec | None:
    if list_key == "callbacks":
        return read_callback(report, node, key)
    return read_spec(report, node, SPEC_LISTS[list_key].kind, key)


def _read_single(report: Report, node: Node, key: str) -> Spec | None:
    if node.value is None or node.text == "none":
        return None
    objects = SINGLE_SPECS[key]
    return read_spec(report, node, objects.kind, key, objects.may_lack) or _REFUSED


def _add_problem(report: Report, root: Node, kind: str, place: list[str]) -> None:
    """Says what pydantic found, in the words of the key's description."""
    section, name = (place[0], place[1]) if len(place) > 1 else ("", place[0])
    key = f"{section}.{name}" if section else name
    fields = (SECTIONS[section] if section else Config).model_fields
    node, found = root, True
    for step in key.split("."):
        inner = node.value.get(step) if isinstance(node.value, dict) else None
        node, found = (inner, True) if inner is not None else (node, False)
    if name not in fields:
        choices = [*fields]
        nearest = nearest_match(name, choices) or _elsewhere(name)
        message = f"there is no such key in {section}" if section else "there is no such key"
        report.refuse(node, key, message, received=name, allowed=some(choices), nearest=nearest)
    elif not found and key == "name":
        message = "the file's name is no name for a model; give one"
        report.refuse(node, key, message, allowed=fields[name].description)
    elif not found:
        report.refuse(node, key, "this key is required", allowed=fields[name].description)
    elif key not in report.refused:
        message = "this can't be used"
        if is_quoted_number(node):
            message += "; a number is written without quotes"
        choices = [w.strip() for w in (fields[name].description or "").split(",")]
        report.refuse(
            node,
            key,
            message,
            received=node.shown(),
            allowed=fields[name].description,
            nearest=nearest_match(str(node.value), choices) if kind == "literal_error" else None,
        )


def _elsewhere(name: str) -> str | None:
    """The dotted key, if a key of this name is at home in another section."""
    homes = {
        key: f"{section}.{key}" for section, model in SECTIONS.items() for key in model.model_fields
    }
    homes |= {key: key for key in Config.model_fields}
    match = nearest_match(name, homes)
    return homes[match] if match else None
