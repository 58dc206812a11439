"""Layers as Keras 3.15 writes them into a `config.json`, made without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imgclf.model_file.saved_graph import Layer, Tensor


@dataclass(frozen=True)
class LayerMaker:
    """Makes layers that are called once.

    Attributes:
        dtype: Their policy, as a layer of the file has it.
    """

    dtype: Mapping[str, Any]

    def layer(
        self,
        class_name: str,
        name: str,
        config: Mapping[str, Any],
        given: Tensor | Sequence[Tensor],
        *,
        built: bool = False,
    ) -> Layer:
        """Any layer.

        Args:
            class_name: Of `keras.layers`.
            name: Its own.
            config: What it has beside name and policy.
            given: What it takes; several tensors as a list.
            built: Whether Keras remembers the shape that it was built for.
        """
        shapes = given["shape"] if isinstance(given, Mapping) else [one["shape"] for one in given]
        one = _kept(given) if isinstance(given, Mapping) else [_kept(one) for one in given]
        return {
            "module": "keras.layers",
            "class_name": class_name,
            "config": {"name": name, "trainable": True, "dtype": self.dtype, **config},
            "registered_name": None,
            **({"build_config": {"input_shape": shapes}} if built else {}),
            "name": name,
            "inbound_nodes": [{"args": [one], "kwargs": {}}],
        }

    def dense(
        self,
        name: str,
        units: int,
        given: Tensor,
        *,
        activation: str = "linear",
        use_bias: bool = True,
    ) -> Layer:
        """A Dense layer as it is made without any other arguments than these."""
        config = {
            "units": units,
            "activation": activation,
            "use_bias": use_bias,
            "kernel_initializer": _initializer(
                "GlorotUniform", {"seed": None, "input_axes": None, "output_axes": None}
            ),
            "bias_initializer": _initializer("Zeros", {}),
            "kernel_regularizer": None,
            "bias_regularizer": None,
            "kernel_constraint": None,
            "bias_constraint": None,
            "quantization_config": None,
        }
        return self.layer("Dense", name, config, given, built=True)

    def tensor(self, layer: str, *shape: int) -> Tensor:
        """What a layer puts out."""
        return {"shape": [None, *shape], "dtype": "float32", "keras_history": [layer, 0, 0]}


def _initializer(class_name: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "module": "keras.initializers",
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def _kept(tensor: Tensor) -> Mapping[str, Any]:
    return {"class_name": "__keras_tensor__", "config": tensor}
