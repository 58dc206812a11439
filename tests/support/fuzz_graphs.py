"""Runs LiteRT graphs that were changed; by test_fuzz.py and benchmarks/fuzz_graphs.py.

    python -m tests.support.fuzz_graphs GRAPH SEED FIRST LAST

Each graph is what a hostile author could put in place of a model's own, the hash in the manifest
set right again: types, shapes, operations, options, constants, the wiring, and any bytes. Those
that pass the check are run. Prints a line for each: its number, what came of it, and the most
memory that the process has held so far, in MB. Anything else is a traceback here, and a crash ends
the process.
"""

from __future__ import annotations

import copy
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from imgclf.errors import ModelFileError
from imgclf.litert import check
from imgclf.litert.flatbuffer import GraphError
from imgclf.model.litert_graph import LiteRTGraph
from tests.support.graphs import packed, unpacked

ROOT = Path(__file__).parents[2]
ODD = [0, 1, -1, 2, 3, 7, 127, 255, 4096, 8191, 65535, 65536, 2**31 - 1, -(2**31)]
CUSTOM = [b"Mfcc", b"AudioSpectrogram", b"TFLite_Detection_PostProcess", b"FlexConv2D", b""]
SMALL = 1024  # bytes: larger buffers are weights, in which any number may be
IN_A_PROCESS = 250
SECONDS = 600
MOST_MB = 1024


def _number(random_: random.Random, now: int) -> int:
    return random_.choice([now + 1, now - 1, now * 2, random_.choice(ODD)])


def _fits(value: int, bits: int, signed: bool) -> int:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return max(low, min(high, value))


def other_type(model: Any, random_: random.Random) -> None:
    random_.choice(model.subgraphs[0].tensors).type = random_.randrange(22)


def other_shape(model: Any, random_: random.Random) -> None:
    tensor = random_.choice(model.subgraphs[0].tensors)
    name = random_.choice(["shape", "shape", "shapeSignature"])
    sides = list(map(int, getattr(tensor, name) if getattr(tensor, name) is not None else []))
    change = random_.random()
    if sides and change < 0.7:
        at = random_.randrange(len(sides))
        sides[at] = _fits(_number(random_, sides[at]), 32, True)
    elif sides and change < 0.8:
        del sides[random_.randrange(len(sides))]
    elif change < 0.9:
        sides.insert(random_.randrange(len(sides) + 1), random_.choice([1, 1, 2, 65536]))
    else:
        sides = [65536, 65536]
    setattr(tensor, name, sides)


def other_code(model: Any, random_: random.Random) -> None:
    """One operation becomes another, or all of its kind do."""
    operation = random_.choice(model.subgraphs[0].operators)
    code = copy.deepcopy(model.operatorCodes[operation.opcodeIndex])
    change = random_.random()
    if change < 0.15:
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = random_.choice(CUSTOM)
    elif change < 0.3:
        code.version = _fits(_number(random_, code.version), 32, True)
    else:
        known = list(check.KINDS) if change < 0.7 else range(210)
        code.builtinCode = random_.choice(list(known))
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    model.operatorCodes.append(code)
    operation.opcodeIndex = len(model.operatorCodes) - 1


def other_options(model: Any, random_: random.Random) -> None:
    operation = random_.choice(model.subgraphs[0].operators)
    options = operation.builtinOptions
    if options is None or random_.random() < 0.1:
        others = [one for one in model.subgraphs[0].operators if one.builtinOptions is not None]
        if others:
            other = random_.choice(others)
            operation.builtinOptionsType = other.builtinOptionsType
            operation.builtinOptions = copy.deepcopy(other.builtinOptions)
        return
    numbers = [name for name, value in vars(options).items() if isinstance(value, (bool, int))]
    if numbers:
        name = random_.choice(numbers)
        now = getattr(options, name)
        large = any(word in name for word in ("stride", "filter", "dilation", "axis", "Mask"))
        larger = large or any(word in name for word in ("Count", "Multiplier", "num", "values"))
        value = _fits(_number(random_, int(now)), 32 if larger else 7, larger)
        setattr(options, name, bool(value) if isinstance(now, bool) else value)


def other_wiring(model: Any, random_: random.Random) -> None:
    graph = random_.choice(model.subgraphs)
    owner = random_.choice([*graph.operators, graph])
    name = random_.choice(["inputs", "outputs"])
    numbers = list(map(int, getattr(owner, name)))
    change = random_.random()
    anything = random_.choice([random_.randrange(len(graph.tensors)), *ODD, len(graph.tensors)])
    if numbers and change < 0.7:
        numbers[random_.randrange(len(numbers))] = anything
    elif numbers and change < 0.85:
        del numbers[random_.randrange(len(numbers))]
    else:
        numbers.append(anything)
    setattr(owner, name, numbers)


