"""Schedules of a training that has more or fewer epochs than they were declared for."""

from __future__ import annotations

from typing import Any

import pytest

from imgclf.config.spec import Spec
from imgclf.config.stretched import stretched_callbacks, stretched_optimizer


def schedule(arguments: dict[str, Any], ratio: float) -> dict[str, Any]:
    (spec,) = stretched_callbacks([Spec(name="LearningRateScheduler", arguments=arguments)], ratio)
    return spec.arguments


@pytest.mark.parametrize(
    ("declared", "ratio", "expected"),
    [
        (
            {"schedule": "cosine", "epochs": 30, "warmup_epochs": 3},
            0.4,
            {"schedule": "cosine", "epochs": 12, "warmup_epochs": 1},
        ),
        (  # which has to have an epoch after the warm-up
            {"schedule": "cosine", "epochs": 30, "warmup_epochs": 29},
            0.1,
            {"schedule": "cosine", "epochs": 3, "warmup_epochs": 2},
        ),
        (
            {"schedule": "step", "factor": 0.1, "every": 10, "start_epoch": 4},
            0.5,
            {"schedule": "step", "factor": 0.1, "every": 5, "start_epoch": 2},
        ),
        (
            {"schedule": "table", "table": {10: 1e-3, 20: 1e-4}},
            0.5,
            {"schedule": "table", "table": {5: 1e-3, 10: 1e-4}},
        ),
        (
            {"schedule": "expression", "expression": "lr * 0.9"},
            0.5,
            {"schedule": "expression", "expression": "lr * 0.9"},
        ),
    ],
)
def test_epochs_of_a_schedule_are_those_of_the_training(
    declared: dict[str, Any], ratio: float, expected: dict[str, Any]
) -> None:
    assert schedule(declared, ratio) == expected


def test_steps_of_a_keras_schedule_are_too() -> None:
    arguments = {"initial_learning_rate": 0.01, "decay_steps": 900, "warmup_steps": 90}
    rate = Spec(name="CosineDecay", arguments=arguments)
    adam = Spec(name="Adam", arguments={"learning_rate": rate, "beta_1": 0.8})
    found = stretched_optimizer(adam, 1 / 3)
    assert found.written() == {
        "Adam": {
            "learning_rate": {
                "CosineDecay": {
                    "initial_learning_rate": 0.01,
                    "decay_steps": 300,
                    "warmup_steps": 30,
                }
            },
            "beta_1": 0.8,
        }
    }
    scaled = Spec(name="LossScaleOptimizer", arguments={"inner_optimizer": adam})
    assert stretched_optimizer(scaled, 1 / 3).arguments["inner_optimizer"] == found


def test_a_rate_that_does_not_change_has_no_length() -> None:
    adam = Spec(name="Adam", arguments={"learning_rate": 0.01})
    assert stretched_optimizer(adam, 0.5) == adam
