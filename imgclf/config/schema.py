"""The keys of a config, their types and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from imgclf.config.backbone import Backbone
from imgclf.config.choices import (
    BALANCED,
    ClassesAre,
    Corrections,
    Keep,
    Precision,
    Publish,
    Replace,
    Resize,
)
from imgclf.config.data_parts import DataParts
from imgclf.config.durations import DURATION, LONGEST
from imgclf.config.ema import EMA, Ema
from imgclf.config.fine_tune import FineTune
from imgclf.config.groups import Groups
from imgclf.config.key_policy import AsWritten, KeyPolicy, Objects, ResumeRule, WithBackbone
from imgclf.config.spec import Spec, written
from imgclf.config.tune import Tune


def _square(value: Any) -> Any:
    """One number means a square; a list is a tuple to pydantic's strict mode."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return tuple(value) if isinstance(value, list) else value


_Side = Annotated[int, Field(ge=8, le=4096)]
_LARGEST_BATCH = 65536
_BatchSize = Annotated[int, Field(ge=1, le=_LARGEST_BATCH)]
BATCH_SIZE = f"a whole number from 1 to {_LARGEST_BATCH}"
"""What a message says a number of pictures in a batch may be."""

CLASS_WEIGHT = f"{BALANCED}, or weights by class such as {{cat: 1, dog: 3}}"
"""What a message says `class_weight` may be."""

_AUTO_BATCH_SIZE = 32
_LARGEST_SEED = 2**32 - 1
_SEED = f"a whole number from 0 to {_LARGEST_SEED}"
_NAME = "a word fit for a file name, without / \\ : and not beginning with a dot or a dash"
_FILE_NAME = r"^[^\s./\\:\x00-\x1f-]([^/\\:\x00-\x1f]*[^\s/\\:\x00-\x1f])?$"


# A key that says nothing of it has the policy that is safest to have: see `KeyPolicy`.
_NO_DIFFERENCE = KeyPolicy(ResumeRule.NONE, bears_on_weights=False)


