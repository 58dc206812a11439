"""How a network's outputs are read, from the way in which it ends."""

from __future__ import annotations

import pytest

from imgclf.errors import ModelFileError
from imgclf.model.probabilities import Activation, activation_of


@pytest.mark.parametrize(
    ("name", "units", "head"),
    [
        ("sigmoid", 1, "sigmoid"),
        ("linear", 1, "sigmoid_logits"),
        ("softmax", 3, "softmax"),
        ("linear", 2, "softmax_logits"),
        ("log_softmax", 3, "softmax_logits"),
    ],
)
def test_a_classifier_is_read_as_it_ends(name: str, units: int, head: Activation) -> None:
    assert activation_of(name, units) == head


@pytest.mark.parametrize(
    ("name", "units", "ends"),
    [
        ("softmax", 1, "1 unit with activation softmax"),
        ("sigmoid", 3, "3 units with activation sigmoid"),
        (None, 2, "2 units with activation None"),
    ],
)
def test_what_ends_as_no_classifier_does_is_refused(
    name: str | None, units: int, ends: str
) -> None:
    with pytest.raises(ModelFileError, match=f"this model ends in {ends}$"):
        activation_of(name, units)
