"""Augmentation where batches are made does what Keras's layers do in the step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from imgclf.backend import keras
from imgclf.data.augmenting import Augmenting, leading_augmenting
from imgclf.data.batch_share import WHOLE, Share
from imgclf.data.source import Examples, Source

layers = keras.layers
RANDOM = np.random.default_rng(0)
NOISE = RANDOM.integers(0, 256, (8, 20, 31, 3), dtype=np.uint8)
# Darker on one side, and of few colours: a picture that can be stretched and equalized.
SHADED = (40 + NOISE * np.linspace(0.1, 0.5, 31)[:, np.newaxis]).astype(np.uint8)


def augmenting_of(*given: Any) -> Augmenting:
    found = leading_augmenting(given)
    assert found is not None
    assert found.layers == given
    return found


def alone(name: str) -> Any:
    """A part of Keras's RandAugment, as it is there."""
    return getattr(layers.RandAugment(factor=0.6), name)


def transformation_of(layer: Any, drawn: Any) -> dict[str, Any]:
    """What was drawn here, as the layer wants to be told it."""
    column: Any = np.array(drawn, np.float32).reshape(len(drawn), -1)
    pixelwise = column[:, :1, np.newaxis, np.newaxis]
    match type(layer).__name__:
        case "RandomBrightness":
            return {"rgb_delta": 255 * pixelwise}
        case "RandomContrast":
            return {"contrast_factor": pixelwise}
        case "RandomPosterization":
            return {"shift_factor": (8 - column[:, 0]).astype(np.uint8)}
        case "Solarization":
            thresholds = column[:, 1:, np.newaxis, np.newaxis]
            return {"additions": pixelwise, "thresholds": thresholds}
    return {"factor": pixelwise}


@pytest.mark.parametrize("pictures", [NOISE, SHADED], ids=["noise", "shaded"])
@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomBrightness(0.4),
        layers.RandomContrast(0.7),
        layers.RandomColorDegeneration((0.2, 0.9)),
        layers.RandomSharpness(0.9),
        alone("solarization"),
        alone("random_posterization"),
        alone("auto_contrast"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_gives_the_picture_that_keras_gives(
    layer: Any, pictures: NDArray[np.uint8]
) -> None:
    augmenting = augmenting_of(layer)
    drawn = augmenting.draw(np.random.default_rng(1), *pictures.shape[:3])
    ours = augmenting.apply(pictures, drawn)
    values = pictures.astype(np.float32)
    theirs = layer.transform_images(values, transformation_of(layer, [one for (one,) in drawn]))
    assert not np.array_equal(ours, pictures)
    # Half a grey level is what rounding to bytes costs; OpenCV mixes channels by 1024ths.
    assert np.abs(ours - np.asarray(theirs)).max() <= 0.7


def test_each_picture_is_equalized_by_itself() -> None:
    """Keras takes the histogram of the whole batch."""
    layer = layers.Equalization()
    augmenting = augmenting_of(layer)
    ours = augmenting.apply(SHADED, augmenting.draw(np.random.default_rng(1), *SHADED.shape[:3]))
    for picture, given in zip(ours, SHADED, strict=True):
        by_keras = np.asarray(layer(given[np.newaxis].astype(np.float32), training=True))[0]
        assert np.abs(picture - by_keras).max() <= 1


def test_what_has_no_contrast_stays_as_it_is() -> None:
    grey = np.full((1, 6, 5, 3), 90, np.uint8)
    for layer in (alone("auto_contrast"), layers.Equalization()):
        augmenting = augmenting_of(layer)
        drawn = augmenting.draw(np.random.default_rng(1), 1, 6, 5)
        assert np.array_equal(augmenting.apply(grey, drawn), grey)


def erased(layer: Any, count: int) -> NDArray[np.uint8]:
    pictures = np.full((count, 24, 16, 3), 90, np.uint8)
    augmenting = augmenting_of(layer)
    return augmenting.apply(pictures, augmenting.draw(np.random.default_rng(1), count, 24, 16))


def test_pieces_are_erased_as_keras_erases_them() -> None:
    layer = layers.RandomErasing((0.3, 0.9), scale=(0.1, 0.6), fill_value=7.0)
    keras.utils.set_random_seed(0)
    ours = erased(layer, 3000)
    same = type(layer).from_config(layer.get_config())  # whatever was drawn of the other before
    theirs = np.asarray(same(np.full((3000, 24, 16, 3), 90.0, np.float32), training=True))
    assert set(np.unique(ours)) == {7, 90}
    for pictures in (ours, theirs):
        parts = (pictures[..., 0] == 7).mean((1, 2))
        assert (parts > 0).mean() == pytest.approx(0.6, abs=0.03)
        # Of sides that are the roots of two numbers between 0.1 and 0.6.
        assert parts[parts > 0].mean() == pytest.approx(0.334, abs=0.02)
    # Where they lie: at each place about as often.
    assert np.abs((ours == 7).mean(0) - (theirs == 7).mean(0)).max() < 0.05


def test_without_a_value_there_is_noise_which_differs_from_picture_to_picture() -> None:
    pictures = erased(layers.RandomErasing((1, 1), scale=(1, 1)), 2)
    assert not np.array_equal(*pictures)
    # Of a normal distribution around 0, as wide as there are values, cut off at both ends.
    assert (pictures == 0).mean() == pytest.approx(0.5, abs=0.05)
    assert (pictures == 255).mean() == pytest.approx(0.16, abs=0.04)


def test_a_list_is_a_colour() -> None:
    pictures = erased(layers.RandomErasing((1, 1), scale=(1, 1), fill_value=[1, 2, 3]), 1)
    assert np.array_equal(pictures, np.tile(np.array([1, 2, 3], np.uint8), (1, 24, 16, 1)))


def test_rand_augment_does_as_much_to_pictures_as_keras_does() -> None:
    """By how far it moves their values; in Keras it takes batches of one to see as much."""
    layer = layers.RandAugment(num_ops=1, factor=0.3)
    picture = SHADED[:1]
    many = np.repeat(picture, 2000, axis=0)
    augmenting = augmenting_of(layer)
    ours = augmenting.apply(many, augmenting.draw(np.random.default_rng(2), *many.shape[:3]))
    keras.utils.set_random_seed(3)
    by_itself = layers.RandAugment(num_ops=1, factor=0.3)
    values = tf.data.Dataset.from_tensors(picture.astype(np.float32)).repeat(1000)
    theirs = np.concatenate(
        list(values.map(lambda one: by_itself(one, training=True)).as_numpy_iterator())
    )
    moved = [np.abs(one - picture.astype(np.float32)).mean((1, 2, 3)) for one in (ours, theirs)]
    quantiles = [np.quantile(one, [0.1, 0.25, 0.5, 0.75, 0.9]) for one in moved]
    np.testing.assert_allclose(*quantiles, rtol=0.15, atol=1)


def test_each_picture_has_its_own_operations() -> None:
    augmenting = augmenting_of(layers.RandAugment(num_ops=2))
    drawn = augmenting.draw(np.random.default_rng(0), 50, 20, 31)
    chosen = {
        tuple(type(step.layers[0]).__name__ for step, _ in operations) for (operations,) in drawn
    }
    assert len(chosen) > 25
    assert all(len(operations) == 2 for operations in chosen)


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomContrast(0.2, seed=4),
        layers.RandomBrightness(0.2, value_range=(0, 1)),
        layers.RandAugment(seed=4),
        layers.RandAugment(value_range=(0, 1)),
        layers.RandAugment(interpolation="bilinear", data_format="channels_first"),
        layers.RandomErasing(dtype="bfloat16"),
        layers.Equalization(bins=16),
        layers.RandomHue(0.2),
    ],
)
def test_layers_that_keras_must_do_itself_are_left_to_it(layer: Any) -> None:
    assert leading_augmenting([layer, layers.RandomFlip()]) is None
    before = leading_augmenting([layers.RandomFlip(), layer, layers.RandomFlip()])
    assert before is not None
    assert len(before.layers) == 1