def _field(allowed: str, default: Any = ..., **bounds: Any) -> Any:
    """A key; `allowed` is what a message says may stand there."""
    return Field(default, description=allowed, **bounds)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DataConfig(_Section):
    """Where the pictures are and how they are read.

    Attributes:
        directory: One folder for each class inside, or train/, validation/ and test/ with those;
            if there is a table, the table's folder unless it is given.
        classes: Each folder inside is a class, with all that is below it; or each folder of
            pictures is (leaves), and its path is its name: Fruit/Apple.
        parts: The folders of the parts, relative to the directory; auto finds them by their names,
            such as train, valid and test; none if folders with such names are classes.
        table: Has the labels in place of folders: a line for each picture, with the columns path
            and label, and perhaps part. Paths are relative to the table's folder, or to the
            directory if not found there.
        multi_label: A picture may have several labels, or none: those that a table gives it, or
            the class folders that hold files equal to it. Each class is then answered yes or no.
        groups: Pictures that must not be divided, such as those of one patient: by what a regular
            expression finds in their paths, by a column of the table, or because they are near
            copies.
        validation_split: The part of the pictures that is held out, between 0 and 1.
        seed: Of the split, and of everything else unless training.seed is given.
        image_size: (height, width) in pixels.
        batch_size: Pictures in one step; auto begins with 32, and with half as many when the
            memory does not suffice.
        resize: How a picture of another shape is fitted.
        bit_depth: How many bits pictures of 16 bits use, such as 12 of many sensors; imgclf check
            says when they use fewer.
        oversample: Each class is drawn as often in an epoch as the largest, in training only.
        cache: Where decoded pictures are kept: disk for this and later commands, memory for one
            run, none to decode them anew each epoch.
    """

    # The same pictures elsewhere are the same pictures, and the pictures have a fingerprint.
    directory: Annotated[str, _NO_DIFFERENCE, AsWritten()] = _field(
        "the path of a folder", min_length=1
    )
    # The pictures' fingerprint has their classes and parts in it, so that of these keys it need not
    # be asked what another value means: to say what was found anyway changes nothing.
    classes: Annotated[ClassesAre, _NO_DIFFERENCE] = _field("folders, leaves", "folders")
    parts: Annotated[DataParts | Literal["auto", "none"], _NO_DIFFERENCE] = _field(
        "auto, none, or {training: FOLDER, validation: FOLDER, test: FOLDER}", "auto"
    )
    table: Annotated[str | None, _NO_DIFFERENCE, AsWritten()] = _field(
        "the path of a .csv or .tsv file, or null", None, min_length=1
    )
    multi_label: bool = _field("true, false", False)
    groups: Annotated[Groups | None, _NO_DIFFERENCE] = _field(
        "a regular expression on the path, near_copies, "
        "{path: EXPRESSION, column: NAME, near_copies: true} or some of these, or null",
        None,
    )
    validation_split: Annotated[float, KeyPolicy(bears_on_weights=False)] = _field(
        "a number above 0 and below 1", 0.2, gt=0, lt=1
    )
    seed: int = _field(_SEED, 123, ge=0, le=_LARGEST_SEED)
    image_size: Annotated[
        tuple[_Side, _Side],
        BeforeValidator(_square, json_schema_input_type=_Side | tuple[_Side, _Side]),
        WithBackbone("its own"),
    ] = _field(
        "[height, width] in pixels, or one number for a square; each from 8 to 4096", (180, 180)
    )
    batch_size: _BatchSize | Literal["auto"] = _field(f"{BATCH_SIZE}, auto", 32)
    resize: Resize = _field("stretch, crop, pad", "stretch")
    bit_depth: int = _field("a whole number from 8 to 16", 16, ge=8, le=16)
    oversample: bool = _field("true, false", False)
    cache: Annotated[Keep, _NO_DIFFERENCE] = _field("disk, memory, none", "disk")

    @property
    def first_batch_size(self) -> int:
        """How many pictures the first step has."""
        return _AUTO_BATCH_SIZE if self.batch_size == "auto" else self.batch_size


class ModelConfig(_Section):
    """The network.

    Attributes:
        backbone: The pretrained network that it is built on, and where its weights come from.
        layers: From the picture (float32 RGB, 0 to 255), or from the standardized features of the
            backbone, to the last layer before the output.
        output: Replaces the output layer that follows from the number of classes.
    """

    backbone: Backbone | None = _field(
        "a pretrained network, NAME: {weights: imagenet, none or a file}, "
        "the path of a .keras file, or null",
        None,
    )
    layers: Annotated[
        tuple[Spec, ...], Objects("layers"), WithBackbone("`[]`", required_without=True)
    ] = _field("a list of at least one layer", ())
    output: Annotated[Spec | None, Objects("layers", may_lack="units")] = _field(
        "a Dense layer, or null", None
    )


