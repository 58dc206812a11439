"""What of a training fits into `training.time_budget`, found at its beginning, once."""

from __future__ import annotations

import time

from msgspec.structs import replace

from imgclf.backbones.graphs import FeaturesNetwork
from imgclf.backbones.views import views_of
from imgclf.config.fine_tune import ALL_LAYERS
from imgclf.config.network import Network
from imgclf.config.schema import Config
from imgclf.data.augmenting import leading_augmenting
from imgclf.data.dataset import DataSet
from imgclf.runs.folder import Settled, TimePlan
from imgclf.system import console
from imgclf.system.clock import duration_text
from imgclf.system.processor_share import ProcessorShare
from imgclf.system.time_limit import TimeLimit
from imgclf.training.costs import measure_costs, reckon_fine_tuning
from imgclf.training.settings import settings_for_a_try
from imgclf.training.time_plan import Declared, plan_epochs
from imgclf.training.transfer import sets_rates

_TIMED = 32  # pictures
_TRYING_PAYS = 60.0  # seconds that are left; to try a few steps of fine-tuning takes up to 20


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
    augmenting = leading_augmenting(augmentation_layers(network))
    one_pass = None if backbone is None else _pass_seconds(backbone, data)
    share = ProcessorShare().slower
    whole = backbone is not None and fine_tune is not None and fine_tune.from_ == ALL_LAYERS
    tried = fine_tune is not None and backbone is not None and limit.left > _TRYING_PAYS
    phases = [0, 1] if tried and not whole else [0]
    costs = measure_costs(network, data, settings, augmenting, phases, one_pass, share)
    if whole and one_pass is not None and backbone is not None:
        by_keras, batch_size = backbone.graph is None, settled.batch_size
        costs.append(reckon_fine_tuning(data, batch_size, one_pass, share, by_keras=by_keras))
    declared = Declared(
        training.epochs,
        0 if fine_tune is None else fine_tune.epochs,
        len(data.training) * one_pass
        if one_pass is not None and len(views_of(network.augmentation)) > 1
        else None,
        adapts=not sets_rates(config.callbacks),
    )
    used = limit.used
    plan = plan_epochs(declared, limit.left, used, *costs)
    if plan is None:
        raise limit.too_short("a training of one epoch", used + costs[0].least)
    plan = replace(plan, slower=share)
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
        about = "about " if plan.adapts else ""
        epochs += f" on features, then {about}{plan.fine_tuned} epoch{more} of fine-tuning"
    elif fine_tunes:
        epochs += " on features, and no fine-tuning"
    return (
        f"in {duration_text(limit.seconds)}, of which {duration_text(plan.used)} are over: {epochs}"
    )
