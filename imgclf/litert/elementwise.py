"""What operations give that treat each number by itself, or rows of numbers."""

from __future__ import annotations

from imgclf.litert.graph import BOOL, FLOAT32, INT32
from imgclf.litert.options import Options
from imgclf.litert.values import ANY, Given, Value, axis_of, floats, joined, need, take

_MOST_STRETCHED = 4  # dimensions; kernels have room for so many
_MOST_COMBINED = 5


def alike(given: Given, _: Options) -> Given:
    """One number for each."""
    return [Value(floats(given, 1)[0].shape)]


def rows(given: Given, _: Options) -> Given:
    """One number for each, which depends on the others of the last axis."""
    need(len(floats(given, 1)[0].shape) > 0, "it takes a number")
    return [Value(given[0].shape)]


def combined(given: Given, _: Options) -> Given:
    """Of two arrays, one number for each pair, by an operation that has more room."""
    return [_two(given, FLOAT32, _MOST_COMBINED)]


def paired(given: Given, _: Options) -> Given:
    """Of two arrays, one number for each pair."""
    return [_two(given, FLOAT32, _MOST_STRETCHED)]


def compared(given: Given, _: Options) -> Given:
    """Of two arrays, yes or no for each pair."""
    return [_two(given, BOOL, _MOST_STRETCHED)]


def both(given: Given, _: Options) -> Given:
    """Of two arrays of yes and no, one for each pair."""
    take(given, BOOL, BOOL)
    return [Value(_stretched(given, _MOST_STRETCHED), BOOL)]


def selected(given: Given, _: Options) -> Given:
    """Where the first says so of the second array, else of the third."""
    take(given, BOOL, FLOAT32, FLOAT32)
    return [Value(_stretched(given, _MOST_STRETCHED))]


def leaky(given: Given, _: Options) -> Given:
    """Negative numbers times others, which are there for each, each row or each channel."""
    pictures, slopes = floats(given, 2)
    need(slopes.constant, "its slopes are not in the file")
    shape = _stretched(given, _MOST_STRETCHED)
    need(shape == pictures.shape, "it has too many slopes")
    return [Value(shape)]


def cast(given: Given, _: Options) -> Given:
    """The same numbers as another type, which the file says."""
    need(len(given) == 1, "it takes several tensors")
    return [Value(given[0].shape, ANY)]


def reduced(given: Given, options: Options) -> Given:
    """One number for all along some axes."""
    need(len(given) == 2, "it doesn't take an array and axes")
    values, axes = given
    need(values.kind == FLOAT32, "it is given other types")
    return [Value(_without(values.shape, axes, options))]


def multiplied(given: Given, options: Options) -> Given:
    """The product along some axes, of float32 or of numbers that say a shape."""
    need(len(given) == 2, "it doesn't take an array and axes")
    values, axes = given
    if values.kind == FLOAT32:
        return reduced(given, options)
    numbers = values.numbers
    need(values.kind == INT32 and numbers is not None, "it multiplies unknown integers")
    assert numbers is not None
    shape = _without(values.shape, axes, options)
    need(len(values.shape) == 1, "it multiplies integers in rows")
    product = 1
    for number in numbers:
        product *= number
    need(abs(product) < 1 << 31, "a product is too large")
    return [Value(shape, INT32, (product,))]


def _without(shape: tuple[int, ...], axes: Value, options: Options) -> tuple[int, ...]:
    need(axes.kind == INT32 and axes.constant and len(axes.shape) <= 1, "its axes are not known")
    need(axes.numbers is not None, "it has too many axes")
    gone = [axis_of(number, len(shape)) for number in axes.numbers or ()]
    need(len(set(gone)) == len(gone), "it has an axis twice")
    if options["keeps_dimensions"]:
        return tuple(1 if axis in gone else side for axis, side in enumerate(shape))
    return tuple(side for axis, side in enumerate(shape) if axis not in gone)


def _two(given: Given, kind: int, most: int) -> Value:
    floats(given, 2)
    return Value(_stretched(given, most), kind)


def _stretched(given: Given, most: int) -> tuple[int, ...]:
    shape = joined(*(value.shape for value in given))
    equal = all(value.shape == shape for value in given)
    need(equal or len(shape) <= most, f"it stretches arrays of {len(shape)} dimensions")
    return shape
