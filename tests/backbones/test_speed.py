"""How long fine-tuning takes, told beforehand."""

from __future__ import annotations

import os

import pytest

from imgclf.backbones import speed
from imgclf.backbones.speed import fine_tuning_seconds
from imgclf.config.backbone import Backbone

LITE = Backbone(name="EfficientNetLite0")


@pytest.fixture
def no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "stored_graph", lambda _: None)


@pytest.mark.usefixtures("no_graph")
def test_without_a_graph_it_is_what_another_machine_of_two_cores_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert fine_tuning_seconds(LITE, 8, 1000, 0) == pytest.approx(8 * 1000 * 0.0266)
    assert fine_tuning_seconds(LITE, 1, 0, 1000) == pytest.approx(12.7)


@pytest.mark.usefixtures("no_graph")
def test_more_cores_take_less_up_to_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_cores(count: int | None) -> float:
        monkeypatch.setattr(os, "cpu_count", lambda: count)
        return fine_tuning_seconds(LITE, 8, 1000, 200)

    assert with_cores(1) / with_cores(2) == pytest.approx(1.83, abs=0.01)
    assert with_cores(2) > with_cores(4) > with_cores(8) == with_cores(96)
    assert with_cores(None) == with_cores(1)


@pytest.mark.slow
def test_with_a_graph_it_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    from imgclf.backend import keras
    from imgclf.model_file.features_graph import make_features_graph
    from tests.support.pretrained import on_backbone

    small = make_features_graph(on_backbone(keras.layers.Dense(1, activation="sigmoid")))
    monkeypatch.setattr(speed, "stored_graph", lambda _: small)
    assert 0 < fine_tuning_seconds(LITE, 8, 1000, 0) < 8 * 1000 * 0.0266 / 10


def test_a_graph_that_cannot_be_run_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(speed, "stored_graph", lambda _: b"nonsense")
    assert fine_tuning_seconds(LITE, 8, 1000, 0) == pytest.approx(8 * 1000 * 0.0266)