class TrainingConfig(_Section):
    """How it is trained.

    Attributes:
        epochs: At most; callbacks may end it earlier. With fine_tune those of the first phase.
        optimizer: A Keras optimizer.
        loss: Replaces the loss that follows from the number of classes.
        class_weight: How much a picture of each class counts in the loss, in training only;
            balanced has all classes count the same in all, and what is not named counts 1.
        logit_adjustment: How much of the classes' frequencies is taken out of the published model's
            answers: with 1 they are as if all classes were equally frequent.
        label_smoothing: How much of each label goes to all classes alike, in training only; null is
            0, and 0.1 while fine_tune trains the network.
        ema: Averages of the weights over the steps are judged, kept and published in their place;
            momentum is how slowly they follow.
        metrics: What is measured beside the loss.
        fine_tune: A second phase, in which the backbone itself is trained: how many epochs, with
            which learning rate, and from which layer on: a name, or how many of the last.
        seed: Of weights, augmentation and shuffling; null takes data.seed.
        publish: The model of the best validation epoch, or of the last one.
        corrections: What people said of pictures by imgclf retrain is trained on, too, by their
            label and ahead of the data set's; or it is not.
        replace: Whether the new model takes the place of the one in use even if it is worse on
            held-out pictures, beyond chance.
        precision: What the network computes in while it is trained; auto takes bfloat16 where
            the hardware has it and a few steps of it are faster. The model is float32 anyway.
        distribution: data_parallel divides each batch among devices and processes.
        time_budget: How long the whole command may take, from its start to the published model;
            epochs, the second phase and schedules are fitted into it, and epochs are then at most
            so many.
    """

    epochs: Annotated[int, KeyPolicy(ResumeRule.EXTENDS)] = _field(
        "a whole number, 1 or more", 30, ge=1, le=1_000_000
    )
    optimizer: Annotated[Spec, Objects("optimizers")] = _field("an optimizer", Spec(name="Adam"))
    loss: Annotated[Spec | None, Objects("losses")] = _field("a loss, or null", None)
    class_weight: Literal["balanced"] | dict[str, float] | None = _field(
        f"{CLASS_WEIGHT}, or null", None
    )
    logit_adjustment: float = _field("a number from 0 to 3", 0.0, ge=0, le=3)
    label_smoothing: float | None = _field("a number from 0 to below 1, or null", None, ge=0, lt=1)
    ema: Ema | None = _field(EMA, None)
    metrics: Annotated[tuple[Spec, ...], Objects("metrics", or_one=True)] = _field(
        "a list of metrics", (Spec(name="accuracy"),)
    )
    fine_tune: FineTune | None = _field(
        "{epochs: 8, learning_rate: 3e-4, from: all}, a number of epochs, or null", None
    )
    seed: int | None = _field(f"{_SEED}, or null for data.seed", None, ge=0, le=_LARGEST_SEED)
    publish: Annotated[Publish, KeyPolicy(ResumeRule.EXTENDS, bears_on_weights=False)] = _field(
        "best, last", "best"
    )
    corrections: Corrections = _field("include, ignore", "include")
    replace: Annotated[Replace, _NO_DIFFERENCE] = _field("if_not_worse, always", "if_not_worse")
    precision: Precision | Literal["auto"] = _field("auto, float32, bfloat16", "auto")
    distribution: Literal["none", "data_parallel"] = _field("none, data_parallel", "none")
    time_budget: float | None = _field(DURATION, None, gt=0, le=LONGEST)


class Config(_Section):
    """A whole config.

    Attributes:
        name: Of the model and of its runs' folder; null takes the config's file name.
        augmentation: Layers that vary the pictures, in training only.
        callbacks: What else happens around the steps. On without being named: ProgbarLogger,
            CSVLogger, TensorBoard, ModelCheckpoint, BackupAndRestore; `TensorBoard: none` turns
            one off.
        tune: What `imgclf tune` varies: which keys, in which ranges; see docs/tuning.md. Nothing
            else goes by it.
    """

    name: Annotated[str | None, _NO_DIFFERENCE, AsWritten()] = _field(
        _NAME, None, pattern=_FILE_NAME, max_length=100
    )
    data: DataConfig = _field("the keys of data, indented below it")
    augmentation: Annotated[tuple[Spec, ...], Objects("layers"), WithBackbone("what suits it")] = (
        _field("a list of layers", ())
    )
    model: ModelConfig = _field("the keys of model, indented below it")
    training: TrainingConfig = _field("the keys of training, indented below it", TrainingConfig())
    # What one of them means for an earlier training, the catalogue of callbacks says.
    callbacks: Annotated[
        tuple[Spec, ...], KeyPolicy(bears_on_weights=False), Objects("callbacks")
    ] = _field("a list of callbacks", ())
    tune: Annotated[Tune | None, _NO_DIFFERENCE] = _field(
        "{trials: 50, timeout: 10 min, pruner: median, ranges: {KEY: RANGE, ...}}, or null", None
    )

    @property
    def seed(self) -> int:
        """Of weights, augmentation and shuffling."""
        return self.data.seed if self.training.seed is None else self.training.seed

    @property
    def makes_up_for_imbalance(self) -> bool:
        """Whether it says anything of classes of different sizes."""
        training = self.training
        adjusted = training.logit_adjustment > 0
        return self.data.oversample or training.class_weight is not None or adjusted

    def callback_off(self, name: str) -> bool:
        """Whether a callback that is on by default was turned off (`TensorBoard: none`)."""
        return any(spec.off and spec.name == name for spec in self.callbacks)

    def callbacks_named(self, name: str) -> tuple[Spec, ...]:
        """The callbacks of this name that are on."""
        return tuple(spec for spec in self.callbacks if spec.name == name and not spec.off)

    def written(self) -> dict[str, Any]:
        """Plain values with all defaults filled in, in the form that a config has."""
        sections = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: written(
                {key: getattr(section, key) for key in type(section).model_fields}
                if isinstance(section, _Section)
                else section
            )
            for name, section in sections.items()
        }


