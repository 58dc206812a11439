"""What each argument of a Keras class may be.

Keras checks little when an object is made: `patience: "2"` trains until it is compared, a
dropout of 1 trains on nothing, an unknown `mode` is a warning. The tables hold the arguments
that would fail late or in silence; for all others the type of the default is telling.
"""

from __future__ import annotations

from typing import Any

from imgclf.config.auto_rate import AUTO
from imgclf.config.callback_catalogue import entry_of
from imgclf.config.keras_names import SINGULAR, a
from imgclf.config.keras_signatures import COMPUTED, REQUIRED, Kind, signature
from imgclf.config.value_checks import (
    Address,
    Anything,
    Character,
    Check,
    Flag,
    Names,
    Null,
    Number,
    Object,
    OneOf,
    PathText,
    Several,
    Text,
    Whole,
    either,
)

_COUNT = Whole(least=0)
_SIZE = Whole(least=1)
_SIZES = either(_SIZE, Several(_SIZE, 1, 3))
_UNIT = Number(least=0, most=1)
_DECAY = Number(least=0, below=1)
_POSITIVE = Number(above=0)
_NOT_NEGATIVE = Number(least=0)
_OPTIONAL_POSITIVE = either(_POSITIVE, Null())
_OPTIONAL_NUMBER = either(Number(), Null())
_VERBOSE = either(Whole(least=0, most=2), Flag())
_MODE = OneOf(("auto", "min", "max"))
_FREQUENCY = either(OneOf(("epoch",)), _SIZE)
_FACTOR = either(Number(), Several(Number(), 2, 2), Null())
_RANGE = Several(Number(), 2, 2)
_INTERPOLATION = OneOf(("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"))

_OWN: dict[tuple[str, str], Check] = {
    ("RandomErasing", "fill_value"): either(Number(), Several(Number(), 3, 3), Null()),
    ("RandAugment", "num_ops"): Whole(least=0, most=100),  # there are eleven
    ("EarlyStopping", "patience"): _COUNT,
    ("EarlyStopping", "mode"): _MODE,
    ("EarlyStopping", "min_delta"): _NOT_NEGATIVE,
    ("EarlyStopping", "start_from_epoch"): _COUNT,
    ("EarlyStopping", "baseline"): _OPTIONAL_NUMBER,
    ("ReduceLROnPlateau", "factor"): Number(above=0, below=1),
    ("ReduceLROnPlateau", "patience"): _COUNT,
    ("ReduceLROnPlateau", "mode"): _MODE,
    ("ReduceLROnPlateau", "min_delta"): _NOT_NEGATIVE,
    ("ReduceLROnPlateau", "cooldown"): _COUNT,
    ("ReduceLROnPlateau", "min_lr"): _NOT_NEGATIVE,
    ("ModelCheckpoint", "filepath"): PathText("a path ending in .keras"),
    ("ModelCheckpoint", "mode"): _MODE,
    ("ModelCheckpoint", "save_freq"): _FREQUENCY,
    ("ModelCheckpoint", "period"): _SIZE,
    ("ModelCheckpoint", "initial_value_threshold"): _OPTIONAL_NUMBER,
    ("OrbaxCheckpoint", "directory"): PathText("a folder"),
    ("OrbaxCheckpoint", "mode"): _MODE,
    ("OrbaxCheckpoint", "save_freq"): _FREQUENCY,
    ("OrbaxCheckpoint", "initial_value_threshold"): _OPTIONAL_NUMBER,
    ("OrbaxCheckpoint", "max_to_keep"): either(_SIZE, Null()),
    ("BackupAndRestore", "backup_dir"): PathText("a folder of its own"),
    ("BackupAndRestore", "save_freq"): _FREQUENCY,
    ("CSVLogger", "filename"): PathText("a file's path"),
    ("CSVLogger", "separator"): Character(),
    ("RemoteMonitor", "root"): Address(),
    ("TensorBoard", "log_dir"): PathText("a folder"),
    ("TensorBoard", "histogram_freq"): _COUNT,
    ("TensorBoard", "embeddings_freq"): _COUNT,
    ("TensorBoard", "update_freq"): either(OneOf(("batch", "epoch")), _SIZE),
    ("TensorBoard", "profile_batch"): either(_COUNT, Several(_SIZE, 2, 2)),
    ("TensorBoard", "embeddings_metadata"): either(Text(), Names(), Null()),
    ("RemoteMonitor", "headers"): either(Names(), Null()),
    ("RandomFlip", "mode"): OneOf(("horizontal", "vertical", "horizontal_and_vertical")),
    ("MixUp", "alpha"): _POSITIVE,
    ("BatchNormalization", "momentum"): _UNIT,
    ("GaussianNoise", "stddev"): _NOT_NEGATIVE,
    ("Rescaling", "scale"): either(Number(), Several(Number())),
    ("Rescaling", "offset"): either(Number(), Several(Number())),
    ("Resizing", "interpolation"): _INTERPOLATION,
    ("UpSampling2D", "interpolation"): _INTERPOLATION,
    **{(f"ZeroPadding{n}D", "padding"): Anything() for n in (1, 2, 3)},
    ("LossScaleOptimizer", "initial_scale"): _POSITIVE,
    ("IntegerLookup", "oov_token"): Anything(),
}

