"""Whether a LiteRT graph may be run: all that follows from it, for so many pictures.

The interpreter believes its file: a tensor of another type, or an operation that is given other
shapes than it was written for, makes it read and write where nothing of its own is. So the shape
and type of each tensor is worked out here, from the input and the options of the operations, and
the memory and time that they take; what the file says must be the same.
"""

from __future__ import annotations

from msgspec import Struct

from imgclf.litert.flatbuffer import GraphError
from imgclf.litert.graph import FEW, FLOAT32, SIZES, TYPES, Operation, Shape, Tensor, read_graph
from imgclf.litert.operations import KINDS, Kind
from imgclf.litert.options import Options, read_options
from imgclf.litert.values import ANY, Value, count_of, need

# What a picture may take for each of its pixels, beside what small ones may take anyway. Of the
# networks of `keras.applications` VGG16 takes most: 2,560 bytes, were all that its filters see
# gathered at once, and 0.31 million multiplications.
_BYTES_ANYWAY, _BYTES_A_PIXEL = 256 << 20, 4096
_WORK_ANYWAY, _WORK_A_PIXEL = 1 << 33, 1 << 23


class CheckedGraph:
    """A graph that the interpreter may see.

    Args:
        content: The FlatBuffer.

    Attributes:
        input_shape: (height, width, 3).
        output_shapes: For one picture, in the file's order.
        memory: The most bytes that tensors and kernels take together, for as many pictures as it
            was checked for last.

    Raises:
        GraphError: It is damaged, takes no pictures, or has something that is not known here, so
            that nobody knows what it would do.
    """

    def __init__(self, content: bytes) -> None:
        graph = read_graph(content)
        self._tensors, self._input, self._outputs = graph.tensors, graph.input, graph.outputs
        self._constants = {
            number: Value(one.shape, one.kind, one.numbers, True)
            for number, one in enumerate(graph.tensors)
            if one.constant
        }
        self._steps = [_step(operation) for operation in graph.operations]
        self._done_with = _done_with(self._steps, {*self._constants, *self._outputs})
        need(self._input not in self._constants, "its input is in the file")
        given = self._tensors[self._input]
        need(given.kind == FLOAT32 and len(given.shape) == 4, "it takes no pictures")
        self.input_shape = given.shape[1:]
        need(given.shape[0] == 1 and self.input_shape[2] == 3, "it takes no pictures in colour")
        self.memory = 0
        self.output_shapes = [shape[1:] for shape in self.check(1)]

    def check(self, pictures: int) -> list[Shape]:
        """Makes sure that it may be run on so many pictures at once.

        Returns:
            The shapes of its outputs.

        Raises:
            GraphError: It may not.
        """
        given = Value((pictures, *self.input_shape))
        values = {**self._constants, self._input: given}
        budget = _Budget(count_of(given.shape[:3]))
        budget.hold(given)
        for place, step in enumerate(self._steps):
            try:
                gives = self._run(step, values, budget)
            except GraphError as error:
                raise GraphError(f"operation {place}, {step.kind.name}: {error}") from None
            values.update(zip(step.outputs, gives, strict=True))
            for number in self._done_with[place]:
                budget.drop(values[number])
        self.memory = budget.most_held
        made = [values.get(number) for number in self._outputs]
        for value in made:
            need(value is not None and value.kind == FLOAT32, "it gives what it has not made")
        shapes = [value.shape for value in made if value is not None]
        need(all(shape[:1] == (pictures,) for shape in shapes), f"it gives {shapes}")
        return shapes

    def _run(self, step: _Step, values: dict[int, Value], budget: _Budget) -> list[Value]:
        """What a step gives, which has to be what the file says."""
        given = [values[number] for number in step.inputs if number in values]
        need(len(given) == len(step.inputs), "it takes what isn't there yet")
        need(not all(value.constant for value in given), "all that it takes is in the file")
        gives = step.kind.rule(given, step.options)
        need(len(gives) == len(step.outputs), f"it gives {len(step.outputs)} tensors")
        if step.kind.effort is not None:
            budget.spend(*step.kind.effort(given, gives, step.options))
        made = []
        for number, value in zip(step.outputs, gives, strict=True):
            need(number not in values, "it gives what is there already")
            tensor = self._tensors[number]
            if value.kind == ANY:
                value = Value(value.shape, tensor.kind)
            need(value.kind == tensor.kind, f"it gives {TYPES[value.kind]}")
            need(_agree(value.shape, tensor), f"it gives {value.shape} and not {tensor.shape}")
            if len(value.shape) == 1 and value.numbers is not None:
                need(len(value.numbers) <= FEW, "it gives many integers")
            budget.hold(value)
            made.append(value)
        return made


