"""What must go together: the whole config, once each part of it is right by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from imgclf.config.monitors import metric_problems, monitor_problems
from imgclf.config.names import class_names
from imgclf.config.places import place_problems
from imgclf.config.spec import Spec
from imgclf.config.vocabulary import exports
from imgclf.errors import Problem

if TYPE_CHECKING:
    from imgclf.config.load import LoadedConfig

# One of each is enough, or two would undo each other's work.
_ONE_OF_EACH = (
    "BackupAndRestore",
    "History",
    "LearningRateScheduler",
    "ProgbarLogger",
    "SwapEMAWeights",
    "TerminateOnNaN",
)


def check_together(loaded: LoadedConfig, refused: Collection[str]) -> list[Problem]:
    """All problems between the parts of a config.

    Args:
        loaded: The config, perhaps with parts left out that have problems of their own.
        refused: The dotted keys that have problems.
    """
    # Without all the metrics nobody can say what will be logged.
    metrics_known = not any(key.startswith("training.metrics") for key in refused)
    return [
        *_augmentation_problems(loaded),
        *_layer_problems(loaded),
        *((*metric_problems(loaded), *monitor_problems(loaded)) if metrics_known else ()),
        *place_problems(loaded),
        *_number_problems(loaded),
        *_learning_rate_problems(loaded),
        *_average_problems(loaded),
        *_period_problems(loaded),
        *_distribution_problems(loaded),
    ]


def _augmentation_problems(loaded: LoadedConfig) -> Iterator[Problem]:
    """Layers that do more than vary pictures in training."""
    for index, spec in enumerate(loaded.config.augmentation):
        if spec.name in class_names("layers") and spec.name not in augmentations():
            yield loaded.problem(
                f"augmentation.{index}",
                f"{spec.name} is no augmentation, for it acts in prediction too; "
                "put it into model.layers",
                received=spec.name,
                allowed=", ".join(augmentations()),
            )


def augmentations() -> list[str]:
    """Layers that change pictures in training and leave them alone in prediction."""
    always = (
        "ActivityRegularization",
        "AutoContrast",
        "CenterCrop",
        "ContrastLimitedAdaptiveHistogramEqualization",
        "Resizing",
    )
    origins = exports("layers")
    return [
        name
        for name in class_names("layers")
        if name not in always
        and (
            ".image_preprocessing." in origins[name][0]
            or ".regularization." in origins[name][0]
            or name == "Pipeline"
        )
    ]


def _layer_problems(loaded: LoadedConfig) -> Iterator[Problem]:
    """Normalization that was never shown any data does nothing, and Keras doesn't say so."""
    for index, spec in enumerate(loaded.config.model.layers):
        given = spec.arguments
        if spec.name == "Normalization" and not (given.get("mean") and given.get("variance")):
            yield loaded.problem(
                f"model.layers.{index}",
                "Normalization does nothing without mean and variance, and there is no step that "
                "adapts it",
                received="Normalization",
                allowed="Normalization: {mean: [...], variance: [...]}, or BatchNormalization",
            )


def _number_problems(loaded: LoadedConfig) -> Iterator[Problem]:
    """Callbacks that are there twice, or both on and off."""
    first: dict[str, int] = {}
    for index, spec in enumerate(loaded.config.callbacks):
        other = first.setdefault(spec.name, index)
        if other == index:
            continue
        switched = spec.off != loaded.config.callbacks[other].off
        if switched or spec.off or spec.name in _ONE_OF_EACH:
            what = "is both on and off" if switched else "is here twice"
            yield loaded.problem(
                f"callbacks.{index}",
                f"{spec.name} {what}: the other is callbacks.{other}",
                received=spec.name,
                allowed=f"one {spec.name}",
            )


def _optimizer(loaded: LoadedConfig) -> Spec:
    """The optimizer that has the learning rate, without LossScaleOptimizer around it."""
    optimizer = loaded.config.training.optimizer
    inner = optimizer.arguments.get("inner_optimizer")
    return inner if isinstance(inner, Spec) else optimizer


def _learning_rate_problems(loaded: LoadedConfig) -> Iterator[Problem]:
    """A schedule in the optimizer leaves nothing for a callback to set: a TypeError in mid-run."""
    rate = _optimizer(loaded).arguments.get("learning_rate")
    if not isinstance(rate, Spec):
        return
    for index, spec in enumerate(loaded.config.callbacks):
        if spec.name in ("LearningRateScheduler", "ReduceLROnPlateau") and not spec.off:
            yield loaded.problem(
                f"callbacks.{index}",
                f"{spec.name} can't set the learning rate, which follows the optimizer's "
                f"{rate.name}; keep one of the two",
                received=spec.name,
                allowed="training.optimizer with a number for its learning_rate",
            )


def _average_problems(loaded: LoadedConfig) -> Iterator[Problem]:
    for index, spec in enumerate(loaded.config.callbacks):
        if spec.name == "SwapEMAWeights" and not spec.off:
            optimizer = _optimizer(loaded)
            if not optimizer.arguments.get("use_ema"):
                yield loaded.problem(
                    f"callbacks.{index}",
                    "SwapEMAWeights needs an optimizer that keeps averages of the weights",
                    received=f"training.optimizer: {optimizer.name}",
                    allowed=f"training.optimizer: {optimizer.name}: {{use_ema: true}}",
                )


def _period_problems(loaded: LoadedConfig) -> Iterator[Problem]:
    for index, spec in enumerate(loaded.config.callbacks):
        given = spec.arguments
        if isinstance(given.get("save_freq"), int) and given.get("period", 1) != 1:
            yield loaded.problem(
                f"callbacks.{index}.period",
                "period counts epochs and save_freq counts batches; give one of them",
                received=f"period: {given['period']}, save_freq: {given['save_freq']}",
            )


def _distribution_problems(loaded: LoadedConfig) -> Iterator[Problem]:
    """What several processes can't do, or do otherwise."""
    if loaded.config.training.distribution == "none":
        return
    if loaded.config.data.batch_size == "auto":
        yield loaded.problem(
            "data.batch_size",
            "training.distribution: data_parallel needs a number, which its devices divide",
            received="auto",
            allowed="a whole number from 1 to 65536",
        )
    for index, spec in enumerate(loaded.config.callbacks):
        # It has all processes wait for each other while it writes, and only one of them writes.
        if spec.name == "OrbaxCheckpoint" and not spec.off:
            yield loaded.problem(
                f"callbacks.{index}",
                "OrbaxCheckpoint can't be used with training.distribution: data_parallel",
                received="OrbaxCheckpoint",
                allowed="ModelCheckpoint, or training.distribution: none",
            )