_BY_NAME: dict[Kind, dict[str, Check]] = {
    "layers": {
        "filters": _SIZE,
        "units": _SIZE,
        "groups": _SIZE,
        "depth_multiplier": _SIZE,
        "kernel_size": _SIZES,
        "pool_size": _SIZES,
        "strides": either(_SIZE, Several(_SIZE, 1, 3), Null()),
        "dilation_rate": _SIZES,
        "size": _SIZES,
        "rate": _DECAY,
        "dropout": _DECAY,
        "recurrent_dropout": _DECAY,
        "padding": OneOf(("valid", "same", "causal")),
        "data_format": either(OneOf(("channels_last",)), Null()),
        "interpolation": OneOf(("nearest", "bilinear")),
        "fill_mode": OneOf(("constant", "nearest", "reflect", "wrap")),
        "value_range": _RANGE,
        "seed": either(_COUNT, Null()),
        "factor": _FACTOR,
        "height_factor": _FACTOR,
        "width_factor": _FACTOR,
        "height": _SIZE,
        "width": _SIZE,
        "l1": _NOT_NEGATIVE,
        "l2": _NOT_NEGATIVE,
        "max_value": _OPTIONAL_NUMBER,
        "dtype": either(Text(), Null()),
        "name": either(Text(), Null()),
    },
    "optimizers": {
        "learning_rate": either(_POSITIVE, OneOf((AUTO,))),
        "beta_1": _DECAY,
        "beta_2": _DECAY,
        "rho": _DECAY,
        "momentum": _UNIT,
        "epsilon": _NOT_NEGATIVE,
        "weight_decay": either(_NOT_NEGATIVE, Null()),
        "clipnorm": _OPTIONAL_POSITIVE,
        "clipvalue": _OPTIONAL_POSITIVE,
        "global_clipnorm": _OPTIONAL_POSITIVE,
        "ema_momentum": _UNIT,
        "ema_overwrite_frequency": either(_SIZE, Null()),
        "loss_scale_factor": _OPTIONAL_POSITIVE,
        "gradient_accumulation_steps": either(Whole(least=2), Null()),
        "name": either(Text(), Null()),
    },
    "schedules": {
        "initial_learning_rate": _NOT_NEGATIVE,
        "decay_steps": _SIZE,
        "first_decay_steps": _SIZE,
        "boundaries": Several(_COUNT),
        "values": Several(_NOT_NEGATIVE),
    },
    "losses": {
        "label_smoothing": _DECAY,
        "from_logits": Flag(),
        "reduction": either(
            OneOf(("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")), Null()
        ),
        "name": either(Text(), Null()),
    },
    "metrics": {"name": either(Text(), Null()), "k": _SIZE, "num_thresholds": Whole(least=2)},
    "callbacks": {"verbose": _VERBOSE, "monitor": Text()},
    "regularizers": {"l1": _NOT_NEGATIVE, "l2": _NOT_NEGATIVE},
}