def other_order(model: Any, random_: random.Random) -> None:
    operators = model.subgraphs[0].operators
    one, other = random_.randrange(len(operators)), random_.randrange(len(operators))
    operators[one], operators[other] = operators[other], operators[one]


def other_buffer(model: Any, random_: random.Random) -> None:
    change = random_.random()
    if change < 0.3:
        tensor = random_.choice(model.subgraphs[0].tensors)
        tensor.buffer = random_.choice([random_.randrange(len(model.buffers)), 0, 2**32 - 1])
        return
    holding = [one for one in model.buffers if one.data is not None and len(one.data)]
    buffer = random_.choice(holding)
    data = bytearray(bytes(buffer.data))
    if change < 0.5:
        del data[random_.randrange(len(data)) :]
    elif change < 0.6:
        data += random_.randbytes(random_.choice([1, 4, 64]))
    elif change < 0.65:
        buffer.offset, buffer.size = random_.choice([1, 2**40]), random_.choice([1, 2**40])
    buffer.data = np.frombuffer(bytes(data), np.uint8)


def other_integers(model: Any, random_: random.Random) -> None:
    """A constant that says a shape, or what is to be done to one."""
    tensors = model.subgraphs[0].tensors
    holding = [
        model.buffers[one.buffer]
        for one in tensors
        if one.type == schema.TensorType.INT32
        and one.buffer < len(model.buffers)
        and model.buffers[one.buffer].data is not None
        and len(model.buffers[one.buffer].data) >= 4
    ]
    if holding:
        buffer = random_.choice(holding)
        numbers = np.frombuffer(bytes(buffer.data)[: len(buffer.data) // 4 * 4], np.int32).copy()
        at = random_.randrange(len(numbers))
        numbers[at] = _fits(_number(random_, int(numbers[at])), 32, True)
        buffer.data = numbers.view(np.uint8)


def other_kind(model: Any, random_: random.Random) -> None:
    """What networks in float32 for pictures don't have."""
    tensor = random_.choice(model.subgraphs[0].tensors)
    change = random_.randrange(6)
    if change == 0:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [0.5], [3]
    elif change == 1:
        tensor.isVariable = True
    elif change == 2:
        tensor.sparsity = schema.SparsityParametersT()
        tensor.sparsity.traversalOrder = [random_.choice(ODD)]
        tensor.sparsity.blockMap = [0]
    elif change == 3:
        model.subgraphs.append(copy.deepcopy(model.subgraphs[0]))
    elif change == 4 and model.metadata:
        entry = random_.choice(model.metadata)
        entry.buffer = random_.choice([0, 2**32 - 1])
        entry.name = random_.choice([entry.name, b"model_control_dependencies"])
    else:
        model.version = random_.choice([0, 1, 2, 4])


CHANGES: list[Callable[[Any, random.Random], None]] = [
    other_type,
    other_shape,
    other_code,
    other_code,
    other_options,
    other_options,
    other_wiring,
    other_order,
    other_buffer,
    other_integers,
    other_integers,
    other_kind,
]


class _Lenient(check.CheckedGraph):
    """Works out the shapes, whatever the file says of them."""

    def _run(self, step: Any, values: Any, budget: Any) -> Any:
        self.found = getattr(self, "found", {})
        given = [values[number] for number in step.inputs]
        gives = step.kind.rule(given, step.options)
        for number, value in zip(step.outputs, gives, strict=True):
            self.found.setdefault(number, value)
            tensor = self._tensors[number]
            kind = tensor.kind if value.kind == check.ANY else value.kind
            self._tensors[number] = check.Tensor(
                value.shape, (), kind, tensor.constant, tensor.numbers
            )
        return super()._run(step, values, budget)


def repaired(model: Any) -> None:
    """Sets all shapes and types to what follows, so that the check lets more of them pass."""
    try:
        found = _Lenient(packed(model)).found
    except (GraphError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return
    for number, value in found.items():
        tensor = model.subgraphs[0].tensors[number]
        tensor.shape = list(value.shape)
        if value.kind != check.ANY:
            tensor.type = value.kind
        if tensor.shapeSignature is not None and len(tensor.shapeSignature):
            tensor.shapeSignature = [-1, *value.shape[1:]]


def flipped(content: bytes, where: list[int], random_: random.Random) -> bytes:
    """Some bytes or numbers changed outside of the weights, or the end cut off."""
    changed = bytearray(content)
    for _ in range(random_.choice([1, 1, 1, 2, 4, 30])):
        at = random_.choice(where)
        if random_.random() < 0.5:
            changed[at] = random_.randrange(256)
        else:
            at -= at % 4
            number = random_.choice([*ODD, len(content), at, -at, random_.randrange(2**32)])
            changed[at : at + 4] = (number & 0xFFFFFFFF).to_bytes(4, "little")
    if random_.random() < 0.02:
        del changed[random_.randrange(len(changed)) :]
    return bytes(changed)


def outside_of_weights(content: bytes) -> list[int]:
    """Places of all bytes that are no weights, and of some that are."""
    flags = np.ones(len(content), bool)
    for buffer in unpacked(content).buffers:
        if buffer.data is not None and len(buffer.data) > SMALL:
            begin = content.find(bytes(buffer.data))
            flags[begin + 64 : begin + len(buffer.data)] = False
    return [int(place) for place in np.flatnonzero(flags)]


def changed(content: bytes, where: list[int], random_: random.Random) -> bytes:
    """One of the graphs."""
    if random_.random() < 0.4:
        return flipped(content, where, random_)
    model = unpacked(content)
    for _ in range(random_.choice([1, 1, 1, 1, 2, 3])):
        random_.choice(CHANGES)(model, random_)
    if random_.random() < 0.5:
        repaired(model)
    return packed(model)


def outcome(content: bytes, ranks: tuple[int, ...]) -> str:
    """What comes of a graph: refused, damaged, can't be run, or run."""
    try:
        graph = LiteRTGraph(content, ranks)
    except GraphError as error:
        assert str(error)
        return "refused"
    except ValueError as error:
        assert str(error)
        return "damaged"
    try:
        for count in (1, 3):
            pictures = np.random.default_rng(0).integers(0, 256, (count, *graph.input_shape))
            list(graph.run(pictures.astype(np.uint8)))
    except ModelFileError as error:
        assert str(error)
        return "can't be run"
    return "run"


def _most_held() -> int:
    """In KB, by this process alone: `ru_maxrss` has what its parent held when it was started."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def main(path: Path, seed: str, first: int, last: int) -> None:
    content = path.read_bytes()
    where = outside_of_weights(content)
    ranks = tuple(len(shape) + 1 for shape in check.CheckedGraph(content).output_shapes)
    for number in range(first, last):
        try:
            graph = changed(content, where, random.Random(f"{seed} {number}"))
        except (OverflowError, ValueError, TypeError):  # no such FlatBuffer can be written
            print(number, "not written", 0, flush=True)
            continue
        print(number, end=" ", flush=True)
        found = outcome(graph, ranks)
        held = _most_held() // 1024
        print(found.replace(" ", "_"), held, flush=True)


@dataclass
class Fuzzed:
    """What came of changed graphs."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    most_mb: int = 0


def fuzz(graph: Path, seed: str, count: int) -> Fuzzed:
    """Runs so many changed graphs in processes, of which each may die."""
    result = Fuzzed()
    for first, last, lines, ended in _processes(graph, seed, count):
        seen = first
        for line in lines:
            number, *rest = line.split()
            seen = int(number)
            if len(rest) == 2:
                result.outcomes[rest[0]] += 1
                result.most_mb = max(result.most_mb, int(rest[1]))
                if int(rest[1]) > MOST_MB:
                    result.faults.append(f"{seen}: {rest[1]} MB")
                    break
            else:
                result.faults.append(f"{seen}: {ended}")
                break
        else:
            if ended:
                result.faults.append(f"{first} to {last}: {ended}")
    return result


def _processes(graph: Path, seed: str, count: int) -> Iterator[tuple[int, int, list[str], str]]:
    first = 0
    while first < count:
        last = min(first + IN_A_PROCESS, count)
        command = [sys.executable, "-m", "tests.support.fuzz_graphs", str(graph.absolute()), seed]
        process = subprocess.Popen(
            [*command, str(first), str(last)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            out, errors = process.communicate(timeout=SECONDS)
            ended = f"status {process.returncode}: {errors[-1500:]}" * bool(process.returncode)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            ended = f"took over {SECONDS} s"
        lines = out.splitlines()
        yield first, last, lines, ended
        done = int(lines[-1].split()[0]) + 1 if lines else last
        first = done if ended else last


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
