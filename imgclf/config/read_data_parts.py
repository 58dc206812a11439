"""From the tree of a config to the folders of the parts of a data set."""

from __future__ import annotations

from typing import Any, Literal

from imgclf.config.data_parts import DataParts
from imgclf.config.json_forms import OFF, JsonSchema, any_of, mapping, words
from imgclf.config.problems import Report
from imgclf.config.read_spec import refuse_argument
from imgclf.config.tree import Node
from imgclf.config.value_checks import MISMATCH, PathText

_FOLDER = PathText("the path of a folder, relative to data.directory")
_ALLOWED = "auto, none, or {training: FOLDER, validation: FOLDER, test: FOLDER}"


def read_parts(report: Report, node: Node, key: str) -> DataParts | Literal["auto", "none"]:
    """The folders of the parts.

    Args:
        report: Takes the problems and the places of the folders.
        node: A word, or a folder for each part.
        key: The dotted key of `node`.

    Returns:
        "auto" for what can't be read.
    """
    if node.value == "auto":
        return "auto"
    if node.is_off:
        return "none"
    if not isinstance(node.value, dict):
        report.refuse(node, key, "this can't be used", received=node.shown(), allowed=_ALLOWED)
        return "auto"
    given: dict[str, Any] = {}
    for part, inner in node.value.items():
        place = f"{key}.{part}"
        report.origins[place] = inner.origin
        if part not in DataParts.model_fields:
            refuse_argument(report, inner, place, "data.parts", part, DataParts.model_fields)
            continue
        folder = MISMATCH if inner.is_empty else _FOLDER.read(inner)
        if folder is MISMATCH:
            report.refuse_value(inner, place, "data.parts", part, _FOLDER)
        else:
            given[part] = folder
    if "training" not in given:
        if set(node.value) <= set(DataParts.model_fields) - {"training"}:
            message = "data.parts needs training"
            report.refuse(node, key, message, received=node.shown(), allowed=_ALLOWED)
        return "auto"
    return DataParts(**given)


def parts_form() -> JsonSchema:
    """What `read_parts` takes, for an editor."""
    folders = dict.fromkeys(DataParts.model_fields, _FOLDER.schema())
    return any_of(words("auto"), OFF, mapping(folders, ["training"]))
