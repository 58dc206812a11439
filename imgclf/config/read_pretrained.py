"""From the tree of a config to what is pretrained and how it is trained on: two keys."""

from __future__ import annotations

import re
from typing import Any

from imgclf.config.auto_rate import AUTO
from imgclf.config.backbone import (
    IMAGENET,
    MODEL_SUFFIX,
    NO_WEIGHTS,
    Backbone,
    default_augmentation,
    default_image_size,
    is_model_path,
    nearest_network,
    network_names,
)
from imgclf.config.fine_tune import ALL_LAYERS, FineTune
from imgclf.config.json_forms import (
    NULL,
    OFF,
    JsonSchema,
    any_of,
    mapping,
    words,
)
from imgclf.config.problems import Report
from imgclf.config.read_spec import refuse_argument
from imgclf.config.tree import Node
from imgclf.config.value_checks import (
    MISMATCH,
    Check,
    Null,
    Number,
    OneOf,
    PathText,
    Text,
    Whole,
    either,
)

# Stands for a backbone that can't be read, so that nothing else is found wrong for want of one.
_REFUSED = Backbone(name="refused")

# Where the time decides, epochs are at most so many. From scratch many more pay than are worth
# waiting for otherwise; in fine-tuning 16 were no better than 8 (docs/pretrained.md).
_MOST_EPOCHS, _MOST_FINE_TUNED = 200, 16

_NETWORKS = (
    f"EfficientNetLite0 to 2, any network of keras.applications, or a file ending in {MODEL_SUFFIX}"
)
_WEIGHTS = either(OneOf((IMAGENET, NO_WEIGHTS)), PathText("a file"))
_FINE_TUNE: dict[str, Check] = {
    "epochs": Whole(1, 1_000_000),
    "learning_rate": either(Number(above=0), OneOf((AUTO,))),
    "from": either(OneOf((ALL_LAYERS,)), Whole(1), Text()),
    "global_clipnorm": either(Number(above=0), Null()),
}
_FROM = "all, the name of a layer, or how many of the last"


def read_backbone(report: Report, node: Node, key: str) -> Backbone | None:
    """A pretrained network.

    Args:
        report: Takes the problems and the places of the arguments.
        node: `Name`, `Name: {weights: ...}`, or a word for none.
        key: The dotted key of `node`.

    Returns:
        None if there shall be none; a stand-in for one that can't be read.
    """
    if node.value is None or node.is_off:
        return None
    name, value = _split(node)
    if name is None:
        message = "a pretrained network is expected here"
        example = "EfficientNetLite0, or EfficientNetLite0: {weights: ...}"
        report.refuse(node, key, message, received=node.shown(), allowed=example)
        return _REFUSED
    arguments = _read_weights(report, value, name, f"{key}.weights")
    if not is_model_path(name) and name not in network_names():
        _refuse_name(report, node, key, name)
        return _REFUSED
    return Backbone(name=name, **arguments)


def read_fine_tune(report: Report, node: Node, key: str) -> FineTune | None:
    """How a pretrained network itself is trained.

    Args:
        report: Takes the problems and the places of the arguments.
        node: A number of epochs, some of its keys, or a word for not at all.
        key: The dotted key of `node`.

    Returns:
        None if it isn't to be; with the defaults of what can't be read.
    """
    if node.value is None or node.is_off:
        return None
    if not isinstance(node.value, dict):
        epochs = _FINE_TUNE["epochs"].read(node)
        if epochs is MISMATCH:
            report.refuse(
                node,
                key,
                "this can't be used",
                received=node.shown(),
                allowed="{epochs: 8, learning_rate: 3e-4, from: all}, a number of epochs, or none",
            )
            return FineTune()
        return FineTune(epochs=epochs)
    given: dict[str, Any] = {}
    for argument, inner in node.value.items():
        place = f"{key}.{argument}"
        report.origins[place] = inner.origin
        check = _FINE_TUNE.get(argument)
        if check is None:
            refuse_argument(report, inner, place, "fine_tune", argument, _FINE_TUNE)
            continue
        value = MISMATCH if inner.is_empty else check.read(inner)
        if value is MISMATCH:
            _refuse_value(report, inner, place, argument, check)
        else:
            given["from_" if argument == "from" else argument] = value
    return FineTune(**given)


