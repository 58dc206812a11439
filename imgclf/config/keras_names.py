"""Which of Keras's names may stand in a config, and what a word there means.

Optimizers, losses, metrics and the small objects inside of arguments may also be written in
Keras's own lower-case form (`adam`, `mse`, `he_normal`), and mean what they mean to Keras.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from imgclf.config.keras_signatures import Kind, exports

CODE_LAYERS = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "FlaxLayer", "JaxLayer")
"""Layers that hold code, or a program of their own, where others hold numbers."""

RESIDUAL = "Residual"
"""A branch beside a shortcut, which is no class of Keras's: see `imgclf.model.chain`."""

MIXING = ("MixUp", "CutMix")
"""Layers that have to change the labels along with the pictures: see `imgclf.data.mixing`."""

_RUNS_CODE = "it runs code, or a program of its own, that a model file can't carry safely"
_ONE_CHAIN = (
    f"it takes several inputs, and layers follow each other here; {RESIDUAL} adds to its own"
)
_BASE = "it is a base class for Python code and does nothing by itself"
_TAKES_CODE = "it takes Python objects that a config can't express"

FORBIDDEN: Mapping[Kind, Mapping[str, str]] = {
    "layers": {
        **dict.fromkeys(CODE_LAYERS, _RUNS_CODE),
        **dict.fromkeys(("Input", "InputLayer"), "the input follows from data.image_size"),
        **dict.fromkeys(
            (
                "Add",
                "Average",
                "Concatenate",
                "Dot",
                "Maximum",
                "Minimum",
                "Multiply",
                "Subtract",
                "Attention",
                "AdditiveAttention",
                "MultiHeadAttention",
                "GroupQueryAttention",
            ),
            _ONE_CHAIN,
        ),
        "MaxNumBoundingBoxes": "it is for boxes around things, and pictures here have one label",
        "RandomCrop": "it crops in training only, and prediction gets pictures of another size",
        **dict.fromkeys(("Layer", "Wrapper", "InputSpec"), _BASE),
    },
    "optimizers": {
        "Optimizer": _BASE,
        **dict.fromkeys(("MultiOptimizer", "OptimizerMap"), _TAKES_CODE),
    },
    "schedules": {"LearningRateSchedule": _BASE},
    "losses": {"Loss": _BASE},
    "metrics": {
        "Metric": _BASE,
        "MeanMetricWrapper": _TAKES_CODE,
        **dict.fromkeys(("Mean", "Sum"), "it averages given values and knows nothing of labels"),
    },
    "callbacks": {
        "Callback": f"{_BASE}; a callback of your own is `module:Class` or `file.py:Class`",
        "CallbackList": "it is made by Keras to hold the others",
    },
    "initializers": {"Initializer": _BASE},
    "regularizers": {"Regularizer": _BASE},
    "constraints": {"Constraint": _BASE},
}

# Short forms that Keras's `get` functions know beside the names themselves.
_SHORT_METRICS = {
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "bce": "BinaryCrossentropy",
}
_SHORT_LOSSES = {**_SHORT_METRICS, "kld": "KLDivergence"}
_SHORT_INITIALIZERS = {
    "normal": "RandomNormal",
    "uniform": "RandomUniform",
    "one": "Ones",
    "zero": "Zeros",
}

# Words that Keras settles when it sees labels and outputs.
BY_OUTPUT: Mapping[Kind, tuple[str, ...]] = {
    "metrics": ("accuracy", "acc"),
    "losses": ("crossentropy", "ce"),
}

SINGULAR: Mapping[Kind, str] = {
    "layers": "layer",
    "optimizers": "optimizer",
    "schedules": "learning rate schedule",
    "losses": "loss",
    "metrics": "metric",
    "callbacks": "callback",
    "initializers": "initializer",
    "regularizers": "regularizer",
    "constraints": "constraint",
    "activations": "activation",
}


@cache
def class_names(kind: Kind) -> tuple[str, ...]:
    """The classes of a kind that may be used, in alphabetical order."""
    refused = FORBIDDEN.get(kind, {})
    return tuple(sorted(n for n in exports(kind) if n[0].isupper() and n not in refused))


@cache
def function_names(kind: Kind) -> tuple[str, ...]:
    """The lower-case names that Keras exports beside the classes: functions and aliases."""
    helpers = ("get", "serialize", "deserialize")
    return tuple(sorted(n for n in exports(kind) if n[0].islower() and n not in helpers))


def resolve(kind: Kind, word: str) -> tuple[str, str | None] | None:
    """What a name means.

    Returns:
        The class to build, or a word of `BY_OUTPUT`, or an activation function; and the name
        that Keras gives to a metric written as a string, else None. None for an unknown word.
    """
    if word in BY_OUTPUT.get(kind, ()):
        return word, None
    if kind == "activations":
        return (word, None) if word in function_names(kind) else None
    if word in class_names(kind):
        return word, None
    if kind == "optimizers":
        found = {name.lower(): name for name in class_names(kind)}.get(word.lower())
    elif kind == "losses":
        found = _SHORT_LOSSES.get(word.lower() if word.isupper() else word)
        if found is None and word in function_names(kind):
            found = {name.lower(): name for name in class_names(kind)}.get(word.replace("_", ""))
    elif kind == "metrics":
        found = _SHORT_METRICS.get(word.lower() if word.isupper() else word)
        found = found or {snake_case(name): name for name in class_names(kind)}.get(word)
        return (found, word) if found else None
    elif kind == "initializers" and word in _SHORT_INITIALIZERS:
        found = _SHORT_INITIALIZERS[word]
    elif kind in ("initializers", "regularizers", "constraints"):
        found = {snake_case(name): name for name in class_names(kind)}.get(word)
        if found is None and word in function_names(kind):
            found = exports(kind)[word][1]  # `l1_l2`, an alias that Keras's own `get` doesn't know
    else:
        found = None
    return (found, None) if found else None


@cache
def words(kind: Kind) -> Mapping[str, str]:
    """The words that `resolve` knows and what they mean; of optimizers not those in capitals."""
    short = (*_SHORT_LOSSES, *_SHORT_METRICS, *_SHORT_INITIALIZERS)
    known = [*suggestions(kind), *function_names(kind), *short, *map(str.upper, short)]
    known += [form(name) for name in class_names(kind) for form in (str.lower, snake_case)]
    found = {word: resolve(kind, word) for word in known}
    return {word: meant[0] for word, meant in found.items() if meant is not None}


@cache
def suggestions(kind: Kind) -> tuple[str, ...]:
    """Everything that a misspelt word could have meant."""
    names = class_names(kind) + BY_OUTPUT.get(kind, ())
    if kind == "layers":
        names += (RESIDUAL,)
    if kind in ("losses", "activations", "regularizers", "constraints", "initializers"):
        names += function_names(kind)
    if kind in ("metrics", "optimizers"):
        names += tuple(snake_case(name) for name in class_names(kind))
    return names


def a(noun: str) -> str:
    """The noun with its article."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def snake_case(name: str) -> str:
    """Keras's own rule: BinaryCrossentropy, binary_crossentropy; AUC, auc; L1L2, l1_l2."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