def test_layers_act_in_the_order_in_which_they_are_declared() -> None:
    """What is erased is turned, and what a turn brings in is erased."""
    erase, turn = layers.RandomErasing((1, 1), (1, 1), 9), layers.RandomRotation((0.1, 0.1))
    turn.fill_mode, turn.fill_value = "constant", 50
    for order, corner in (((erase, turn), 50), ((turn, erase), 9)):
        augmenting = augmenting_of(*order)
        picture = augmenting.apply(NOISE, augmenting.draw(np.random.default_rng(0), 8, 20, 31))
        assert picture[0, 0, 0, 0] == corner


def test_runs_of_earlier_versions_go_on_with_one_resampling() -> None:
    flip, shear, erase = layers.RandomFlip(), layers.RandomShear(0.2), layers.RandomErasing()
    for given in ((flip, shear, erase), (flip, erase, flip)):
        found = leading_augmenting(given, pixels=False)
        assert found is not None
        assert found.layers == (flip,)
    assert leading_augmenting((erase, flip), pixels=False) is None


def source(share: Share = WHOLE) -> Source:
    given = (layers.RandomFlip(), layers.RandAugment(), layers.RandomErasing())
    examples = Examples(NOISE, np.arange(8), np.zeros(8))
    return Source(examples, 4, 5, augmenting_of(*given), share)


def test_what_is_drawn_follows_from_seed_epoch_and_batch() -> None:
    pictures, _ = source().batch(3, 1)
    assert np.array_equal(pictures, source().batch(3, 1)[0])
    assert not np.array_equal(pictures, source().batch(4, 1)[0])


def test_processes_see_together_what_one_sees_alone() -> None:
    shares = [source(Share(index, 2, 2)).batch(1, 0)[0] for index in range(2)]
    assert np.array_equal(np.concatenate(shares), source().batch(1, 0)[0])
