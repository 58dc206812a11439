"""The operations that networks for pictures come to, and the rules of what each gives.

The list was found by converting the layers and functions of Keras that take pictures, and the
networks of `keras.applications`. An operation that isn't there makes a graph unknown: its model
is answered for by Keras. The codes are those of the file's schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from imgclf.litert import elementwise, layout, windows
from imgclf.litert.options import Options
from imgclf.litert.values import Given

_Rule: TypeAlias = Callable[[Given, Options], Given]
_Effort: TypeAlias = Callable[[Given, Given, Options], tuple[int, int]]


class Kind(Struct, frozen=True):
    """A kind of operation.

    Attributes:
        name: For people.
        options: The code of the table of its options, 0 if it has none.
        rule: What it gives for what it is given; raises GraphError if it can't be given that.
        effort: Multiplications and bytes that it takes; None if it is no more than it gives.
        left_out: How many tensors it takes, of which the last may be left out; 0 if none may.
    """

    name: str
    options: int
    rule: _Rule
    effort: _Effort | None = None
    left_out: int = 0


KINDS: Final[Mapping[int, Kind]] = {
    0: Kind("ADD", 11, elementwise.combined),
    1: Kind("AVERAGE_POOL_2D", 5, windows.pooling, windows.effort),
    2: Kind("CONCATENATION", 10, layout.concatenated),
    3: Kind("CONV_2D", 1, windows.convolution, windows.effort),
    4: Kind("DEPTHWISE_CONV_2D", 2, windows.depthwise_convolution, windows.effort),
    8: Kind("FLOOR", 0, elementwise.alike),
    9: Kind("FULLY_CONNECTED", 8, windows.dense, windows.effort, left_out=3),
    14: Kind("LOGISTIC", 0, elementwise.alike),
    17: Kind("MAX_POOL_2D", 5, windows.pooling, windows.effort),
    18: Kind("MUL", 21, elementwise.combined),
    19: Kind("RELU", 0, elementwise.alike),
    20: Kind("RELU_N1_TO_1", 0, elementwise.alike),
    21: Kind("RELU6", 0, elementwise.alike),
    22: Kind("RESHAPE", 0, layout.reshaped),
    23: Kind("RESIZE_BILINEAR", 15, windows.resized),
    25: Kind("SOFTMAX", 9, elementwise.rows),
    28: Kind("TANH", 0, elementwise.alike),
    34: Kind("PAD", 22, layout.padded),
    36: Kind("GATHER", 23, layout.gathered),
    37: Kind("BATCH_TO_SPACE_ND", 0, layout.from_batch),
    38: Kind("SPACE_TO_BATCH_ND", 0, layout.to_batch),
    39: Kind("TRANSPOSE", 26, layout.transposed),
    40: Kind("MEAN", 27, elementwise.reduced),
    41: Kind("SUB", 28, elementwise.combined),
    42: Kind("DIV", 29, elementwise.combined),
    45: Kind("STRIDED_SLICE", 32, layout.sliced),
    47: Kind("EXP", 33, elementwise.alike),
    49: Kind("SPLIT", 35, layout.divided),
    50: Kind("LOG_SOFTMAX", 36, elementwise.rows),
    53: Kind("CAST", 0, elementwise.cast),
    54: Kind("PRELU", 0, elementwise.leaky),
    55: Kind("MAXIMUM", 0, elementwise.combined),
    57: Kind("MINIMUM", 0, elementwise.combined),
    58: Kind("LESS", 0, elementwise.compared),
    59: Kind("NEG", 42, elementwise.alike),
    60: Kind("PADV2", 43, layout.padded_with),
    61: Kind("GREATER", 0, elementwise.compared),
    62: Kind("GREATER_EQUAL", 0, elementwise.compared),
    63: Kind("LESS_EQUAL", 0, elementwise.compared),
    65: Kind("SLICE", 0, layout.cut_out),
    66: Kind("SIN", 0, elementwise.alike),
    67: Kind("TRANSPOSE_CONV", 49, windows.transposed_convolution, windows.effort),
    69: Kind("TILE", 0, layout.repeated),
    70: Kind("EXPAND_DIMS", 52, layout.with_axis),
    71: Kind("EQUAL", 0, elementwise.compared),
    72: Kind("NOT_EQUAL", 0, elementwise.compared),
    73: Kind("LOG", 0, elementwise.alike),
    74: Kind("SUM", 27, elementwise.reduced),
    75: Kind("SQRT", 0, elementwise.alike),
    76: Kind("RSQRT", 0, elementwise.alike),
    77: Kind("SHAPE", 55, layout.shape_of),
    78: Kind("POW", 0, elementwise.paired),
    81: Kind("REDUCE_PROD", 27, elementwise.multiplied),
    82: Kind("REDUCE_MAX", 27, elementwise.reduced),
    83: Kind("PACK", 59, layout.packed),
    84: Kind("LOGICAL_OR", 0, elementwise.both),
    86: Kind("LOGICAL_AND", 0, elementwise.both),
    89: Kind("REDUCE_MIN", 27, elementwise.reduced),
    92: Kind("SQUARE", 66, elementwise.alike),
    93: Kind("ZEROS_LIKE", 67, elementwise.alike),
    97: Kind("RESIZE_NEAREST_NEIGHBOR", 74, windows.resized),
    98: Kind("LEAKY_RELU", 75, elementwise.alike),
    99: Kind("SQUARED_DIFFERENCE", 0, elementwise.paired),
    100: Kind("MIRROR_PAD", 77, layout.mirrored),
    101: Kind("ABS", 0, elementwise.alike),
    104: Kind("CEIL", 0, elementwise.alike),
    105: Kind("REVERSE_V2", 0, layout.reversed_),
    108: Kind("COS", 0, elementwise.alike),
    111: Kind("ELU", 0, elementwise.alike),
    116: Kind("ROUND", 0, elementwise.alike),
    117: Kind("HARD_SWISH", 0, elementwise.alike),
    123: Kind("SELECT_V2", 98, elementwise.selected),
    126: Kind("BATCH_MATMUL", 101, windows.matrix_product, windows.effort),
    130: Kind("BROADCAST_TO", 0, layout.stretched),
    150: Kind("GELU", 116, elementwise.alike),
    152: Kind("RELU_0_TO_1", 0, elementwise.alike),
    158: Kind("SIGN", 0, elementwise.alike),
}
