"""Declared learning rates, by their formulas; what they do in a training is in test_callbacks."""

from __future__ import annotations

import math
from typing import Any

import pytest

from imgclf.config.schedules import SCHEDULES, Schedule


def rates(schedule: Schedule, epochs: int, initial: float = 0.1) -> list[float]:
    """The rates of the first epochs, each set from the one before."""
    found, rate = [], initial
    for epoch in range(epochs):
        rate = schedule(epoch, rate, initial)
        found.append(rate)
    return found


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("exponential", {"rate": -0.1}, [0.1 * math.exp(-0.1 * n) for n in (1, 2, 3)]),
        (
            "exponential",
            {"rate": -0.5, "start_epoch": 2},
            [0.1, 0.1, 0.1 * math.exp(-0.5), 0.1 * math.exp(-1)],
        ),
        ("table", {"table": {1: 0.05, 3: 0.01}}, [0.1, 0.05, 0.05, 0.01, 0.01]),
        ("table", {"table": {0: 1}}, [1.0, 1.0]),
        ("step", {"factor": 0.5, "every": 2}, [0.1, 0.1, 0.05, 0.05, 0.025]),
        ("step", {"factor": 0.1, "every": 1, "start_epoch": 2}, [0.1, 0.1, 0.1, 0.01, 0.001]),
        ("cosine", {"epochs": 4}, [0.1, 0.085355, 0.05, 0.014645, 0.0, 0.0]),
        ("cosine", {"epochs": 2, "min_learning_rate": 0.02}, [0.1, 0.06, 0.02, 0.02]),
        ("cosine", {"epochs": 4, "warmup_epochs": 2}, [0.1 / 3, 0.2 / 3, 0.1, 0.05, 0.0]),
        ("warmup", {"epochs": 3}, [0.025, 0.05, 0.075, 0.1, 0.1]),
        ("warmup", {"epochs": 1, "start": 0.02}, [0.06, 0.1, 0.1]),
        ("expression", {"expression": "0.1 / (1 + epoch)"}, [0.1, 0.05, 0.1 / 3]),
        ("expression", {"expression": "lr if epoch < 2 else lr * exp(-0.1)"}, [0.1, 0.1, 0.090484]),
        ("expression", {"expression": "max(0.03, lr * 0.5)"}, [0.05, 0.03, 0.03]),
        ("expression", {"expression": "0.1 * 0.5 ** (epoch // 2)"}, [0.1, 0.1, 0.05, 0.05]),
        ("expression", {"expression": "0.2 if epoch % 2 == 1 and not lr > 1 else 0.1"}, [0.1, 0.2]),
        ("expression", {"expression": "sqrt(abs(-4)) + log(e) + cos(pi)"}, [2.0]),
    ],
)
def test_rates(name: str, arguments: dict[str, Any], expected: list[float]) -> None:
    assert rates(SCHEDULES[name](**arguments), len(expected)) == pytest.approx(expected, rel=1e-4)


def test_a_rate_lowered_by_somebody_else_stays_lowered() -> None:
    schedule = SCHEDULES["exponential"](rate=-0.5)
    assert schedule(5, 0.001, 0.1) == pytest.approx(0.001 * math.exp(-0.5))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("exponential", {"rate": "fast"}, "rate must be a number; received: 'fast'"),
        ("exponential", {"rate": 1000.0}, "rate must lie between -50 and 50"),
        ("exponential", {"rate": 0.1, "start_epoch": -1}, "start_epoch must be a whole number"),
        ("table", {"table": {}}, "table must list epochs"),
        ("table", {"table": [0.1]}, "table must list epochs"),
        ("table", {"table": {"3": 0.1}}, "an epoch in the table must be a whole number"),
        ("table", {"table": {3: 0}}, "the rate at epoch 3 must be above 0"),
        ("step", {"factor": 0, "every": 2}, "factor must be above 0"),
        ("step", {"factor": 0.5, "every": 0}, "every must be a whole number from 1 on"),
        ("cosine", {"epochs": 0}, "epochs must be a whole number from 1 on"),
        ("cosine", {"epochs": 3, "warmup_epochs": 3}, "warmup_epochs must be fewer than epochs"),
        ("cosine", {"epochs": 3, "min_learning_rate": -1}, "min_learning_rate must not be below 0"),
        ("warmup", {"epochs": True}, "epochs must be a whole number"),
        ("warmup", {"epochs": 2, "start": math.nan}, "start must be a number"),
        ("expression", {"expression": 5}, "an expression is needed"),
        ("expression", {"expression": " "}, "an expression is needed"),
        ("expression", {"expression": "lr *"}, "'lr \\*' is not an expression"),
        ("expression", {"expression": "lr * decay"}, "unknown name 'decay'; allowed: epoch, lr"),
        ("expression", {"expression": "l_r"}, "did you mean 'lr'"),
        ("expression", {"expression": "expp(lr)"}, "did you mean 'exp'"),
        ("expression", {"expression": "min(lr)"}, "min takes two numbers or more"),
        ("expression", {"expression": "exp(lr, 2)"}, "exp takes one number"),
        ("expression", {"expression": "exp(x=1)"}, "not allowed in an expression"),
        ("expression", {"expression": "'a' * 9"}, "not allowed in an expression"),
        ("expression", {"expression": "lr.real"}, "not allowed in an expression"),
        ("expression", {"expression": "[lr][0]"}, "not allowed in an expression"),
        ("expression", {"expression": "(lambda: 1)()"}, "not allowed in an expression"),
        ("expression", {"expression": "__import__('os').system('true')"}, "not allowed"),
        ("expression", {"expression": "(lr := 1)"}, "not allowed in an expression"),
        ("expression", {"expression": "1 << 1000"}, "not allowed in an expression"),
        ("expression", {"expression": "(" * 240 + "lr" + ")" * 240}, "expression"),
        ("expression", {"expression": "1" * 501}, "longer than 500 characters"),
        ("expression", {"expression": "1" * 400}, "a number in the expression is too large"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    name: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SCHEDULES[name](**arguments)


@pytest.mark.parametrize(
    "text",
    ["9 ** 9 ** 9 ** 9", "1 / epoch", "(0 - 1) ** 0.5", "log(epoch)", "exp(1000)", "1e300 * 1e300"],
)
def test_an_expression_without_a_finite_value_says_where(text: str) -> None:
    schedule = SCHEDULES["expression"](expression=text)
    with pytest.raises(ValueError, match=r"epoch = 0, lr = 0\.1"):
        schedule(0, 0.1, 0.1)
