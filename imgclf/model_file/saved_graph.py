"""The graph of layers in a `config.json`, without Keras: what gives to what, and their order.

The order is Keras's own: it numbers the layers in its weights by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, TypeAlias

Layer: TypeAlias = Mapping[str, Any]
"""A layer as Keras writes it, with `name`, `class_name`, `config` and `inbound_nodes`."""

Tensor: TypeAlias = Mapping[str, Any]
"""What a layer puts out: `shape`, `dtype` and `keras_history`, a layer's name and two numbers."""


def given_tensors(layer: Layer) -> list[Tensor]:
    """What a layer takes, in Keras's order.

    Raises:
        ValueError: It is called more than once, or takes one of several outputs.
    """
    nodes = layer["inbound_nodes"]
    if len(nodes) > 1:
        raise ValueError(f"{layer['name']} is called more than once")
    found = list(tensors_in(nodes))
    if any(tensor["keras_history"][1:] != [0, 0] for tensor in found):
        raise ValueError(f"{layer['name']} takes one of several outputs")
    return found


def in_keras_order(layers: Sequence[Layer], last: str) -> list[Layer]:
    """The layers by their distance from the last one, the farthest first (Keras's `map_graph`).

    Those of one distance stand as they are met on the way back from the last layer.

    Raises:
        ValueError: Some layer is on no way to the last, or `given_tensors` raises it.
    """
    before = {
        layer["name"]: [tensor["keras_history"][0] for tensor in given_tensors(layer)]
        for layer in layers
    }
    met, finished = {last: 0}, []
    on_the_way = [(last, iter(before[last]))]
    while on_the_way:
        name, rest = on_the_way[-1]
        unmet = next((given for given in rest if given not in met), None)
        if unmet is None:
            finished.append(name)
            on_the_way.pop()
        else:
            met[unmet] = len(met)
            on_the_way.append((unmet, iter(before[unmet])))
    if len(finished) < len(layers):
        raise ValueError("a layer is on no way to the last one")
    distance = dict.fromkeys(finished, 0)
    for name in reversed(finished):
        for given in before[name]:
            distance[given] = max(distance[given], distance[name] + 1)
    return sorted(layers, key=lambda layer: (-distance[layer["name"]], met[layer["name"]]))


def is_operation(layer: Layer) -> bool:
    """Whether it is no layer but an operation, such as `x / 255` is, which has no weights."""
    return str(layer["module"]).startswith("keras.src.ops.")


def names_in_weights(layers: Sequence[Layer]) -> dict[str, str]:
    """The names that Keras's weight files have for layers, by their own: by class, counted.

    Args:
        layers: In Keras's order.
    """
    counts: dict[str, Iterator[int]] = {}
    found = {}
    for layer in layers:
        if not is_operation(layer):
            name = _in_snake_case(layer["class_name"])
            number = next(counts.setdefault(name, count()))
            found[layer["name"]] = f"{name}_{number}" if number else name
    return found


def tensors_in(part: Any) -> Iterator[Tensor]:
    """All tensors that some `inbound_nodes` name, in Keras's order."""
    if isinstance(part, list):
        for one in part:
            yield from tensors_in(one)
    elif isinstance(part, dict):
        if part.get("class_name") == "__keras_tensor__":
            yield part["config"]
        else:
            for _, one in sorted(part.items()):
                yield from tensors_in(one)


def _in_snake_case(name: str) -> str:
    """As Keras does it (`keras.src.utils.naming.to_snake_case`)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
