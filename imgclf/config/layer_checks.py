"""What layers go where: under `augmentation`, under `model.layers`, and inside of each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from imgclf.config.keras_names import MIXING, RESIDUAL, class_names
from imgclf.config.keras_signatures import exports
from imgclf.config.label_modes import modes_of_metric, takes_mixed_labels
from imgclf.config.loaded import ConfigFile
from imgclf.config.schema import Config, TrainingConfig
from imgclf.config.spec import Spec
from imgclf.errors import Problem


def layer_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """Problems of layers that are right by themselves."""
    yield from _augmentation_problems(config.augmentation, file)
    for place in _places("augmentation", config.augmentation):
        if place.inside is not None:
            yield from _mixing_problems(place, file)
    for place in _places("model.layers", config.model.layers):
        yield from _mixing_problems(place, file)
        yield from _branch_problems(place, file)
        yield from _adaptation_problems(place, file)
    mixing = [spec.name for spec in config.augmentation if spec.name in MIXING]
    if mixing:
        yield from _label_problems(mixing[0], config.training, file)


def _augmentation_problems(augmentation: Sequence[Spec], file: ConfigFile) -> Iterator[Problem]:
    """Layers that do more than vary pictures in training."""
    for index, spec in enumerate(augmentation):
        is_layer = spec.name == RESIDUAL or spec.name in class_names("layers")
        if is_layer and spec.name not in augmentations():
            yield file.problem(
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


class _Place(NamedTuple):
    """A layer and its dotted key, and the one that it stands in."""

    key: str
    spec: Spec
    inside: Spec | None


def _places(key: str, layers: Sequence[object], inside: Spec | None = None) -> Iterator[_Place]:
    """All layers under a key, those inside of others as well."""
    for index, spec in enumerate(layers):
        if not isinstance(spec, Spec):
            continue
        place = f"{key}.{index}"
        yield _Place(place, spec, inside)
        for argument, value in spec.arguments.items():
            if isinstance(value, Spec):
                yield _Place(f"{place}.{argument}", value, spec)
            elif isinstance(value, list):
                yield from _places(f"{place}.{argument}", value, spec)


def _mixing_problems(place: _Place, file: ConfigFile) -> Iterator[Problem]:
    """Labels reach no layer."""
    if place.spec.name in MIXING:
        yield file.problem(
            place.key,
            f"{place.spec.name} has to change the labels along with the pictures, and labels don't "
            "reach layers",
            received=place.spec.name,
            allowed=f"{place.spec.name} in the list under augmentation",
        )


def _label_problems(mixing: str, training: TrainingConfig, file: ConfigFile) -> Iterator[Problem]:
    """Losses and metrics for which a picture is of one class alone."""
    loss = training.loss
    if loss is not None and not takes_mixed_labels(loss.name):
        yield file.problem(
            "training.loss",
            f"{mixing} makes pictures that are part one class and part another, which {loss.name} "
            "has no room for",
            received=loss.name,
            allowed="BinaryCrossentropy, CategoricalCrossentropy, or no loss, which takes the one "
            "that fits",
        )
    for index, metric in enumerate(training.metrics):
        if modes_of_metric(metric.name) == {"int"}:
            instead = metric.name.removeprefix("Sparse")
            yield file.problem(
                f"training.metrics.{index}",
                f"{metric.name} needs labels that are class numbers, and {mixing} makes them "
                "one-hot",
                received=metric.name,
                allowed=instead if instead in class_names("metrics") else "accuracy",
            )


def _branch_problems(place: _Place, file: ConfigFile) -> Iterator[Problem]:
    """A branch is no layer of Keras's, so no other layer can hold one."""
    key, spec, inside = place
    if spec.name == RESIDUAL and inside is not None and inside.name != RESIDUAL:
        yield file.problem(
            key,
            f"{inside.name} takes layers of Keras's, and {RESIDUAL} is none",
            received=RESIDUAL,
            allowed=f"{RESIDUAL} among model.layers, or in another {RESIDUAL}",
        )


def _adaptation_problems(place: _Place, file: ConfigFile) -> Iterator[Problem]:
    """Normalization that was never shown any data does nothing, and Keras doesn't say so."""
    key, spec, _ = place
    given = spec.arguments
    if spec.name == "Normalization" and not (given.get("mean") and given.get("variance")):
        yield file.problem(
            key,
            "Normalization does nothing without mean and variance, and there is no step that "
            "adapts it",
            received="Normalization",
            allowed="Normalization: {mean: [...], variance: [...]}, or BatchNormalization",
        )
