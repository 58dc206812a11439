"""What of a training fits into `training.time_budget`, found at its beginning, once."""

from __future__ import annotations

import time

from imgclf.backbones.graphs import FeaturesNetwork
from imgclf.backbones.views import views_of
from imgclf.config.network import Network
from imgclf.config.schema import Config
from imgclf.data.dataset import DataSet
from imgclf.data.resampling import leading_resampling
from imgclf.runs.folder import Settled, TimePlan
from imgclf.system import console
from imgclf.system.clock import duration_text
from imgclf.system.time_limit import TimeLimit
from imgclf.training.costs import measure_costs
from imgclf.training.settings import settings_for_a_try
from imgclf.training.time_plan import Declared, plan_epochs

_TIMED = 32  # pictures
# EfficientNetLite0 on two cores: 3.6 ms a picture by LiteRT, 26.6 in a training step.
_PASS = 3.6e-3
_STEP_IN_PASSES = 26.6e-3 / _PASS
_TRYING = 15.0  # seconds where a pass takes that, of which most is compiling


def plan_time(
    network: Network,
    config: Config,
    data: DataSet,
    backbone: FeaturesNetwork | None,
    settled: Settled,
    limit: TimeLimit,
) -> TimePlan:
    """Measures what things cost here, and says what is done in the time that is left.

    Args:
        network: What is trained.
        config: What is asked for, at most.
        data: What it is trained on.
        backbone: As it comes, if there is one.
        settled: What else was left open.
        limit: The time.

    Raises:
        TimeBudgetError: Not even an epoch fits, with how long it would take.
        ConfigError: The network can't be built.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    from imgclf.model.build import augmentation_layers

    training = config.training
    fine_tune = training.fine_tune
    settings = settings_for_a_try(config, settled)
    resampling = leading_resampling(augmentation_layers(network)) if settled.resampled else None
    one_pass = None if backbone is None else _pass_seconds(backbone, data)
    phases = [0]
    if fine_tune is not None and one_pass is not None:
        epoch = len(data.training) * _STEP_IN_PASSES * one_pass
        if epoch + _TRYING * one_pass / _PASS < limit.left:
            phases.append(1)
    costs = measure_costs(network, data, settings, resampling, phases, one_pass)
    declared = Declared(
        training.epochs,
        0 if fine_tune is None else fine_tune.epochs,
        len(data.training) * one_pass
        if one_pass is not None and len(views_of(network.augmentation)) > 1
        else None,
    )
    used = limit.used
    plan = plan_epochs(declared, limit.left, used, *costs)
    if plan is None:
        raise limit.too_short("a training of one epoch", used + costs[0].least)
    console.note(_in_words(plan, limit, fine_tunes=fine_tune is not None))
    return plan


def _pass_seconds(backbone: FeaturesNetwork, data: DataSet) -> float:
    """That the backbone takes for a picture."""
    part = data.training
    pixels = part.pixels[part.rows[:_TIMED]]
    began = time.perf_counter()
    backbone.run(pixels)
    return (time.perf_counter() - began) / len(pixels)


def _in_words(plan: TimePlan, limit: TimeLimit, *, fine_tunes: bool) -> str:
    """What is done, for people."""
    epochs = f"{plan.epochs} epoch{'s' if plan.epochs > 1 else ''}"
    if plan.fine_tuned:
        more = "s" if plan.fine_tuned > 1 else ""
        epochs += f" on features, then {plan.fine_tuned} epoch{more} of fine-tuning"
    elif fine_tunes:
        epochs += " on features, and no fine-tuning"
    return (
        f"in {duration_text(limit.seconds)}, of which {duration_text(plan.used)} are over: {epochs}"
    )
