"""MixUp and CutMix where batches are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.data.augmenting import Augmenting
from imgclf.data.batch_share import WHOLE, Share
from imgclf.data.mixing import Mixing
from imgclf.data.resampling import Resampling
from imgclf.data.source import Examples, Source

LAYERS = {"MixUp": keras.layers.MixUp(0.4, seed=1), "CutMix": keras.layers.CutMix(seed=1)}
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 12, 10, 3)).astype(np.uint8)
LABELS = np.eye(3, dtype=np.float32)[np.arange(24) % 3]


def source(*layers: Any, share: Share = WHOLE, resampled: bool = False) -> Source:
    examples = Examples(PIXELS, np.arange(24), LABELS)
    flips = Augmenting((Resampling((keras.layers.RandomFlip("horizontal"),)),))
    return Source(examples, 8, 5, flips if resampled else None, share, Mixing(layers))


def unmixed() -> Source:
    return Source(Examples(PIXELS, np.arange(24), LABELS), 8, 5)


@pytest.mark.parametrize("name", LAYERS)
def test_labels_are_mixed_as_pictures_are(name: str) -> None:
    pictures, labels = source(LAYERS[name]).batch(0, 0)
    whole, sure = unmixed().batch(0, 0)
    assert pictures.dtype == np.uint8
    assert labels.dtype == np.float32
    assert not np.array_equal(pictures, whole)
    for picture, label, own in zip(pictures, labels, whole, strict=True):
        # Of which pictures it is made, and how much of each, is told by the pixels alone.
        mixes = [
            (part, of_label)
            for other, of_label in zip(whole, sure, strict=True)
            for part in [_part_of(name, picture, own, other)]
            if part is not None
        ]
        here = sure[[np.array_equal(own, one) for one in whole].index(True)]
        assert any(
            np.allclose(label, (1 - part) * here + part * of_label, atol=0.02)
            for part, of_label in mixes
        )


def _part_of(name: str, mixed: Any, own: Any, other: Any) -> float | None:
    """How much of the other is in the mixture, if that is what it is made of."""
    if name == "CutMix":
        is_other, is_own = (np.all(mixed == one, axis=-1) for one in (other, own))
        return float(np.mean(is_other & ~is_own)) if np.all(is_other | is_own) else None
    apart = other.astype(float) - own
    if not apart.any():
        return 0.0
    part = float(np.sum(apart * (mixed.astype(float) - own)) / np.sum(apart**2))
    return part if np.abs(own + part * apart - mixed).max() < 3 else None


@pytest.mark.parametrize("name", LAYERS)
def test_weights_are_mixed_as_labels_are(name: str) -> None:
    examples = Examples(PIXELS, np.arange(24), LABELS, weights=1 + 2 * LABELS[:, 1])
    _, labels, weights = Source(examples, 8, 5, mixing=Mixing((LAYERS[name],))).batch(0, 0)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, 1 + 2 * labels[:, 1], rtol=1e-5)


def test_of_both_each_batch_gets_one() -> None:
    both = Mixing(tuple(LAYERS.values()))
    drawn = [both.draw(np.random.default_rng(seed), 8, 12, 10) for seed in range(40)]
    cut = sum(mixture.boxes is not None for mixture in drawn)
    assert 10 < cut < 30


@pytest.mark.parametrize("name", LAYERS)
def test_weights_and_boxes_are_drawn_as_keras_draws_them(name: str) -> None:
    random = np.random.default_rng(1)
    # With a sequence of draws of its own, whatever other tests have drawn.
    layer = type(LAYERS[name]).from_config(LAYERS[name].get_config())
    ours = np.concatenate([Mixing((layer,)).draw(random, 64, 32, 40).weights for _ in range(150)])
    data = {"images": np.zeros((64, 32, 40, 3), np.float32), "labels": np.zeros((64, 2))}
    theirs = np.concatenate(
        [np.ravel(layer.get_random_transformation(data)["mix_weight"]) for _ in range(150)]
    )
    quantiles = np.linspace(0.1, 0.9, 9)
    np.testing.assert_allclose(
        np.quantile(ours, quantiles), np.quantile(theirs, quantiles), atol=0.06
    )


def test_what_is_drawn_follows_from_seed_epoch_and_batch() -> None:
    layers = tuple(LAYERS.values())
    again = [source(*layers, resampled=True).batch(3, 1) for _ in range(2)]
    for one, other in zip(*again, strict=True):
        np.testing.assert_array_equal(one, other)
    later = source(*layers, resampled=True).batch(4, 1)
    assert not np.array_equal(again[0][0], later[0])


@pytest.mark.parametrize("number", range(3))
def test_processes_see_together_what_one_sees_alone(number: int) -> None:
    layers = tuple(LAYERS.values())
    alone = source(*layers, resampled=True).batch(1, number)
    shares = [
        source(*layers, resampled=True, share=Share(index, 2, 2)).batch(1, number)
        for index in range(2)
    ]
    for whole, *parts in zip(alone, *shares, strict=True):
        np.testing.assert_array_equal(np.concatenate(parts), whole)
