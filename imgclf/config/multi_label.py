"""What does not go together with pictures that may have several labels."""

from __future__ import annotations

from collections.abc import Iterator

from imgclf.config.keras_names import MIXING
from imgclf.config.loaded import ConfigFile
from imgclf.config.schema import Config
from imgclf.errors import Problem, UsageError

_KEY = "data.multi_label: true"


def multi_label_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """Keys that mean something for pictures of one label only."""
    if not config.data.multi_label:
        return
    if config.data.oversample:
        yield file.problem(
            "data.oversample",
            f"{_KEY} has no classes that could be drawn as often as each other: a picture drawn "
            "for one brings its other labels along",
            received="true",
            allowed="false, or training.loss: BinaryFocalCrossentropy for rare labels",
        )
    if config.training.class_weight is not None:
        yield file.problem(
            "training.class_weight",
            f"{_KEY} has pictures of several classes, which can't have a weight of one",
            received=str(config.training.class_weight),
            allowed="null, or training.loss: BinaryFocalCrossentropy for rare labels",
        )
    if config.training.logit_adjustment > 0:
        yield file.problem(
            "training.logit_adjustment",
            f"{_KEY} has labels that are answered each by itself, at a threshold of its own",
            received=str(config.training.logit_adjustment),
            allowed="0",
        )
    for index, layer in enumerate(config.augmentation):
        if layer.name in MIXING:
            yield file.problem(
                f"augmentation.{index}",
                f"{layer.name} mixes labels of which each picture has one; {_KEY} has others",
                received=layer.name,
                allowed="layers that vary single pictures",
            )
    if config.training.distribution != "none":
        yield file.problem(
            "training.distribution",
            f"{_KEY} is trained in one process",
            received=config.training.distribution,
            allowed="none",
        )
    if config.tune is not None:
        yield file.problem(
            "tune",
            f"imgclf tune compares trainings by accuracy over single labels, and {_KEY} has others",
            allowed="no tune section; to compare by hand: imgclf train CONFIG --set KEY=VALUE",
        )


def require_one_label(config: Config, what: str, way_on: str) -> None:
    """Sees to it that pictures have one label each.

    Args:
        config: Whose pictures they are.
        what: That is asked for.
        way_on: What to do instead.

    Raises:
        UsageError: They may have several.
    """
    if config.data.multi_label:
        raise UsageError(f"{what} is for pictures of one label, and the config has {_KEY}", way_on)
