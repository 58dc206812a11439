"""Arrays as the parts of a model file that are ours keep them."""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float32]

Size = Annotated[int, Meta(gt=0, le=1 << 31)]


class Numbers(Struct, frozen=True):
    """An array of one or two dimensions, none of them empty, of finite float32.

    Attributes:
        values: Row by row, little-endian.
    """

    shape: Annotated[tuple[Size, ...], Meta(min_length=1, max_length=2)]
    values: bytes

    def __post_init__(self) -> None:
        if 4 * math.prod(self.shape) != len(self.values):
            raise ValueError(f"{len(self.values)} bytes for an array of shape {self.shape}")
        if not np.isfinite(self.array).all():
            raise ValueError("not all of it are numbers")

    @classmethod
    def of(cls, array: NDArray[np.floating]) -> Numbers:
        """An array of any floats, as float32."""
        return cls(array.shape, np.ascontiguousarray(array, "<f4").tobytes())

    @property
    def array(self) -> Array:
        """The array, which can't be written to."""
        return np.frombuffer(self.values, "<f4").reshape(self.shape)
