"""How much the classes count in the loss, by their names: `training.class_weight`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from imgclf.config.choices import BALANCED
from imgclf.config.json_forms import OFF, JsonSchema, any_of, names_with, words
from imgclf.config.loaded import LoadedConfig
from imgclf.config.problems import Report, some
from imgclf.config.schema import CLASS_WEIGHT
from imgclf.config.tree import Node
from imgclf.config.value_checks import MISMATCH, Number
from imgclf.errors import nearest_match

_KEY = "training.class_weight"
_WEIGHT = Number(above=0)


def read_class_weight(
    report: Report, node: Node, key: str
) -> Literal["balanced"] | dict[str, float] | None:
    """The weights.

    Args:
        report: Takes the problems and the places of the weights.
        node: A word, or a weight for each of some classes.
        key: The dotted key of `node`.

    Returns:
        None if there shall be none; without those that can't be read.
    """
    if node.value is None or node.is_off:
        return None
    if node.value == BALANCED:
        return BALANCED
    if not isinstance(node.value, dict) or not node.value:
        report.refuse_word(node, key, "this can't be used", [BALANCED], allowed=CLASS_WEIGHT)
        return None
    given: dict[str, float] = {}
    for name, inner in node.value.items():
        place = f"{key}.{name}"
        report.origins[place] = inner.origin
        weight: Any = MISMATCH if inner.is_empty else _WEIGHT.read(inner)
        if weight is MISMATCH:
            report.refuse_value(inner, place, key, name, _WEIGHT)
        else:
            given[name] = float(weight)
    return given


def class_weight_form() -> JsonSchema:
    """What `read_class_weight` takes, for an editor."""
    return any_of(OFF, words(BALANCED), names_with(_WEIGHT.schema(), least=1))


def check_class_weight(loaded: LoadedConfig, class_names: Sequence[str]) -> None:
    """Sees to it that weights are of classes that there are.

    Args:
        loaded: The config.
        class_names: Of the pictures.

    Raises:
        ConfigError: With each name that is none of a class.
    """
    weights = loaded.config.training.class_weight
    if weights is None or weights == BALANCED:
        return
    problems = [
        loaded.file.problem(
            f"{_KEY}.{name}",
            "there is no class of this name among the pictures",
            received=name,
            allowed=some(class_names),
            nearest=nearest_match(name, class_names),
        )
        for name in weights
        if name not in class_names
    ]
    if problems:
        raise loaded.file.error(*problems)
