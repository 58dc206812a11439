"""What convolutions, poolings and products of matrices give, and what they take on the way."""

from __future__ import annotations

from imgclf.litert.graph import FLOAT32, Shape
from imgclf.litert.options import Options
from imgclf.litert.values import Given, Value, count_of, floats, joined, known, need

_LONGEST = 1 << 13  # side of a picture
_POINTER = 8


def convolution(given: Given, options: Options) -> Given:
    """Conv2D, perhaps in groups: filters are (out, height, width, in of a group)."""
    pictures, filters, bias = _pictures_and_filters(given)
    count, height, width, channels = filters.shape
    need(pictures.shape[3] % channels == 0, f"its filters are of {channels} channels")
    groups = pictures.shape[3] // channels
    need(count % groups == 0, f"{groups} groups have {count} filters")
    _need_bias(bias, count)
    return [Value((*_slid(pictures.shape, height, width, options), count))]


def depthwise_convolution(given: Given, options: Options) -> Given:
    """DepthwiseConv2D: filters are (1, height, width, out)."""
    pictures, filters, bias = _pictures_and_filters(given)
    one, height, width, count = filters.shape
    expected = pictures.shape[3] * options["multiplier"]
    need(one == 1 and count == expected, f"it has {count} filters and not {expected}")
    _need_bias(bias, count)
    return [Value((*_slid(pictures.shape, height, width, options), count))]


def transposed_convolution(given: Given, options: Options) -> Given:
    """Conv2DTranspose: the first input says the shape, filters are (out, height, width, in)."""
    need(len(given) in (3, 4), f"it takes {len(given)} tensors")
    shape = known(given[0], 4)
    _, filters, pictures, *_ = given
    floats(given[1:], len(given) - 1)
    need(len(filters.shape) == len(pictures.shape) == 4 and filters.constant, "its shapes are odd")
    count, height, width, channels = filters.shape
    need(all(side > 0 for side in shape), f"it gives the shape {shape}")
    need(
        shape[0] == pictures.shape[0] and shape[3] == count and channels == pictures.shape[3],
        f"it gives the shape {shape}",
    )
    if len(given) == 4:
        _need_bias(given[3], count)
    # What a convolution would make of the result is what there is.
    back = _slid(shape, height, width, {**options, "dilation_height": 1, "dilation_width": 1})
    need(back == pictures.shape[:3], f"it can't give the shape {shape}")
    return [Value(shape)]


def pooling(given: Given, options: Options) -> Given:
    """The largest or the mean number in each window."""
    (pictures,) = floats(given, 1)
    need(len(pictures.shape) == 4, "it takes no pictures")
    plain = {**options, "dilation_height": 1, "dilation_width": 1}
    window = options["height"], options["width"]
    return [Value((*_slid(pictures.shape, *window, plain), pictures.shape[3]))]


def dense(given: Given, options: Options) -> Given:
    """Dense: weights are (out, in)."""
    need(len(given) in (2, 3), f"it takes {len(given)} tensors")
    values, weights = floats(given, len(given))[:2]
    need(weights.constant and len(weights.shape) == 2, "its weights are not in the file")
    out, into = weights.shape
    if len(given) == 3:
        _need_bias(given[2], out)
    rank = len(values.shape)
    need(rank > 0, "it takes a number")
    if options["keeps_dimensions"]:
        need(values.shape[-1] == into, f"it takes {values.shape[-1]} features and not {into}")
        return [Value((*values.shape[:-1], out))]
    total = count_of(values.shape)
    need(total % into == 0, f"it takes {total} features and not {into}")
    return [Value((total // into, out))]


def matrix_product(given: Given, options: Options) -> Given:
    """The product of matrices, the last two axes, each perhaps turned."""
    first, second = (value.shape for value in floats(given, 2))
    need(min(len(first), len(second)) >= 2, "it takes no matrices")
    need(max(len(first), len(second)) <= 5, "it takes too many matrices")
    rows, inner = first[-2:][:: -1 if options["first_turned"] else 1]
    across, columns = second[-2:][:: -1 if options["second_turned"] else 1]
    need(inner == across, f"matrices of shapes {first} and {second} have no product")
    return [Value((*joined(first[:-2], second[:-2]), rows, columns))]


def resized(given: Given, options: Options) -> Given:
    """Pictures of another size."""
    need(len(given) == 2 and given[0].kind == FLOAT32, "it takes other tensors")
    pictures, size = given
    need(len(pictures.shape) == 4 and size.constant, "it takes no pictures")
    height, width = known(size, 2)
    need(0 < height <= _LONGEST and 0 < width <= _LONGEST, f"it gives {height} x {width} pixels")
    need(not (options["corners"] and options["half"]), "it has corners and half pixels")
    return [Value((pictures.shape[0], height, width, pictures.shape[3]))]


def effort(given: Given, gives: Given, options: Options) -> tuple[int, int]:
    """What one of these takes: multiplications, and bytes beside what it is given and gives.

    Kernels gather what each place of a window sees, or where that is.
    """
    shape = gives[0].shape
    if "first_turned" in options:
        inner = given[0].shape[-2 if options["first_turned"] else -1]
        return count_of(shape) * inner, 4 * sum(count_of(value.shape) for value in given)
    if "keeps_dimensions" in options:
        return count_of(shape) * given[1].shape[1], 0
    if "width" in options:  # of a pooling's window
        sees = options["width"] * options["height"]
        return count_of(shape) * sees, count_of(shape[:3]) * sees * _POINTER
    filters = given[1].shape
    pictures = next(one.shape for one in given if not one.constant and len(one.shape) == 4)
    places = max(count_of(shape[:3]), count_of(pictures[:3]))
    sees = filters[1] * filters[2]
    if "multiplier" in options or sees == 1:
        gathered = _POINTER
    elif "dilation_width" in options:
        gathered = 4 * pictures[3]
    else:
        gathered = 4 * filters[0]
    return places * count_of(filters), places * sees * max(gathered, _POINTER)


def _pictures_and_filters(given: Given) -> tuple[Value, Value, Value]:
    """The bias comes third; kernels take it for granted."""
    pictures, filters, bias = floats(given, 3)
    need(len(pictures.shape) == 4 and len(filters.shape) == 4, "it takes no pictures")
    need(filters.constant, "its filters are not in the file")
    return pictures, filters, bias


def _need_bias(bias: Value, count: int) -> None:
    need(bias.constant and bias.shape == (count,), "its bias is of another shape")


def _slid(shape: Shape, height: int, width: int, options: Options) -> Shape:
    """Count, height and width of what a window gives that slides over pictures."""
    pictures, *sides = shape[:3]
    result = [pictures]
    for side, window, name in zip(sides, (height, width), ("height", "width"), strict=True):
        stride = options[f"stride_{name}"]
        reach = (window - 1) * options[f"dilation_{name}"] + 1
        places = -(-side // stride) if not options["valid"] else -(-(side - reach + 1) // stride)
        need(places > 0, f"a window of {reach} doesn't fit into {side}")
        result.append(places)
    return tuple(result)
