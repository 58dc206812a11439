"""The options of operations: which numbers the table of each has, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct as Form
from typing import Final

from msgspec import Struct

from imgclf.litert.flatbuffer import BYTE, FLOAT, SIGNED, SIGNED_BYTE, GraphError, Table

Options = Mapping[str, int]


class _Option(Struct, frozen=True):
    """One number of a table.

    Attributes:
        name: As the rules of the operations have it.
        form: How it is written.
        allowed: What it may be; None for anything.
        default: What it is if it isn't there.
    """

    name: str
    form: Form
    allowed: range | None
    default: int = 0


def _flag(name: str) -> _Option:
    return _Option(name, BYTE, range(2))


def _never(name: str) -> _Option:
    """What other types than float32 have, or other networks than those for pictures."""
    return _Option(name, SIGNED_BYTE, range(1))


def _length(name: str, default: int = 0) -> _Option:
    return _Option(name, SIGNED, range(1, 1 << 13), default)


def _mask(name: str, *, known: bool = True) -> _Option:
    return _Option(name, SIGNED, range(1 << 6) if known else range(1))


_ACTIVATION = _Option("activation", SIGNED_BYTE, range(4))  # none, ReLU, from -1 to 1, from 0 to 6
_SCALE = _Option("scale of int16", BYTE, range(2), 1)
_AXIS = _Option("axis", SIGNED, range(-6, 6))
_WINDOW = (
    _Option("valid", SIGNED_BYTE, range(2)),  # else "same"
    _length("stride_width"),
    _length("stride_height"),
)
_DILATION = (_length("dilation_width", 1), _length("dilation_height", 1))

# By the code of the table, in the order of the file's schema. Tables without numbers may be left
# out by a converter.
_TABLES: Final[Mapping[int, tuple[_Option, ...]]] = {
    1: (*_WINDOW, _ACTIVATION, *_DILATION, _never("bias type")),  # Conv2D
    2: (*_WINDOW, _length("multiplier"), _ACTIVATION, *_DILATION),  # DepthwiseConv2D
    5: (*_WINDOW, _length("width"), _length("height"), _ACTIVATION),  # Pool2D
    8: (  # FullyConnected
        _ACTIVATION,
        _never("weights format"),
        _flag("keeps_dimensions"),
        _never("asymmetric"),
        _never("bias type"),
    ),
    9: (_Option("beta", FLOAT, None),),  # Softmax
    10: (_AXIS, _never("activation")),  # Concatenation
    11: (_ACTIVATION, _SCALE),  # Add
    15: (_never("height"), _never("width"), _flag("corners"), _flag("half")),  # ResizeBilinear
    21: (_ACTIVATION,),  # Mul
    22: (),  # Pad
    23: (_AXIS, _never("batch dimensions")),  # Gather
    26: (),  # Transpose
    27: (_flag("keeps_dimensions"),),  # Reducer
    28: (_ACTIVATION, _SCALE),  # Sub
    29: (_ACTIVATION,),  # Div
    32: (  # StridedSlice
        _mask("begin_mask"),
        _mask("end_mask"),
        _mask("ellipsis mask", known=False),
        _mask("new axis mask", known=False),
        _mask("shrink_mask"),
        _never("offset"),
    ),
    33: (),  # Exp
    35: (_length("parts"),),  # Split
    36: (),  # LogSoftmax
    42: (),  # Neg
    43: (),  # PadV2
    49: (*_WINDOW, _ACTIVATION, _never("bias type")),  # TransposeConv
    52: (),  # ExpandDims
    55: (_Option("type", SIGNED_BYTE, range(2, 3)),),  # Shape, as int32
    59: (_length("count"), _AXIS),  # Pack
    66: (),  # Square
    67: (),  # ZerosLike
    74: (_flag("corners"), _flag("half")),  # ResizeNearestNeighbor
    75: (_Option("alpha", FLOAT, None),),  # LeakyRelu
    77: (_Option("symmetric", SIGNED_BYTE, range(2)),),  # MirrorPad
    98: (),  # SelectV2
    101: (_flag("first_turned"), _flag("second_turned"), _never("asymmetric")),  # BatchMatMul
    116: (_flag("approximate"),),  # Gelu
}


def read_options(table: Table | None, kind: int, wanted: int) -> Options:
    """The options of an operation, by their names.

    Args:
        table: None if it has none.
        kind: The code of the table.
        wanted: The code of the one that it should be; 0 for none.

    Raises:
        GraphError: It is another one, or has options that are not known here.
    """
    options = _TABLES[wanted] if wanted else ()
    if table is None and not options:
        return {}
    if table is None or kind != wanted:
        raise GraphError(f"it has options of kind {kind} and not {wanted}")
    table.only(len(options))
    read = {}
    for field, option in enumerate(options):
        number = table.number(field, option.form, option.default)
        if option.allowed is not None and number not in option.allowed:
            raise GraphError(f"its {option.name.replace('_', ' ')} is {number}")
        read[option.name] = number
    return read
