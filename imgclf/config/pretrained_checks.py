"""What must go together with a pretrained network, and with training it itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgclf.config.keras_names import BY_OUTPUT, MIXING, RESIDUAL
from imgclf.config.keras_signatures import exports
from imgclf.config.label_modes import SMOOTHED_LOSSES
from imgclf.config.loaded import ConfigFile
from imgclf.config.schema import Config
from imgclf.config.spec import Spec
from imgclf.errors import Problem


def pretrained_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """Problems of a backbone, or the want of one, with the other keys."""
    if config.model.backbone is not None:
        yield from _layer_problems(config.model.layers, file)
        if config.training.fine_tune is None:
            yield from _mixing_problems(config.augmentation, file)
    if config.training.fine_tune is None:
        return
    if config.model.backbone is None:
        yield file.problem(
            "training.fine_tune",
            "only a pretrained network can be fine-tuned, and model.backbone names none",
            received=f"epochs: {config.training.fine_tune.epochs}",
            allowed="model.backbone: EfficientNetLite0, or training.fine_tune: none",
        )
    loss = config.training.loss
    if (
        config.training.label_smoothing is None
        and loss is not None
        and loss.name not in (*SMOOTHED_LOSSES, *BY_OUTPUT["losses"])
    ):
        yield file.problem(
            "training.loss",
            f"training.fine_tune smooths the labels, which {loss.name} has no room for",
            received=loss.name,
            allowed=f"{', '.join(SMOOTHED_LOSSES)}, or training.label_smoothing: 0",
        )


def _mixing_problems(augmentation: Sequence[Spec], file: ConfigFile) -> Iterator[Problem]:
    """What is mixed is another picture each time, and here each is looked at but once."""
    for index, spec in enumerate(augmentation):
        if spec.name in MIXING:
            yield file.problem(
                f"augmentation.{index}",
                f"{spec.name} mixes pictures while they are trained on, and here features of "
                "them are, which are computed once",
                received=spec.name,
                allowed="training.fine_tune, a phase in which the network sees pictures; or leave "
                f"{spec.name} out",
            )


def _layer_problems(layers: Sequence[Spec], file: ConfigFile) -> Iterator[Problem]:
    """Layers for pictures: what a backbone gives is one number for each of its features."""
    for index, spec in enumerate(layers):
        if spec.name in ("Reshape", "RepeatVector"):
            return  # whoever gives features a shape may use it
        if spec.name == RESIDUAL or (
            spec.name in exports("layers") and _is_for_pictures(spec.name)
        ):
            yield file.problem(
                f"model.layers.{index}",
                f"{spec.name} works on pictures, and the layers here get the features of "
                "model.backbone: leave it out",
                received=spec.name,
                allowed="layers such as Dense and Dropout",
            )


def _is_for_pictures(layer: str) -> bool:
    module = exports("layers")[layer][0]
    return layer in ("Rescaling", "Resizing") or any(
        part in module for part in (".convolutional.", ".pooling.", ".image_preprocessing.")
    )