class _Step(Struct, frozen=True):
    """An operation with the rules of its kind."""

    kind: Kind
    options: Options
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def allowed_bytes(pixels: int) -> int:
    """What so many pixels, of one picture or of several, may take while a network is run."""
    return _BYTES_ANYWAY + _BYTES_A_PIXEL * pixels


class _Budget:
    """The memory and the time that some pictures may take.

    Args:
        pixels: How many they have together.

    Attributes:
        most_held: Bytes that were taken at once so far.
    """

    def __init__(self, pixels: int) -> None:
        self._bytes = allowed_bytes(pixels)
        self._work = _WORK_ANYWAY + _WORK_A_PIXEL * pixels
        self._held = self.most_held = 0

    def hold(self, value: Value) -> None:
        """Room for a tensor, and the time to fill it."""
        count = count_of(value.shape)
        self._held += count * SIZES[value.kind]
        self.spend(count, 0)

    def drop(self, value: Value) -> None:
        """A tensor is no longer needed."""
        self._held -= count_of(value.shape) * SIZES[value.kind]

    def spend(self, multiplications: int, beside: int) -> None:
        """What an operation takes, and gives back but for the time.

        Raises:
            GraphError: It is more than there is.
        """
        self._work -= multiplications
        self.most_held = max(self.most_held, self._held + beside)
        if self._held + beside > self._bytes:
            raise GraphError(f"it takes {self._held + beside} bytes, and {self._bytes} are allowed")
        need(self._work >= 0, "it takes longer than any network for such pictures")


def _step(operation: Operation) -> _Step:
    kind = KINDS.get(operation.code)
    if kind is None:
        raise GraphError(f"its operation {operation.code} is not known here")
    inputs = operation.inputs
    if kind.left_out and len(inputs) == kind.left_out and inputs[-1] == -1:
        inputs = inputs[:-1]
    elif kind.left_out:
        need(len(inputs) == kind.left_out, f"{kind.name} takes {len(inputs)} tensors")
    need(-1 not in inputs and len(inputs) > 0, f"{kind.name} lacks what it takes")
    need(len(operation.outputs) > 0, f"{kind.name} gives nothing")
    try:
        options = read_options(operation.options, operation.options_kind, kind.options)
    except GraphError as error:
        raise GraphError(f"{kind.name}: {error}") from None
    return _Step(kind, options, inputs, operation.outputs)


def _done_with(steps: list[_Step], kept: set[int]) -> list[list[int]]:
    """For each step, the tensors that no later one takes; some are kept anyway."""
    last: dict[int, int] = {}
    for place, step in enumerate(steps):
        last.update(dict.fromkeys((*step.inputs, *step.outputs), place))
    done: list[list[int]] = [[] for _ in steps]
    for number, place in last.items():
        if number not in kept:
            done[place].append(number)
    return done


def _agree(shape: Shape, tensor: Tensor) -> bool:
    """Whether a shape is what the file says, which says 1 where it depends on the pictures."""
    if len(shape) != len(tensor.shape):
        return False
    if not tensor.changes:
        return shape == tensor.shape
    return all(
        side == declared or (changes and declared == 1)
        for side, declared, changes in zip(shape, tensor.shape, tensor.changes, strict=True)
    )
