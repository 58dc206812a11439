"""The output layer, the loss and the form of the labels that go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from imgclf.config.choices import LabelMode
from imgclf.config.keras_names import BY_OUTPUT
from imgclf.config.label_modes import (
    DEFAULT_LOSS,
    FOCAL_LOSSES,
    LABELS,
    NO_LOSS_HERE,
    NO_METRIC_HERE,
    losses_for,
    modes_of_loss,
    modes_of_metric,
)
from imgclf.config.loaded import ConfigFile
from imgclf.config.schema import TrainingConfig
from imgclf.config.spec import Spec
from imgclf.errors import Problem


class Head(NamedTuple):
    """How a network ends and what it is taught by.

    Attributes:
        output: The last layer, with its units and its activation.
        loss: With all of its arguments that were given.
        label_mode: As in `keras.utils.image_dataset_from_directory`: "binary" for one number
            that is 0 or 1, "int" for the number of the class, "categorical" for one-hot rows;
            "multi_label" for rows of 0 and 1, of which any may be 1.
    """

    output: Spec
    loss: Spec
    label_mode: LabelMode


def resolve_head(
    output: Spec | None,
    training: TrainingConfig,
    num_classes: int,
    file: ConfigFile,
    *,
    mixed: bool = False,
    multi_label: bool = False,
) -> Head:
    """Settles what the config leaves open, once the classes are known.

    Two classes get one sigmoid unit and binary cross-entropy, more get a softmax unit each and
    sparse categorical cross-entropy; where a picture may have several labels, each class gets a
    sigmoid unit and binary cross-entropy. A given output, loss or metric that needs another head or
    other labels gets them where there are such: `metrics: [Precision]` over three classes is
    trained with one-hot labels.

    Args:
        output: What `model.output` says.
        training: Its loss and its metrics matter here.
        num_classes: At least 2.
        file: Names the lines of what doesn't fit.
        mixed: A picture may be part one class and part another while training, which no class
            number says.
        multi_label: A picture may have several labels.

    Raises:
        ConfigError: Output, loss, metrics and the number of classes don't fit together.
    """
    output = _read_output(output, num_classes, file, multi_label=multi_label)
    activation = output.arguments["activation"] if output else None
    modes: tuple[LabelMode, ...]
    if multi_label:
        modes = ("multi_label",)
    elif activation == "sigmoid":
        modes = ("binary",)
    elif activation == "softmax" or num_classes > 2:
        modes = ("int", "categorical")
    else:
        modes = ("binary", "int", "categorical")
    if mixed:
        modes = tuple(mode for mode in modes if mode != "int")
    loss = training.loss
    if loss is not None:
        modes = _modes_of_loss(loss, modes, output or _output(modes[0], num_classes), file)
        _refuse_alpha(loss, num_classes, file)
    mode = next((m for m in modes if _metrics_fit(training.metrics, m)), modes[0])
    problems = _metric_problems(training.metrics, mode, num_classes, file)
    if problems:
        raise file.error(*problems)
    if loss is None or loss.name in BY_OUTPUT["losses"]:
        loss = Spec(name=DEFAULT_LOSS[mode])
    return Head(output or _output(mode, num_classes), loss, mode)


def _output(mode: LabelMode, num_classes: int) -> Spec:
    units = 1 if mode == "binary" else num_classes
    activation = "sigmoid" if mode in ("binary", "multi_label") else "softmax"
    return Spec(name="Dense", arguments={"units": units, "activation": activation})


def _read_output(
    output: Spec | None, num_classes: int, file: ConfigFile, *, multi_label: bool
) -> Spec | None:
    """The output that was given, with units and activation filled in."""
    if output is None:
        return None
    if output.name != "Dense":
        raise file.refusal(
            "model.output",
            "the output is a Dense layer; others go to the end of model.layers",
            received=output.name,
            allowed="Dense",
        )
    given = output.arguments
    units = given.get("units")
    activation = given.get("activation")
    if multi_label:
        filled = {**given, "units": units or num_classes, "activation": activation or "sigmoid"}
        _refuse_no_sigmoids(filled, num_classes, file)
        return Spec(name="Dense", arguments=filled)
    if activation is None:
        activation = "sigmoid" if units == 1 or (units is None and num_classes == 2) else "softmax"
    default = 1 if activation == "sigmoid" else num_classes
    units = default if units is None else units
    problem = _output_problem(units, activation, num_classes, file)
    if problem:
        raise file.error(problem)
    return Spec(name="Dense", arguments={**given, "units": units, "activation": activation})


def _refuse_no_sigmoids(given: Mapping[str, object], num_classes: int, file: ConfigFile) -> None:
    """An output that doesn't answer each class by itself."""
    units, activation = given["units"], given["activation"]
    if activation != "sigmoid" or units != num_classes:
        raise file.refusal(
            "model.output",
            "data.multi_label: true wants one sigmoid unit for each class",
            received=f"units: {units}, activation: {activation}",
            allowed=f"Dense: {{units: {num_classes}, activation: sigmoid}}, or no model.output",
        )


