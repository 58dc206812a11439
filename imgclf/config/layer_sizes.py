"""What layers of Keras make of one picture, and the weights they have, worked out without Keras.

For the layers that networks for pictures are made of, with their usual arguments. Shapes are those
of one picture, as in `(height, width, channels)`; a side is None where it isn't known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from imgclf.config.keras_signatures import exports, signature
from imgclf.config.spec import Spec

Shape: TypeAlias = tuple[int | None, ...]
_Sized: TypeAlias = tuple[Shape, int]
_Rule: TypeAlias = Callable[[Shape, Mapping[str, Any]], _Sized]

_FAMILIES = (".activations.", ".regularization.", ".image_preprocessing.")
# Which have another shape, weights, or several inputs.
_NOT_OF_THEM = {"PReLU", "CenterCrop", "RandomCrop", "Resizing", "MaxNumBoundingBoxes"}


def sized(spec: Spec, given: Shape) -> _Sized | None:
    """The shape that a layer makes of one, and how many weights it has.

    Args:
        spec: Of a layer.
        given: What the layer before it makes.

    Returns:
        None if there is no rule for it, or if the two don't fit: Keras will tell.
    """
    if spec.name not in exports("layers"):
        return None
    module, name = exports("layers")[spec.name]  # by their own names: there are two of some
    in_family = name not in _NOT_OF_THEM and any(one in module for one in _FAMILIES)
    rule = _RULES.get(name, _as_given if in_family else None)
    if rule is None:
        return None
    arguments = {**signature("layers", spec.name).arguments, **spec.arguments}
    try:
        shape, weights = rule(given, arguments)
    except (TypeError, ValueError, IndexError, KeyError, ZeroDivisionError):
        return None
    return (shape, weights) if all(side is None or side > 0 for side in shape) else None


def numbers_in(shape: Shape) -> int:
    """How many there are at least."""
    return math.prod(1 if side is None else side for side in shape)


def _as_given(shape: Shape, _: Mapping[str, Any]) -> _Sized:
    return shape, 0


def _dense(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    units = given["units"]
    return (*shape[:-1], units), numbers_in(shape[-1:]) * units + units * given["use_bias"]


def _per_side(value: Any, sides: int) -> list[int]:
    found = [value] * sides if isinstance(value, int) else list(value)
    if len(found) != sides:
        raise ValueError
    return found


def _window(side: int | None, kernel: int, stride: int, padding: str) -> int | None:
    """How often a window fits."""
    if side is None:
        return None
    return -(-side // stride) if padding in ("same", "causal") else (side - kernel) // stride + 1


def _windows(shape: Shape, kernel: Any, strides: Any, given: Mapping[str, Any]) -> Shape:
    sides = len(shape) - 1
    steps = _per_side(strides, sides)
    spread = _per_side(given.get("dilation_rate", 1), sides)
    widths = [
        (width - 1) * step + 1 for width, step in zip(_per_side(kernel, sides), spread, strict=True)
    ]
    return tuple(
        _window(side, width, step, given["padding"])
        for side, width, step in zip(shape[:-1], widths, steps, strict=True)
    )


def _convolution(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    filters, kernel = given["filters"], given["kernel_size"]
    sides = _windows(shape, kernel, given["strides"], given)
    inputs = numbers_in(shape[-1:]) // given["groups"]
    weights = math.prod(_per_side(kernel, len(sides))) * inputs * filters
    return (*sides, filters), weights + filters * given["use_bias"]


def _depthwise(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    kernel = given["kernel_size"]
    sides = _windows(shape, kernel, given["strides"], given)
    channels = numbers_in(shape[-1:]) * given["depth_multiplier"]
    weights = math.prod(_per_side(kernel, len(sides))) * channels
    return (*sides, channels), weights + channels * given["use_bias"]


def _separable(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    between, weights = _depthwise(shape, {**given, "use_bias": False})
    filters = given["filters"]
    weights += numbers_in(between[-1:]) * filters + filters * given["use_bias"]
    return (*between[:-1], filters), weights


def _transposed(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    sides = len(shape) - 1
    kernel, strides = _per_side(given["kernel_size"], sides), _per_side(given["strides"], sides)
    if given["output_padding"] is not None or set(_per_side(given["dilation_rate"], sides)) != {1}:
        raise ValueError
    longer = given["padding"] == "valid"
    made = tuple(
        None if side is None else side * step + max(width - step, 0) * longer
        for side, width, step in zip(shape[:-1], kernel, strides, strict=True)
    )
    weights = math.prod(kernel) * numbers_in(shape[-1:]) * given["filters"]
    return (*made, given["filters"]), weights + given["filters"] * given["use_bias"]


def _pooling(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    strides = given["pool_size"] if given["strides"] is None else given["strides"]
    return (*_windows(shape, given["pool_size"], strides, given), shape[-1]), 0


def _global_pooling(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    kept = tuple([1] * (len(shape) - 1)) if given["keepdims"] else ()
    return (*kept, shape[-1]), 0


def _flatten(shape: Shape, _: Mapping[str, Any]) -> _Sized:
    return ((None,) if None in shape else (numbers_in(shape),)), 0


def _reshape(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    target, numbers = list(given["target_shape"]), numbers_in(shape)
    if None in shape or any(not isinstance(side, int) for side in target):
        raise ValueError
    if -1 in target:
        at = target.index(-1)
        target[at] = numbers // math.prod([*target[:at], *target[at + 1 :]])
    return tuple(target), 0


def _permute(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    return tuple(shape[place - 1] for place in given["dims"]), 0


def _repeat(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    return (given["n"], *shape), 0


def _up_sampling(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    times = _per_side(given["size"], len(shape) - 1)
    larger = (
        None if side is None else side * many for side, many in zip(shape[:-1], times, strict=True)
    )
    return (*larger, shape[-1]), 0


def _margins(value: Any, sides: int) -> list[int]:
    """What is put on, or cut off, in both places of each side together."""
    if isinstance(value, int):
        return [2 * value] * sides
    return [2 * one if isinstance(one, int) else sum(one) for one in value]


def _padding(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    return _longer(shape, given["padding"], 1), 0


def _cropping(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    return _longer(shape, given["cropping"], -1), 0


def _longer(shape: Shape, value: Any, sign: int) -> Shape:
    sides = shape[:-1]
    if len(sides) == 1 and not isinstance(value, int):
        value = [value]
    by = _margins(value, len(sides))
    changed = (
        None if side is None else side + sign * more for side, more in zip(sides, by, strict=True)
    )
    return (*changed, shape[-1])


def _to_size(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    if len(shape) != 3:
        raise ValueError
    return (given["height"], given["width"], shape[-1]), 0


def _normalization(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    if given["axis"] != -1:
        raise ValueError
    # Batch normalization remembers a mean and a variance for each channel as well.
    kept = 2 * ("moving_mean_initializer" in given) + given["scale"] + given["center"]
    return shape, numbers_in(shape[-1:]) * kept


def _prelu(shape: Shape, given: Mapping[str, Any]) -> _Sized:
    shared = given["shared_axes"] or []
    return shape, numbers_in(tuple(s for at, s in enumerate(shape, 1) if at not in shared))


_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(("Rescaling", "Activation", "Identity", "Masking", "Normalization"), _as_given),
    "UnitNormalization": _as_given,
    "Dense": _dense,
    **{f"Conv{sides}D": _convolution for sides in (1, 2, 3)},
    **{f"Conv{sides}DTranspose": _transposed for sides in (1, 2, 3)},
    **{f"DepthwiseConv{sides}D": _depthwise for sides in (1, 2)},
    **{f"SeparableConv{sides}D": _separable for sides in (1, 2)},
    **{f"{kind}Pooling{n}D": _pooling for kind in ("Max", "Average") for n in (1, 2, 3)},
    **{
        f"Global{kind}Pooling{n}D": _global_pooling
        for kind in ("Max", "Average")
        for n in (1, 2, 3)
    },
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat,
    **{f"UpSampling{sides}D": _up_sampling for sides in (1, 2, 3)},
    **{f"ZeroPadding{sides}D": _padding for sides in (1, 2, 3)},
    **{f"Cropping{sides}D": _cropping for sides in (1, 2, 3)},
    **dict.fromkeys(("Resizing", "CenterCrop"), _to_size),
    **dict.fromkeys(
        ("BatchNormalization", "LayerNormalization", "GroupNormalization"), _normalization
    ),
    "PReLU": _prelu,
}
