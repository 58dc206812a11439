"""The least certain of pictures that go by, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from imgclf.data.looks import SIDE
from imgclf.labelling import candidates
from imgclf.labelling.candidates import Candidates
from imgclf.model.prediction import Prediction

RANDOM = np.random.default_rng(5)


def add(to: Candidates, confidences: Sequence[float], looks: np.ndarray | None = None) -> None:
    """Pictures named by their confidence, whose features and looks have nothing in common."""
    count = len(confidences)
    probabilities = np.array([[share, 1 - share] for share in confidences])
    answers = [
        Prediction.of(f"{share:.3f}", row, ["cat", "dog"])
        for share, row in zip(confidences, probabilities, strict=True)
    ]
    if looks is None:
        looks = RANDOM.integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)
    features = RANDOM.normal(size=(count, 64)).astype(np.float32)
    to.add(answers, probabilities, features, looks)


def test_the_least_certain_are_suggested() -> None:
    found = Candidates(3)
    add(found, np.linspace(0.5, 1, 120).tolist())
    suggested = [float(one.path) for one in found.suggested(None)]
    assert len(suggested) == 3
    assert max(suggested) < 0.5 + 0.5 / 3 + 0.01


def test_memory_does_not_grow_with_what_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_MOST", 20)
    found = Candidates(2)
    for start in range(0, 4_000, 10):
        add(found, [0.5 + (start + more) / 8_000 for more in range(10)][::-1])
        assert sum(len(part.predictions) for part in found._parts) < 40
    assert max(float(one.path) for one in found.suggested(None)) < 0.505


def test_of_near_copies_the_least_certain_is_suggested() -> None:
    picture = RANDOM.integers(0, 256, (SIDE, SIDE, 3)).astype(np.int64)
    copies = [np.clip(picture + shade, 0, 255) for shade in (0, 2, 4)]
    found = Candidates(10)
    add(found, [0.7, 0.6, 0.8], np.stack(copies).astype(np.uint8))
    assert [one.path for one in found.suggested(None)] == ["0.600"]


def test_what_float16_cannot_hold_is_as_large_as_it_can() -> None:
    found = Candidates(1)
    looks = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    one = Prediction.of("large", np.array([0.5, 0.5]), ["cat", "dog"])
    found.add([one], np.array([[0.5, 0.5]]), np.full((1, 8), 1e9, np.float32), looks)
    assert found.suggested(None) == [one]


def test_of_nothing_nothing_is_suggested() -> None:
    assert Candidates(3).suggested(None) == []


def test_how_sure_the_model_is_altogether_makes_no_difference() -> None:
    looks = RANDOM.integers(0, 256, (90, SIDE, SIDE, 3)).astype(np.uint8)
    features = RANDOM.normal(size=(90, 64)).astype(np.float32)
    suggested = []
    for exponent in (1, 8):
        odds = np.linspace(1.01, 3, 90) ** exponent
        probabilities = np.stack([odds, np.ones(90)], axis=1) / (1 + odds)[:, None]
        answers = [
            Prediction.of(str(place), row, ["cat", "dog"])
            for place, row in enumerate(probabilities)
        ]
        found = Candidates(6)
        found.add(answers, probabilities, features, looks)
        suggested.append([one.path for one in found.suggested(None)])
    assert suggested[0] == suggested[1]
    assert len(suggested[0]) == 6