def with_defaults(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a config, with the defaults of keys that it doesn't have."""
    return {
        **_defaults(Config),
        **tree,
        **{
            name: {**_defaults(section), **tree.get(name, {})} for name, section in SECTIONS.items()
        },
    }


def policies() -> dict[str, KeyPolicy]:
    """What another value of each key means, by dotted key."""
    return {
        key: next((one for one in field.metadata if isinstance(one, KeyPolicy)), KeyPolicy())
        for key, field in _fields().items()
    }


def _fields() -> dict[str, FieldInfo]:
    """By dotted key; those of no section come first."""
    found = {name: field for name, field in Config.model_fields.items() if name not in SECTIONS}
    for section, model in SECTIONS.items():
        found |= {f"{section}.{name}": field for name, field in model.model_fields.items()}
    return found


def bearing_on_weights(config: Config) -> dict[str, Any]:
    """The values that a training's weights depend on beside its pictures and its callbacks."""
    tree = config.written()
    return {key: _value(tree, key) for key, one in policies().items() if one.bears_on_weights}


def default_of(key: str) -> Any:
    """The plain value of a dotted key that a config doesn't have; None if it is required, too."""
    return _value(with_defaults({}), key)


def _value(tree: Mapping[str, Any], key: str) -> Any:
    section, _, name = key.rpartition(".")
    return (tree[section] if section else tree).get(name)


def _defaults(section: type[_Section]) -> dict[str, Any]:
    return {
        name: written(field.default)
        for name, field in section.model_fields.items()
        if name not in SECTIONS and not field.is_required()
    }


SECTIONS: Mapping[str, type[_Section]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "training": TrainingConfig,
}

# The keys that hold Keras objects.
SPEC_LISTS: Mapping[str, Objects] = {
    key: marker
    for key, field in _fields().items()
    for marker in field.metadata
    if isinstance(marker, Objects) and get_origin(field.annotation) is tuple
}
SINGLE_SPECS: Mapping[str, Objects] = {
    key: marker
    for key, field in _fields().items()
    for marker in field.metadata
    if isinstance(marker, Objects) and key not in SPEC_LISTS
}
# Those that hold texts whatever they look like.
TEXTS = frozenset(
    key
    for key, field in _fields().items()
    if any(isinstance(marker, AsWritten) for marker in field.metadata)
)
# Those that only a network with a backbone can do without, which the schema can't say.
REQUIRED_WITHOUT_BACKBONE = tuple(
    key
    for key, field in _fields().items()
    for marker in field.metadata
    if isinstance(marker, WithBackbone) and marker.required_without
)
