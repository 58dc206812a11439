"""What must go together: the whole config, once each part of it is right by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from imgclf.config.auto_rate import AUTO, is_auto
from imgclf.config.callback_catalogue import entry_of
from imgclf.config.choices import BALANCED
from imgclf.config.keras_names import BY_OUTPUT
from imgclf.config.label_modes import SMOOTHED_LOSSES
from imgclf.config.layer_checks import layer_problems
from imgclf.config.loaded import ConfigFile
from imgclf.config.monitor_checks import metric_problems, monitor_problems
from imgclf.config.multi_label import multi_label_problems
from imgclf.config.number_checks import number_problems
from imgclf.config.pretrained_checks import pretrained_problems
from imgclf.config.schema import BATCH_SIZE, Config, DataConfig, TrainingConfig
from imgclf.config.spec import Spec
from imgclf.config.stretched import lengths
from imgclf.errors import Problem


def check_together(config: Config, file: ConfigFile, refused: Collection[str]) -> list[Problem]:
    """All problems between the parts of a config.

    Args:
        config: Perhaps with parts left out that have problems of their own.
        file: Where it was read from.
        refused: The dotted keys that have problems.
    """
    # Without all the metrics nobody can say what will be logged.
    metrics_known = not any(key.startswith("training.metrics") for key in refused)
    return [
        *_table_problems(config.data, file),
        *multi_label_problems(config, file),
        *_balance_problems(config, file),
        *_adjustment_problems(config, file),
        *_smoothing_problems(config.training, file),
        *layer_problems(config, file),
        *number_problems(config, file),
        *pretrained_problems(config, file),
        *(_log_problems(config, file) if metrics_known else ()),
        *_number_problems(config.callbacks, file),
        *_learning_rate_problems(config, file),
        *_average_problems(config, file),
        *_period_problems(config.callbacks, file),
        *_distribution_problems(config, file),
        *_time_problems(config, file),
    ]


def _table_problems(data: DataConfig, file: ConfigFile) -> Iterator[Problem]:
    """A table says itself what folders say otherwise."""
    if data.table is None:
        if data.groups is not None and data.groups.column is not None:
            message = "there is no table that could have this column"
            column, allowed = data.groups.column, "data.table with it, or groups by the path"
            yield file.problem("data.groups", message, received=column, allowed=allowed)
        return
    if Path(data.table).suffix.lower() not in (".csv", ".tsv"):
        message, allowed = "a table's name ends in .csv or .tsv", "the path of a .csv or .tsv file"
        yield file.problem("data.table", message, received=data.table, allowed=allowed)
    if data.classes != "folders":
        message = "the classes stand in data.table, in the column label"
        yield file.problem("data.classes", message, received=data.classes, allowed="folders")
    if data.parts != "auto":
        message = "the parts stand in data.table, in the column part"
        yield file.problem("data.parts", message, allowed="auto")


def _balance_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """Classes made up for twice come out the other way round."""
    if config.data.oversample and config.training.class_weight == BALANCED:
        message = "this makes up for what data.oversample makes up for already; keep one of the two"
        allowed = "weights by class, or data.oversample: false"
        yield file.problem("training.class_weight", message, received=BALANCED, allowed=allowed)


def _adjustment_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """Frequencies that are made up for twice, or in an output that has no logits to adjust."""
    training = config.training
    if training.logit_adjustment == 0:
        return
    key, received = "training.logit_adjustment", str(training.logit_adjustment)
    if config.data.oversample or training.class_weight == BALANCED:
        other = "data.oversample" if config.data.oversample else "training.class_weight"
        message = f"this makes up for what {other} makes up for already; keep one of the two"
        yield file.problem(key, message, received=received, allowed="0, or the other one left out")
    if training.loss is not None and training.loss.name not in (
        *SMOOTHED_LOSSES,
        *BY_OUTPUT["losses"],
    ):
        yield file.problem(
            key,
            f"by {training.loss.name} a network learns no probabilities, which could be adjusted",
            received=received,
            allowed=f"0, or another training.loss: {', '.join(SMOOTHED_LOSSES)}",
        )
    output = config.model.output
    if output is not None and output.arguments.get("use_bias") is False:
        message = "model.output has use_bias: false, and the bias is what is adjusted"
        yield file.problem(key, message, received=received, allowed="0, or an output with a bias")


def _smoothing_problems(training: TrainingConfig, file: ConfigFile) -> Iterator[Problem]:
    """Labels that are smoothed twice, or by a loss that wants sure ones."""
    amount, loss = training.label_smoothing, training.loss
    if amount is None or loss is None:
        return
    if "label_smoothing" in loss.arguments:
        yield file.problem(
            "training.loss.label_smoothing",
            "training.label_smoothing says how much already, of training alone; keep one of them",
            received=str(loss.arguments["label_smoothing"]),
        )
    elif amount > 0 and loss.name not in (*SMOOTHED_LOSSES, *BY_OUTPUT["losses"]):
        yield file.problem(
            "training.label_smoothing",
            f"{loss.name} has no room for labels that are not quite sure",
            received=str(amount),
            allowed=f"0, or another training.loss: {', '.join(SMOOTHED_LOSSES)}",
        )


def _log_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    metrics = config.training.metrics
    yield from metric_problems(metrics, file, phases=config.training.fine_tune is not None)
    yield from monitor_problems(config.callbacks, metrics, file)


def _number_problems(callbacks: Sequence[Spec], file: ConfigFile) -> Iterator[Problem]:
    """Callbacks that are there twice, or both on and off."""
    first: dict[str, int] = {}
    for index, spec in enumerate(callbacks):
        other = first.setdefault(spec.name, index)
        if other == index:
            continue
        switched = spec.off != callbacks[other].off
        if switched or spec.off or entry_of(spec.name).unique:
            what = "is both on and off" if switched else "is here twice"
            yield file.problem(
                f"callbacks.{index}",
                f"{spec.name} {what}: the other is callbacks.{other}",
                received=spec.name,
                allowed=f"one {spec.name}",
            )


def _optimizer(training: TrainingConfig) -> Spec:
    """The optimizer that has the learning rate, without LossScaleOptimizer around it."""
    optimizer = training.optimizer
    inner = optimizer.arguments.get("inner_optimizer")
    return inner if isinstance(inner, Spec) else optimizer


def _learning_rate_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """A schedule in the optimizer leaves nothing for a callback to set: a TypeError in mid-run."""
    rate = _optimizer(config.training).arguments.get("learning_rate")
    if not isinstance(rate, Spec):
        return
    for index, spec in enumerate(config.callbacks):
        if entry_of(spec.name).sets_learning_rate and not spec.off:
            yield file.problem(
                f"callbacks.{index}",
                f"{spec.name} can't set the learning rate, which follows the optimizer's "
                f"{rate.name}; keep one of the two",
                received=spec.name,
                allowed="training.optimizer with a number for its learning_rate",
            )


def _average_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """Averages of the weights that nobody keeps, or that are asked for twice."""
    optimizer = _optimizer(config.training)
    asked = config.training.ema is not None
    for name in ("use_ema", "ema_momentum"):
        if asked and name in optimizer.arguments:
            yield file.problem(
                f"training.optimizer.{name}",
                "training.ema has the optimizer keep averages already; keep one of the two",
                received=str(optimizer.arguments[name]).lower(),
                allowed="training.ema: {momentum: 0.99}, without this",
            )
    for index, spec in enumerate(config.callbacks):
        if entry_of(spec.name).needs_averages and not spec.off:
            if asked:
                yield file.problem(
                    f"callbacks.{index}",
                    f"training.ema does already what {spec.name} does; keep one of the two",
                    received=spec.name,
                )
            elif not optimizer.arguments.get("use_ema"):
                yield file.problem(
                    f"callbacks.{index}",
                    f"{spec.name} needs an optimizer that keeps averages of the weights",
                    received=f"training.optimizer: {optimizer.name}",
                    allowed=f"training.optimizer: {optimizer.name}: {{use_ema: true}}",
                )


def _period_problems(callbacks: Sequence[Spec], file: ConfigFile) -> Iterator[Problem]:
    for index, spec in enumerate(callbacks):
        given = spec.arguments
        usual = entry_of(spec.name).own_arguments.get("period")
        if isinstance(given.get("save_freq"), int) and given.get("period", usual) != usual:
            yield file.problem(
                f"callbacks.{index}.period",
                "period counts epochs and save_freq counts batches; give one of them",
                received=f"period: {given['period']}, save_freq: {given['save_freq']}",
            )


def _distribution_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """What several processes can't do, or do otherwise."""
    if config.training.distribution == "none":
        return
    if config.data.batch_size == "auto":
        yield file.problem(
            "data.batch_size",
            "training.distribution: data_parallel needs a number, which its devices divide",
            received="auto",
            allowed=BATCH_SIZE,
        )
    fine_tune = config.training.fine_tune
    for key, is_open in (
        ("training.optimizer.learning_rate", is_auto(config.training.optimizer)),
        (
            "training.fine_tune.learning_rate",
            fine_tune is not None and fine_tune.learning_rate == AUTO,
        ),
    ):
        if is_open:
            yield file.problem(
                key,
                "training.distribution: data_parallel needs a number, for each process would find "
                "another",
                received=AUTO,
                allowed="a number, such as imgclf train CONFIG --find-lr proposes",
            )
    for index, spec in enumerate(config.callbacks):
        instead = entry_of(spec.name).in_parallel
        if instead is not None and not spec.off:
            yield file.problem(
                f"callbacks.{index}",
                f"{spec.name} can't be used with training.distribution: data_parallel",
                received=spec.name,
                allowed=f"{instead}, or training.distribution: none",
            )


def _time_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """What can't be fitted into a time."""
    budget = config.training.time_budget
    if budget is None:
        return
    if config.training.distribution != "none":
        yield file.problem(
            "training.time_budget",
            "training.distribution: data_parallel has no time budget: each process would find "
            "that something else fits into it",
            received=f"{budget:g} s",
            allowed="null, or training.distribution: none",
        )
    if "training.epochs" not in file.origins:
        for key in lengths(config):
            yield file.problem(
                key,
                "training.time_budget stretches a schedule as it does training.epochs, which are "
                "not given",
                allowed="training.epochs: those that the schedule is declared for",
            )
