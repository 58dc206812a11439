"""What a training costs on this machine as it is now: measured in its first moments."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass

from imgclf.config.network import Network
from imgclf.data.augmenting import Augmenting
from imgclf.data.dataset import DataSet
from imgclf.system import console
from imgclf.training.fit import declared_phases
from imgclf.training.phases import Phase
from imgclf.training.role import Role
from imgclf.training.settings import TrainingSettings
from imgclf.training.time_plan import Costs

_LEAST_STEPS, _MOST_STEPS = 3, 20
_LONG_ENOUGH = 1.5  # seconds of steps

# EfficientNetLite0 on two cores, idle: 3.6 ms a picture by LiteRT, 12.7 by Keras, 26.6 in a step of
# training.
_KERAS_IN_PASSES = 3.5
_STEP_IN_PASSES = 7.4
_PREDICTION_IN_STEPS = 0.5
# `fit` compiles a step for training and one for validation.
_FIRST_IN_FIT = 1.6

# Seconds of one core of the machine that this was measured on, idle.
_AROUND_AN_EPOCH = 0.15  # validation of a head, logs, the commit
_PUBLISHING = 3.0  # the network built anew, the file, curves and report
_BEGINNING = 15.0  # a pretrained network made, and its first step compiled
_MAKING = 5.0  # a pretrained network made anew with other weights, and compiled to predict
_GRAPH = 2.0  # a network converted to LiteRT, where it is not as it came
_YARDSTICK = 0.0166


@dataclass(frozen=True)
class _Tried:
    """Seconds.

    Attributes:
        build: Of making the model.
        first: Of the first step, which compiles.
        step: Of each after it.
        share: How many seconds pass for each in which this thread computes, for other programs
            want the processor as well.
    """

    build: float
    first: float
    step: float
    share: float


def measure_costs(
    network: Network,
    data: DataSet,
    settings: TrainingSettings,
    augmenting: Augmenting | None,
    which: Sequence[int],
    one_pass: float | None,
    share: float | None,
) -> list[Costs]:
    """Tries a few steps of phases of a training, and leaves nothing of them.

    Args:
        network: What is trained.
        data: What it is trained on.
        settings: How.
        augmenting: What the source does in place of augmentation layers.
        which: The phases, from 0.
        one_pass: Seconds that the backbone takes for a picture; None if there is none.
        share: How many seconds pass for each in which this process computes; None if that isn't
            known.

    Raises:
        ConfigError: The network can't be built.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    from imgclf.backend import keras

    speed, costs = _speed(), []
    for number in which:
        try:
            with console.track("trying a few steps"), console.hushed():
                phases = declared_phases(network, data, settings, (), augmenting, Role())
                phase = phases[number]
                tried = _try(phase)
        finally:
            # Or there were two in memory, and the layers of the training had other names.
            keras.backend.clear_session()
            gc.collect()
        slower = speed * (share or tried.share)
        if one_pass is not None and number == 0:
            tested = _KERAS_IN_PASSES * len(data.test) * one_pass
            costs.append(_costs(phase, tried, slower, _PUBLISHING * slower + tested))
        else:
            costs.append(_costs(phase, tried, slower, _publishing(phase, tried, data, slower)))
    return costs


def reckon_fine_tuning(
    data: DataSet, batch_size: int, one_pass: float, share: float | None, *, by_keras: bool
) -> Costs:
    """What fine-tuning all of a network takes, about: to try it would take half a minute.

    Its steps tell soon enough, and then it becomes longer or shorter.

    Args:
        data: What it is trained on.
        batch_size: Pictures in a step.
        one_pass: Seconds that the network takes for a picture.
        share: As above.
        by_keras: It was Keras that took them, and not LiteRT.
    """
    slower = _speed() * (share or 1.0)
    picture = one_pass * _STEP_IN_PASSES / (_KERAS_IN_PASSES if by_keras else 1.0)
    judged = _PREDICTION_IN_STEPS * len(data.validation) * picture
    tested = _PREDICTION_IN_STEPS * len(data.test) * picture
    return Costs(
        begin=_BEGINNING * slower,
        epoch=len(data.training) * picture + judged,
        # An epoch that is cut short is validated, and so are an average of weights and the end.
        publish=(_PUBLISHING + _GRAPH + _MAKING) * slower + tested + 3 * judged,
        step=batch_size * picture,
    )


def _try(phase: Phase) -> _Tried:
    assert phase.model is not None
    began, computed = time.perf_counter(), time.thread_time()
    model = phase.model(None)
    built = time.perf_counter()
    whole = max(1, phase.source.num_batches - 1)  # the last may be smaller, and compile anew
    model.train_on_batch(*phase.source.batch(0, 0))
    compiled, steps = time.perf_counter(), 0
    share = (compiled - began) / max(0.1, time.thread_time() - computed)
    while steps < _MOST_STEPS:
        model.train_on_batch(*phase.source.batch(0, steps % whole))
        steps += 1
        if steps >= _LEAST_STEPS and time.perf_counter() - compiled > _LONG_ENOUGH:
            break
    step = (time.perf_counter() - compiled) / steps
    return _Tried(built - began, compiled - built, step, max(1.0, share))


def _costs(phase: Phase, tried: _Tried, slower: float, publish: float) -> Costs:
    return Costs(
        begin=tried.build + _FIRST_IN_FIT * tried.first,
        epoch=phase.source.num_batches * tried.step
        + _validation(phase, tried)
        + _AROUND_AN_EPOCH * slower,
        publish=publish,
        step=tried.step,
    )


def _validation(phase: Phase, tried: _Tried) -> float:
    batches = 0 if phase.validation is None else phase.validation.num_batches
    return _PREDICTION_IN_STEPS * batches * tried.step


def _publishing(phase: Phase, tried: _Tried, data: DataSet, slower: float) -> float:
    """Of a network that is not as it came: it is converted, and says itself what it answers."""
    held_out = (len(data.validation) + len(data.test)) / len(data.training)
    answers = _PREDICTION_IN_STEPS * held_out * phase.source.num_batches * tried.step
    # An epoch that is cut short is validated, and so is an average of weights.
    validations = 2 * _validation(phase, tried)
    compiled = tried.build + tried.first
    return (_PUBLISHING + _GRAPH) * slower + compiled + answers + validations


def _speed() -> float:
    """How many times as long Python computes here as where all this was measured, when alone."""
    began = time.thread_time()
    for _ in range(500):
        squares = {str(number): number * number for number in range(200)}
        sorted(squares, key=squares.__getitem__, reverse=True)
    return (time.thread_time() - began) / _YARDSTICK