def _output_problem(
    units: int, activation: object, num_classes: int, file: ConfigFile
) -> Problem | None:
    fitting = f"Dense: {{units: {num_classes}, activation: softmax}}"
    if num_classes == 2:
        fitting = f"Dense: {{units: 1, activation: sigmoid}}, or {fitting}"
    if activation not in ("sigmoid", "softmax"):
        message = "the output must put out probabilities"
        key, received = "model.output.activation", str(activation)
    elif activation == "sigmoid" and num_classes > 2:
        message = f"a sigmoid decides between two classes, and there are {num_classes}"
        key, received = "model.output", "activation: sigmoid"
    elif activation == "softmax" and units == 1:
        message = "a softmax over one unit is always 1"
        key, received = "model.output", "units: 1, activation: softmax"
    elif units != (1 if activation == "sigmoid" else num_classes):
        message = f"the output has {units} units, and there are {num_classes} classes"
        key, received = "model.output.units", str(units)
    else:
        return None
    return file.problem(key, message, received=received, allowed=fitting)


def _modes_of_loss(
    loss: Spec, modes: tuple[LabelMode, ...], output: Spec, file: ConfigFile
) -> tuple[LabelMode, ...]:
    """Those of `modes` that the loss can be computed with."""
    if loss.name in NO_LOSS_HERE:
        reason = NO_LOSS_HERE[loss.name]
        raise file.refusal(
            "training.loss",
            f"{loss.name} can't teach a classifier: {reason}",
            received=loss.name,
            allowed=losses_for(modes),
        )
    units, activation = output.arguments["units"], output.arguments["activation"]
    described = f"{units} {activation} unit{'s' if units != 1 else ''}"
    if loss.arguments.get("from_logits"):
        raise file.refusal(
            "training.loss.from_logits",
            f"the output already ends in {activation}, which from_logits would apply again",
            received="true",
            allowed="false",
        )
    fitting = tuple(mode for mode in modes if mode in modes_of_loss(loss.name))
    if not fitting:
        raise file.refusal(
            "training.loss",
            f"{loss.name} does not fit an output of {described}",
            received=loss.name,
            allowed=losses_for(modes),
        )
    return fitting


def _refuse_alpha(loss: Spec, num_classes: int, file: ConfigFile) -> None:
    """Weights in a focal loss that do nothing, or are not one for each class."""
    alpha = loss.arguments.get("alpha")
    if alpha is None:
        return
    several = isinstance(alpha, list)
    if loss.name == "BinaryFocalCrossentropy":
        if not loss.arguments.get("apply_class_balancing"):
            raise file.refusal(
                "training.loss.alpha",
                "alpha, the weight of the second class, does nothing without apply_class_balancing",
                received=str(alpha),
                allowed=f"{loss.name}: {{apply_class_balancing: true, alpha: ...}}",
            )
        if several:
            raise file.refusal(
                "training.loss.alpha",
                "alpha is the weight of the second class, and 1 less it that of the first",
                received=str(alpha),
                allowed="a number",
            )
    elif several and loss.name in FOCAL_LOSSES and len(alpha) != num_classes:
        raise file.refusal(
            "training.loss.alpha",
            f"alpha has {len(alpha)} weights, and there are {num_classes} classes",
            received=str(alpha),
            allowed=f"a number for all, or a list of {num_classes}, in the order of their names",
        )


def _metrics_fit(metrics: Sequence[Spec], mode: LabelMode) -> bool:
    return all(mode in modes_of_metric(metric.name) for metric in metrics)


def _metric_problems(
    metrics: Sequence[Spec], mode: LabelMode, num_classes: int, file: ConfigFile
) -> list[Problem]:
    problems = []
    for index, metric in enumerate(metrics):
        message = _metric_problem(metric, mode, num_classes)
        if message:
            problems.append(
                file.problem(f"training.metrics.{index}", message, received=metric.name)
            )
    return problems


def _metric_problem(metric: Spec, mode: LabelMode, num_classes: int) -> str | None:
    name, given = metric.name, metric.arguments
    if name in NO_METRIC_HERE:
        return f"{name} does not measure a classifier: {NO_METRIC_HERE[name]}"
    fits = modes_of_metric(metric.name)
    if mode not in fits:
        needed = " or ".join(LABELS[m] for m in LABELS if m in fits and m != "multi_label")
        return (
            f"{name} needs {needed}, and the output and the loss "
            f"of these {num_classes} classes need {LABELS[mode]}"
        )
    if name in ("F1Score", "FBetaScore") and given.get("threshold") is None:
        if mode == "binary":
            return f"{name} of one unit is always that of guessing yes; give it a threshold: 0.5"
        if mode == "multi_label":
            return f"{name} takes one label for each picture; give it a threshold: 0.5"
    if name in ("IoU", "MeanIoU") and given.get("sparse_y_pred", True):
        return f"{name} takes probabilities for class numbers unless sparse_y_pred: false"
    if name.endswith("TopKCategoricalAccuracy") and given.get("k", 5) >= num_classes:
        return f"the best {given.get('k', 5)} of {num_classes} classes are always right; lower k"
    return None
