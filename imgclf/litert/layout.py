"""What operations give that move numbers about, and those that say a shape."""

from __future__ import annotations

from imgclf.litert.graph import FEW, FLOAT32, INT32, Shape
from imgclf.litert.options import Options
from imgclf.litert.values import Given, Value, axis_of, count_of, joined, known, need, take


def shape_of(given: Given, _: Options) -> Given:
    """The shape of an array, as numbers."""
    need(len(given) == 1, "it takes several arrays")
    shape = given[0].shape
    return [Value((len(shape),), INT32, shape)]


def reshaped(given: Given, _: Options) -> Given:
    """The same numbers in another shape, of which one side may be left to be found."""
    values, wanted = _two(given)
    need(len(wanted.shape) == 1, "its shape is none")
    shape = known(wanted, *wanted.shape)
    total, free = count_of(values.shape), [k for k, side in enumerate(shape) if side == -1]
    need(len(free) <= 1 and all(side > 0 or side == -1 for side in shape), f"to {shape}")
    fixed = count_of(tuple(side for side in shape if side != -1))
    if free:
        need(total % fixed == 0, f"{values.shape} can't become {shape}")
        shape = (*shape[: free[0]], total // fixed, *shape[free[0] + 1 :])
    need(count_of(shape) == total, f"{values.shape} can't become {shape}")
    return [Value(shape, values.kind, values.numbers)]


def with_axis(given: Given, _: Options) -> Given:
    """One more axis, of one."""
    values, where = _two(given)
    (axis,) = known(where, *(1,) * len(where.shape))
    place = axis_of(axis, len(values.shape) + 1)
    shape = (*values.shape[:place], 1, *values.shape[place:])
    return [Value(shape, values.kind, values.numbers)]


def transposed(given: Given, _: Options) -> Given:
    """The same with its axes in another order."""
    values, order = _two(given)
    rank = len(values.shape)
    axes = known(order, rank)
    need(sorted(axes) == list(range(rank)), f"it has no axes {axes}")
    return [Value(tuple(values.shape[axis] for axis in axes), values.kind)]


def padded(given: Given, _: Options) -> Given:
    """With zeros around."""
    values, width = _floats_and(given)
    _need_few_axes(values)
    return [Value(_widened(values.shape, width))]


def padded_with(given: Given, options: Options) -> Given:
    """With a number around that is in the file."""
    need(len(given) == 3, f"it takes {len(given)} tensors")
    number = given[2]
    need(number.kind == FLOAT32 and number.constant and number.shape in ((), (1,)), "no number")
    return padded(given[:2], options)


def mirrored(given: Given, options: Options) -> Given:
    """With what it has near its edges around."""
    values, width = _floats_and(given)
    _need_few_axes(values)
    most = 0 if options["symmetric"] else 1
    around = known(width, len(values.shape), 2)
    for axis, side in enumerate(values.shape):
        need(max(around[2 * axis : 2 * axis + 2]) <= side - most, "it mirrors more than there is")
    return [Value(_widened(values.shape, width))]


def repeated(given: Given, _: Options) -> Given:
    """Several times beside itself."""
    values, times = _floats_and(given)
    counts = known(times, len(values.shape))
    need(all(0 < count < 1 << 16 for count in counts), f"it is repeated {counts} times")
    return [Value(tuple(side * n for side, n in zip(values.shape, counts, strict=True)))]


def stretched(given: Given, _: Options) -> Given:
    """Repeated to a shape where it has sides of 1."""
    values, wanted = take(given, FLOAT32, INT32)
    shape = known(wanted, *wanted.shape)
    need(all(0 < side < 1 << 31 for side in shape), f"it is stretched to {shape}")
    need(joined(values.shape, shape) == shape, f"it can't be stretched to {shape}")
    return [Value(shape)]


def reversed_(given: Given, _: Options) -> Given:
    """The other way round along an axis."""
    values, where = _floats_and(given)
    (axis,) = known(where, 1)
    axis_of(axis, len(values.shape))
    return [Value(values.shape)]


def divided(given: Given, options: Options) -> Given:
    """Parts of one size along an axis, which comes first."""
    where, values = take(given, INT32, FLOAT32)
    need(where.constant, "its axis is not known")
    (number,) = known(where, *(1,) * len(where.shape))
    axis, parts = axis_of(number, len(values.shape)), options["parts"]
    need(values.shape[axis] % parts == 0, f"{values.shape[axis]} can't be divided by {parts}")
    part = _with_side(values.shape, axis, values.shape[axis] // parts)
    return [Value(part)] * parts


def concatenated(given: Given, options: Options) -> Given:
    """One after the other along an axis."""
    need(len(given) > 0, "it takes nothing")
    first, *others = given
    _need_float_or_few(given)
    axis = axis_of(options["axis"], len(first.shape))
    for other in others:
        need(other.kind == first.kind and len(other.shape) == len(first.shape), "it mixes arrays")
        need(
            _with_side(other.shape, axis, 1) == _with_side(first.shape, axis, 1),
            f"{first.shape} and {other.shape} don't go together",
        )
    shape = _with_side(first.shape, axis, sum(value.shape[axis] for value in given))
    return [Value(shape, first.kind, _numbers_of(given, shape))]


def packed(given: Given, options: Options) -> Given:
    """Arrays of one shape along a new axis."""
    need(len(given) == options["count"], f"it takes {len(given)} and not {options['count']}")
    _need_float_or_few(given)
    first = given[0]
    alike = all(one.shape == first.shape and one.kind == first.kind for one in given)
    need(alike, "it packs arrays of several shapes")
    axis = axis_of(options["axis"], len(first.shape) + 1)
    shape = (*first.shape[:axis], len(given), *first.shape[axis:])
    return [Value(shape, first.kind, _numbers_of(given, shape))]


def gathered(given: Given, options: Options) -> Given:
    """What is at some places of an axis."""
    values, places = _two(given)
    _need_float_or_few([values])
    need(places.constant and len(places.shape) == 1, "its places are not in the file")
    at = known(places, *places.shape)
    axis = axis_of(options["axis"], len(values.shape))
    need(all(0 <= place < values.shape[axis] for place in at), f"it has no places {at}")
    shape = _with_side(values.shape, axis, len(at))
    if values.numbers is None:
        return [Value(shape, values.kind)]
    return [Value(shape, INT32, tuple(values.numbers[place] for place in at))]


def sliced(given: Given, options: Options) -> Given:
    """A part, by its begin, its end and a step for each axis."""
    need(len(given) == 4, f"it takes {len(given)} tensors")
    values = given[0]
    _need_float_or_few([values])
    rank = len(values.shape)
    need(rank <= _MOST_SLICED, f"it slices {rank} dimensions")
    # The other three are in the file, or follow from the number of pictures alone.
    begins, ends, steps = (known(one, rank) for one in given[1:])
    shape, taken = [], []
    for axis, (side, begin, end, step) in enumerate(
        zip(values.shape, begins, ends, steps, strict=True)
    ):
        only = options["shrink_mask"] >> axis & 1
        need(0 < step < 1 << 13, f"it goes on by {step}")
        begin = 0 if options["begin_mask"] >> axis & 1 else begin
        if only:
            need(-side <= begin < side and step == 1, f"it has no place {begin} of {side}")
            found = range(begin % side, begin % side + 1)
        else:
            last = None if options["end_mask"] >> axis & 1 else end
            found = range(side)[begin:last:step]
            need(len(found) > 0, f"it takes nothing of {side}")
            shape.append(len(found))
        taken.append(found)
    if values.numbers is None:
        return [Value(tuple(shape), values.kind)]
    need(rank == 1, "it slices integers in rows")
    return [Value(tuple(shape), INT32, tuple(values.numbers[place] for place in taken[0]))]


def cut_out(given: Given, _: Options) -> Given:
    """A part, by its begin and its size for each axis."""
    values, begin, size = take(given, FLOAT32, INT32, INT32)
    rank = len(values.shape)
    need(rank <= _MOST_SLICED, f"it slices {rank} dimensions")
    shape = []
    for side, first, count in zip(values.shape, known(begin, rank), known(size, rank), strict=True):
        count = side - first if count == -1 else count
        need(first >= 0 and count > 0 and first + count <= side, f"it has no part of {side}")
        shape.append(count)
    return [Value(tuple(shape))]


def to_batch(given: Given, _: Options) -> Given:
    """Pictures taken apart into several of every so many pixels, as dilated convolutions do."""
    values, high, wide, around = _blocks(given)
    height = values.shape[1] + around[0] + around[1]
    width = values.shape[2] + around[2] + around[3]
    need(height % high == 0 and width % wide == 0, f"{values.shape} has no blocks")
    count = values.shape[0] * high * wide
    return [Value((count, height // high, width // wide, values.shape[3]))]


def from_batch(given: Given, _: Options) -> Given:
    """Those put together again, less what is cut off."""
    values, high, wide, around = _blocks(given)
    need(values.shape[0] % (high * wide) == 0, f"{values.shape} has no blocks")
    height = values.shape[1] * high - around[0] - around[1]
    width = values.shape[2] * wide - around[2] - around[3]
    need(height > 0 and width > 0, "it cuts everything off")
    return [Value((values.shape[0] // (high * wide), height, width, values.shape[3]))]


_MOST_SLICED = 5  # dimensions
_MOST_PADDED = 4


def _two(given: Given) -> tuple[Value, Value]:
    need(len(given) == 2, f"it takes {len(given)} tensors")
    return given[0], given[1]


def _floats_and(given: Given) -> tuple[Value, Value]:
    """An array, and what is in the file on what is to be done to it."""
    values, what = take(given, FLOAT32, INT32)
    need(what.constant, "what it does is not in the file")
    return values, what


def _need_few_axes(values: Value) -> None:
    need(len(values.shape) <= _MOST_PADDED, f"it pads {len(values.shape)} dimensions")


def _need_float_or_few(given: Given) -> None:
    need(
        all(one.kind == FLOAT32 or one.numbers is not None for one in given),
        "it takes integers that are not known",
    )


def _widened(shape: Shape, width: Value) -> Shape:
    around = known(width, len(shape), 2)
    need(all(0 <= one < 1 << 13 for one in around), f"it puts {around} around")
    return tuple(side + around[2 * axis] + around[2 * axis + 1] for axis, side in enumerate(shape))


def _with_side(shape: Shape, axis: int, side: int) -> Shape:
    return (*shape[:axis], side, *shape[axis + 1 :])


def _numbers_of(given: Given, shape: Shape) -> tuple[int, ...] | None:
    """All numbers of integers that are joined to a list of few; None for others."""
    if any(one.numbers is None for one in given):
        return None
    numbers = tuple(number for one in given for number in one.numbers or ())
    need(len(shape) == 1 and len(numbers) <= FEW, "it has integers in rows, or many")
    return numbers


def _blocks(given: Given) -> tuple[Value, int, int, tuple[int, ...]]:
    values, block, around = take(given, FLOAT32, INT32, INT32)
    need(block.constant and around.constant, "what it does is not in the file")
    need(len(values.shape) == 4, "it takes no pictures")
    high, wide = known(block, 2)
    edges = known(around, 2, 2)
    fits = all(0 < one < 1 << 13 for one in (high, wide)) and all(
        0 <= one < 1 << 13 for one in edges
    )
    need(fits, f"it has blocks of {high} x {wide} and {edges} around")
    return values, high, wide, edges