_FORMERLY: dict[tuple[str, str], str] = {
    ("ProgbarLogger", "count_mode"): "Keras 3 counts by itself; leave count_mode out",
    ("ProgbarLogger", "stateful_metrics"): "Keras 3 has no stateful_metrics; leave it out",
    ("TensorBoard", "batch_size"): "Keras 3 has no batch_size here; leave it out",
    ("TensorBoard", "write_grads"): "Keras 3 can't write gradients; leave write_grads out",
    ("TensorBoard", "embeddings_layer_names"): "name the layers in embeddings_metadata",
    ("ReduceLROnPlateau", "epsilon"): "this is called min_delta now",
    ("BackupAndRestore", "save_before_preemption"): "Keras 3 has no save_before_preemption",
    ("RandomRotation", "rate"): "this is called factor",
}
_FORMERLY_OF: dict[tuple[Kind, str], str] = {
    ("optimizers", "lr"): "this is called learning_rate now",
    ("optimizers", "decay"): (
        "Keras 3 has no decay; use a schedule, such as learning_rate: {ExponentialDecay: {...}}"
    ),
    ("layers", "input_shape"): "the input follows from data.image_size; leave input_shape out",
    ("layers", "input_dim"): "the input follows from data.image_size; leave input_dim out",
    ("layers", "batch_input_shape"): "the input follows from data.image_size; leave it out",
}


def formerly(kind: Kind, owner: str, argument: str) -> str | None:
    """What became of an argument that old tutorials still pass."""
    return _FORMERLY.get((owner, argument)) or _FORMERLY_OF.get((kind, argument))


def allowed_names(kind: Kind, owner: str) -> dict[str, Any]:
    """The arguments that a config may give, with their defaults."""
    own = entry_of(owner).own_arguments if kind == "callbacks" else {}
    return {**signature(kind, owner).arguments, **own}


def has_place_here(kind: Kind, owner: str, argument: str) -> bool:
    """Whether Keras needs an argument that may be left out here, where there is a place for it."""
    output = entry_of(owner).output if kind == "callbacks" else None
    return output is not None and output.argument == argument and output.usual is not None


def object_kind(argument: str) -> Kind | None:
    """The kind of Keras object that stands in an argument of this name, if one does."""
    return _OBJECTS.get(argument) or _OBJECTS_BY_ENDING.get(argument.rpartition("_")[2])


_OBJECTS: dict[str, Kind] = {
    "layer": "layers",
    "backward_layer": "layers",
    "layers": "layers",
    "cell": "layers",
    "cells": "layers",
    "inner_optimizer": "optimizers",
    "learning_rate": "schedules",
}
_OBJECTS_BY_ENDING: dict[str, Kind] = {
    "initializer": "initializers",
    "regularizer": "regularizers",
    "constraint": "constraints",
    "activation": "activations",
}


def check_of(kind: Kind, owner: str, argument: str) -> Check:
    """What `argument` of the class `owner` may be."""
    inner = object_kind(argument)
    if inner is not None and inner != "schedules":
        required = signature(kind, owner).arguments[argument] is REQUIRED
        return Object(a(SINGULAR[inner]), or_null=not required)
    found = _OWN.get((owner, argument)) or _BY_NAME.get(kind, {}).get(argument)
    if found is not None:
        return found
    return _check_by_default(kind, allowed_names(kind, owner)[argument])


def _check_by_default(kind: Kind, default: Any) -> Check:
    if default is None or default is REQUIRED or default is COMPUTED:
        return Anything()
    if isinstance(default, bool):
        return Flag()
    if isinstance(default, int | float):
        one_number = kind in ("callbacks", "optimizers", "regularizers")
        return Number() if one_number else either(Number(), Several(Number()))
    if isinstance(default, str):
        return either(Text(), Null())
    return either(Number(), Several(either(Number(), Several(Number()))))
