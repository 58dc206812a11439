"""Declared layers, one after another, with what goes around some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from imgclf.backend import keras
from imgclf.config.choices import Precision
from imgclf.config.keras_names import RESIDUAL
from imgclf.config.layer_sizes import sized
from imgclf.config.loaded import ConfigFile
from imgclf.config.spec import Spec
from imgclf.errors import first_line
from imgclf.model.keras_objects import make
from imgclf.model.without_weights import refuse_giant_built


def keyed(key: str, specs: Sequence[Spec]) -> list[tuple[str, Spec]]:
    """What is declared under a key, each with its own dotted key."""
    return [(f"{key}.{index}", spec) for index, spec in enumerate(specs)]


def chained(
    values: Any, specs: Sequence[tuple[str, Spec]], precision: Precision, file: ConfigFile
) -> Any:
    """What layers make of symbolic values, one after another.

    Args:
        values: What the first one is given.
        specs: The layers, each with its dotted key.
        precision: What they compute in, unless they say otherwise.
        file: Names the line of what Keras refuses.

    Raises:
        ConfigError: Something that Keras refuses, naming its line.
    """
    for key, spec in specs:
        if spec.name == RESIDUAL:
            values = _residual(values, key, spec, precision, file)
            continue
        if sized(spec, values.shape[1:]) is None:
            refuse_giant_built(values, key, spec, file)
        with computing_in(precision):
            layer = make("layers", spec, key, file)
        try:
            values = layer(values)
        except Exception as error:  # whatever the layer raises when it sees its input's shape
            raise file.refusal(
                key,
                f"{spec.name} can't follow the layers before it: {first_line(error)}",
                received=f"the output of the layers before it, of shape {values.shape}",
            ) from error
    return values


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Layers made meanwhile have this policy, unless their config gives another."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _residual(values: Any, key: str, spec: Spec, precision: Precision, file: ConfigFile) -> Any:
    """What a branch makes of values, and the values themselves, added up.

    Where the branch changes their shape, a convolution of 1 x 1 and batch normalization give the
    values the same one. (He et al. 2016, Deep Residual Learning for Image Recognition, section
    3.3, option B.) All of them are plain layers of the one graph.
    """
    inner = keyed(f"{key}.layers", spec.arguments["layers"])
    branch = chained(values, inner, precision, file)
    with computing_in(precision):
        if branch.shape == values.shape:
            return keras.layers.Add()([branch, values])
        strides = _strides(values.shape, branch.shape)
        if strides is None:
            raise file.refusal(
                key,
                "the layers of this branch make what can't be added to what they are given",
                received=f"{branch.shape[1:]} made of {values.shape[1:]}",
                allowed="the same shape, or other channels, or height and width that strides of "
                "layers with padding: same make smaller",
            )
        shortcut = keras.layers.Conv2D(
            branch.shape[-1], 1, strides, use_bias=False, kernel_initializer="he_normal"
        )(values)
        shortcut = keras.layers.BatchNormalization()(shortcut)
        return keras.layers.Add()([branch, shortcut])


def _strides(before: Sequence[Any], after: Sequence[Any]) -> tuple[int, int] | None:
    """By which a convolution of 1 x 1 goes from one height and width to another, if one does."""
    if len(before) != 4 or len(after) != 4:
        return None
    found = [
        next((step for step in range(1, old + 1) if -(-old // step) == new), None)
        for old, new in zip(before[1:3], after[1:3], strict=True)
    ]
    height, width = found
    return None if height is None or width is None else (height, width)
