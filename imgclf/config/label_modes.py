"""Which form of the labels each loss and each metric of Keras can be computed with."""

from __future__ import annotations

from collections.abc import Collection

from imgclf.config.choices import LabelMode
from imgclf.config.keras_names import BY_OUTPUT

_BINARY: frozenset[LabelMode] = frozenset(["binary"])
_MULTI_LABEL: frozenset[LabelMode] = frozenset(["multi_label"])
_INT: frozenset[LabelMode] = frozenset(["int"])
_ONE_HOT: frozenset[LabelMode] = frozenset(["categorical"])
_EITHER = _BINARY | _ONE_HOT
_ALL = _EITHER | _INT | _MULTI_LABEL
_NONE: frozenset[LabelMode] = frozenset()

# What a config that gives no loss is trained by.
DEFAULT_LOSS: dict[LabelMode, str] = {
    "binary": "BinaryCrossentropy",
    "int": "SparseCategoricalCrossentropy",
    "categorical": "CategoricalCrossentropy",
    "multi_label": "BinaryCrossentropy",
}
FOCAL_LOSSES = ("BinaryFocalCrossentropy", "CategoricalFocalCrossentropy")
SMOOTHED_LOSSES = (
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    *FOCAL_LOSSES,
)
"""Those whose labels can be smoothed."""

# In words, for a message.
LABELS: dict[LabelMode, str] = {
    "binary": "labels of 0 and 1",
    "int": "labels that are class numbers",
    "categorical": "one-hot labels",
    "multi_label": "labels of 0 and 1 for each class",
}

_LOSS_LABELS: dict[str, frozenset[LabelMode]] = {
    **dict.fromkeys(("BinaryCrossentropy", "BinaryFocalCrossentropy"), _BINARY | _MULTI_LABEL),
    **dict.fromkeys(("Hinge", "SquaredHinge"), _BINARY),
    **dict.fromkeys(("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy"), _INT),
    **dict.fromkeys(
        (
            "CategoricalCrossentropy",
            "CategoricalFocalCrossentropy",
            "CategoricalHinge",
            "KLDivergence",
            "CosineSimilarity",
        ),
        _ONE_HOT,
    ),
    **dict.fromkeys(
        (
            "MeanSquaredError",
            "MeanAbsoluteError",
            "MeanSquaredLogarithmicError",
            "Huber",
            "LogCosh",
            "Poisson",
            "Dice",
            "Tversky",
        ),
        _EITHER,
    ),
    **dict.fromkeys(BY_OUTPUT["losses"], _ALL),
    **dict.fromkeys(("Circle", "CTC", "MeanAbsolutePercentageError"), _NONE),
}
# Those that no labels of pictures go with, and why.
NO_LOSS_HERE = {
    "Circle": "it compares embeddings, and a classifier puts out probabilities",
    "CTC": "it is for sequences",
    "MeanAbsolutePercentageError": "it divides by the label, which is 0 for the first class",
}

_METRIC_LABELS: dict[str, frozenset[LabelMode]] = {
    **dict.fromkeys(BY_OUTPUT["metrics"], _ALL),
    **dict.fromkeys(("BinaryAccuracy", "BinaryCrossentropy"), _BINARY | _MULTI_LABEL),
    **dict.fromkeys(("BinaryIoU", "Hinge", "SquaredHinge"), _BINARY),
    # Those that count answers of yes and no, whatever class they are to.
    **dict.fromkeys(
        (
            *("AUC", "F1Score", "FBetaScore", "Precision", "Recall", "MeanSquaredError"),
            *("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"),
            *("PrecisionAtRecall", "RecallAtPrecision"),
            *("SensitivityAtSpecificity", "SpecificityAtSensitivity"),
        ),
        _EITHER | _MULTI_LABEL,
    ),
    **dict.fromkeys(
        (
            "SparseCategoricalAccuracy",
            "SparseCategoricalCrossentropy",
            "SparseTopKCategoricalAccuracy",
            "IoU",
            "MeanIoU",
        ),
        _INT,
    ),
    **dict.fromkeys(
        (
            "CategoricalAccuracy",
            "CategoricalCrossentropy",
            "CategoricalHinge",
            "TopKCategoricalAccuracy",
            "OneHotIoU",
            "OneHotMeanIoU",
            # Over the classes of one picture; one unit has nothing to compare.
            "ConcordanceCorrelation",
            "CosineSimilarity",
            "KLDivergence",
            "PearsonCorrelation",
        ),
        _ONE_HOT,
    ),
    "Accuracy": _NONE,
}
NO_METRIC_HERE = {
    "Accuracy": "it asks whether probabilities equal labels exactly; write `accuracy`"
}


# Beside those that want class numbers.
_NO_LOSS_OF_MIXED = ("Hinge", "SquaredHinge", "CategoricalHinge")


def takes_mixed_labels(loss: str) -> bool:
    """Whether a loss says something of a picture that is part one class and part another."""
    return loss not in _NO_LOSS_OF_MIXED and modes_of_loss(loss) != _INT


def modes_of_loss(name: str) -> frozenset[LabelMode]:
    """The forms of labels that a loss can be computed with."""
    return _LOSS_LABELS.get(name, _EITHER)


def modes_of_metric(name: str) -> frozenset[LabelMode]:
    """The forms of labels that a metric can be computed with."""
    return _METRIC_LABELS.get(name, _EITHER)


def losses_for(modes: Collection[LabelMode]) -> str:
    """The losses that labels of one of these forms go with, for a message."""
    return ", ".join(
        name
        for name, fits in _LOSS_LABELS.items()
        if fits & set(modes) and name not in BY_OUTPUT["losses"]
    )