def backbone_form() -> JsonSchema:
    """What `read_backbone` takes, for an editor."""
    file = f"{re.escape(MODEL_SUFFIX)}$"
    weights = any_of(OFF, _WEIGHTS.schema())
    given = any_of(NULL, weights, mapping({"weights": weights}))
    with_weights = {
        **mapping(dict.fromkeys(network_names(), given), least=1),
        "patternProperties": {file: any_of(NULL, mapping({}))},
        "maxProperties": 1,
    }
    name = any_of(words(*network_names()), {"type": "string", "pattern": file})
    return any_of(OFF, name, with_weights)


def fine_tune_form() -> JsonSchema:
    """What `read_fine_tune` takes, for an editor."""
    keys = {argument: check.schema() for argument, check in _FINE_TUNE.items()}
    return any_of(OFF, _FINE_TUNE["epochs"].schema(), mapping(keys))


def fill_in_defaults(plain: dict[str, Any]) -> None:
    """Gives what is left out the defaults that follow from a backbone, or from a time budget.

    They then stand in the resolved config, whatever a later version thinks suits a backbone.

    Args:
        plain: The keys of a config that were given, with all its sections.
    """
    backbone, training = plain["model"].get("backbone"), plain["training"]
    has_budget = training.get("time_budget") is not None
    if backbone is None:
        if has_budget:
            training.setdefault("epochs", _MOST_EPOCHS)
        return
    if has_budget:
        training.setdefault("fine_tune", FineTune(epochs=_MOST_FINE_TUNED))
    side = default_image_size(backbone.name)
    if side is not None:
        plain["data"].setdefault("image_size", (side, side))
    fine_tuned = training.get("fine_tune") is not None
    plain.setdefault("augmentation", default_augmentation(fine_tuned=fine_tuned))


def _split(node: Node) -> tuple[str | None, Node | None]:
    """The name and what follows it."""
    if isinstance(node.value, str) and node.value:
        return node.value, None
    if isinstance(node.value, dict) and len(node.value) == 1:
        return next(iter(node.value.items()))
    return None, None


def _read_weights(report: Report, value: Node | None, name: str, key: str) -> dict[str, str]:
    """The argument of a network, if it has one."""
    if value is None or value.is_empty:
        return {}
    if isinstance(value.value, dict):
        for argument, inner in value.value.items():
            if argument != "weights":
                place = f"{key.removesuffix('weights')}{argument}"
                refuse_argument(report, inner, place, name, argument, ["weights"])
        if "weights" not in value.value:
            return {}
        value = value.value["weights"]
    report.origins[key] = value.origin
    if is_model_path(name):
        message = "a model file has weights of its own"
        report.refuse(value, key, message, received=value.shown(), allowed=name)
        return {}
    if value.is_off:
        return {"weights": NO_WEIGHTS}
    weights: Any = MISMATCH if value.is_empty else _WEIGHTS.read(value)
    if weights is MISMATCH:
        report.refuse_value(value, key, name, "weights", _WEIGHTS)
        return {}
    return {"weights": weights}


def _refuse_name(report: Report, node: Node, key: str, name: str) -> None:
    message = "there is no pretrained network of this name"
    nearest = nearest_network(name)
    if "/" in name or "\\" in name:
        message, nearest = f"the file of a model ends in {MODEL_SUFFIX}", None
    report.refuse(node, key, message, received=name, allowed=_NETWORKS, nearest=nearest)


def _refuse_value(report: Report, node: Node, key: str, argument: str, check: Check) -> None:
    if argument != "from":
        report.refuse_value(node, key, "fine_tune", argument, check)
        return
    message = "fine_tune can't take this from"
    report.refuse(node, key, message, received=node.shown(), allowed=_FROM)
