"""Features brought to mean 0 and like variances, in which a penalty means the same to each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgclf.model.logistic_regression import LinearHead

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureSpace:
    """Standardized features, and heads on them with a column for each class.

    Attributes:
        mean: Shape (features,).
        deviation: Likewise.
    """

    mean: _Floats
    deviation: _Floats

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> FeatureSpace:
        """The space of these features, shape (pictures, features)."""
        values = values.astype(np.float32)
        mean = values.mean(axis=0, dtype=np.float64)
        variance = np.square(values - mean.astype(np.float32)).mean(axis=0, dtype=np.float64)
        # As in training, and for the same reason: see `feature_moments`.
        deviation = np.sqrt(variance + variance.mean())
        return cls(mean, np.where(deviation > 0, deviation, 1.0))  # all alike: nothing to learn by

    def standardized(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Float32, shape (..., features), for features as they are."""
        shift, scale = self.mean.astype(np.float32), (1 / self.deviation).astype(np.float32)
        result: NDArray[np.float32] = (features.astype(np.float32) - shift) * scale
        return result

    def head(self, kernel: _Floats, bias: _Floats) -> LinearHead:
        """A layer for features as they are, with a column for each class.

        A sigmoid's one logit becomes two, of which the difference counts.
        """
        bias, kernel = bias + self.mean @ kernel, kernel * self.deviation[:, np.newaxis]
        if len(bias) == 1:
            kernel, bias = (
                np.concatenate([-kernel, kernel], axis=1) / 2,
                np.array([-1, 1]) * bias / 2,
            )
        return LinearHead(kernel.astype(np.float32), bias.astype(np.float32))

    def layer(self, head: LinearHead, units: int) -> tuple[_Floats, _Floats]:
        """The other way round: kernel and bias of a layer with so many units."""
        kernel, bias = head.weights.astype(np.float64), head.biases.astype(np.float64)
        if units == 1:
            kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
        kernel = kernel / self.deviation[:, np.newaxis]
        return kernel, bias - self.mean @ kernel
