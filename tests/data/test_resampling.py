"""Geometric augmentation as one resampling by the source: it does what Keras's layers do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgclf.backend import keras
from imgclf.config.load import load_config
from imgclf.config.network import declared_network
from imgclf.data.augmenting import Augmenting, leading_augmenting
from imgclf.data.resampling import Resampling, leading_resampling
from imgclf.data.source import Examples, Source
from imgclf.model.build import augmentation_layers, build_model

layers = keras.layers
HEIGHT, WIDTH = 20, 31
RANDOM = 1


def pictures(count: int = 12) -> NDArray[np.uint8]:
    shape = (count, HEIGHT, WIDTH, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def run_of(*given: Any) -> Resampling:
    found = leading_resampling(given)
    assert found is not None
    assert found.layers == given
    return found


def resampled(run: Resampling, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return changed(run, given, np.random.default_rng(RANDOM))


def changed(
    run: Resampling, given: NDArray[np.uint8], random: np.random.Generator
) -> NDArray[np.uint8]:
    matrices = run.draw(random, *given.shape[:3])
    return np.stack([run.change(one, matrix) for one, matrix in zip(given, matrices, strict=True)])


def by_keras(layer: Any, given: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the layer itself makes of the pictures, with the parameters that ours has drawn."""
    random = np.random.default_rng(RANDOM)
    count, height, width, _ = given.shape
    transformation = {"input_shape": given.shape}
    match type(layer).__name__:
        case "RandomFlip":
            flips = random.random(count) <= 0.5
            transformation["flips"] = flips[:, np.newaxis, np.newaxis, np.newaxis]
        case "RandomRotation":
            degrees = 360 * random.uniform(*layer.factor, count)
            none, ones = np.zeros(count, np.float32), np.ones(count, np.float32)
            transformation["rotation_matrix"] = layer._compute_affine_matrix(
                0.5, 0.5, degrees.astype(np.float32), none, none, ones, none, none, height, width
            )
        case "RandomZoom":
            zoom = 1 + random.uniform(layer.height_lower, layer.height_upper, (count, 1))
            transformation["height_zoom"] = transformation["width_zoom"] = zoom.astype(np.float32)
            if layer.width_factor is not None:
                zoom = 1 + random.uniform(layer.width_lower, layer.width_upper, (count, 1))
                transformation["width_zoom"] = zoom.astype(np.float32)
        case "RandomTranslation":
            down = height * random.uniform(layer.height_lower, layer.height_upper, (count, 1))
            right = width * random.uniform(layer.width_lower, layer.width_upper, (count, 1))
            transformation["translations"] = np.hstack([right, down]).astype(np.float32)
        case "RandomShear":
            signs = np.where(random.random((count, 1)) > 0.5, -1, 1)
            along_y = random.uniform(*layer.y_factor, (count, 1))
            along_x = random.uniform(*layer.x_factor, (count, 1))
            shears = signs * np.hstack([along_x, along_y])
            transformation["shear_factor"] = shears.astype(np.float32)
    return np.asarray(layer.transform_images(given.astype(np.float32), transformation, True))


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("fill_mode", ["reflect", "constant", "nearest"])
@pytest.mark.parametrize(
    "make",
    [
        lambda manner: layers.RandomRotation((-0.3, 0.1), **manner),
        lambda manner: layers.RandomZoom((-0.4, 0.6), **manner),
        lambda manner: layers.RandomZoom(0.2, (0.1, 0.5), **manner),
        lambda manner: layers.RandomTranslation(0.3, (-0.2, 0.4), **manner),
        lambda manner: layers.RandomShear(0.3, (0.1, 0.2), **manner),
    ],
)
def test_a_layer_alone_gives_the_picture_that_keras_gives(
    make: Any, fill_mode: str, interpolation: str
) -> None:
    layer = make({"fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 7.0})
    given = pictures()
    difference = np.abs(resampled(run_of(layer), given) - by_keras(layer, given))
    # Half a grey level is what rounding to bytes costs; a coordinate that is rounded otherwise
    # may take the other of two neighbours.
    assert (difference <= 0.501).mean() > 0.999


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_flips_are_exact(mode: str) -> None:
    layer, given = layers.RandomFlip(mode), pictures()
    ours = resampled(run_of(layer), given)
    assert np.array_equal(ours, by_keras(layer, given))
    assert not np.array_equal(ours, given)


def test_several_layers_take_the_pixels_from_where_they_take_them_one_after_another() -> None:
    # A picture that is smooth, so that smoothing it twice changes nothing, and large, so that
    # there is a middle which nothing from outside reaches.
    ramp = np.linspace(40, 200, 96)
    smooth = np.stack([np.add.outer(ramp, 0 * ramp), np.add.outer(0 * ramp, ramp)], axis=-1)
    given = np.concatenate([smooth, smooth[..., :1]], axis=-1)[np.newaxis].repeat(6, axis=0)
    given = given.round().astype(np.uint8)
    chain = [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1),
        layers.RandomZoom(0.1),
        layers.RandomTranslation(0.05, 0.05),
    ]
    run = run_of(*chain)
    together = resampled(run, given)
    random, one_by_one = np.random.default_rng(RANDOM), given
    for layer in chain:
        one_by_one = changed(Resampling((layer,)), one_by_one, random)
    middle = (slice(None), slice(36, 60), slice(36, 60))
    difference = together[middle].astype(int) - one_by_one[middle].astype(int)
    assert np.abs(difference).max() <= 2


def test_draws_spread_as_keras_draws_them() -> None:
    layer = layers.RandomRotation((-0.25, 0.125))
    drawn = np.array(run_of(layer).draw(np.random.default_rng(3), 4000, 10, 10))
    degrees = np.degrees(np.arctan2(drawn[:, 1, 0], drawn[:, 0, 0]))
    theirs = np.asarray(layer.get_random_transformation(np.zeros((4000, 10, 10, 3)))["angle"])
    quantiles = [0, 0.25, 0.5, 0.75, 1]
    assert np.allclose(np.quantile(degrees, quantiles), np.quantile(theirs, quantiles), atol=4)


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomContrast(0.2),
        layers.RandomShear(0.2, seed=4),
        layers.RandomRotation(0.1, seed=4),
        layers.RandomRotation(0.1, fill_mode="wrap"),
        layers.RandomRotation(0.1, data_format="channels_first"),
        layers.RandomRotation(0.1, fill_mode="constant", fill_value=-1.0),
        layers.RandomRotation(0.1, fill_mode="constant", fill_value=0.5),
        layers.RandomFlip("horizontal", dtype="bfloat16"),
    ],
)
def test_layers_that_keras_must_do_itself_are_left_to_it(layer: Any) -> None:
    assert leading_resampling([layer, layers.RandomFlip()]) is None


def test_only_layers_that_fill_and_interpolate_alike_become_one() -> None:
    flip, turn = layers.RandomFlip(), layers.RandomRotation(0.1)
    other = layers.RandomZoom(0.1, fill_mode="constant")
    run = leading_resampling([flip, turn, other])
    assert run is not None
    assert run.layers == (flip, turn)


def test_each_epoch_and_batch_is_drawn_anew_and_the_same_in_another_process() -> None:
    given = pictures(8)
    rows, labels = np.arange(8), np.zeros(8)

    def epoch(number: int, first_batch: int = 0) -> list[NDArray[np.uint8]]:
        run = run_of(layers.RandomRotation(0.3))
        examples, augmenting = Examples(given, rows, labels), Augmenting((run,))
        source = Source(examples, 4, shuffle_seed=5, augmenting=augmenting)
        source.epoch, source.first_batch = number, first_batch
        return [batch for batch, _ in source.batches()]

    first, second = epoch(0), epoch(1)
    assert np.array_equal(first, epoch(0))
    assert not np.array_equal(np.sort(first, axis=None), np.sort(second, axis=None))
    # An epoch that is gone on with in its middle sees the rest of it.
    assert np.array_equal(first[1:], epoch(0, first_batch=1))


def test_the_network_has_no_layers_for_what_the_feed_does(tmp_path: Path) -> None:
    config = tmp_path / "some.yaml"
    config.write_text(
        "data: {directory: pictures, image_size: 8}\n"
        "augmentation: [RandomFlip, {RandomRotation: 0.1}, {RandomHue: 0.1}]\n"
        "model: {layers: [Flatten]}\n"
    )
    loaded = load_config(config)
    augmenting = leading_augmenting(augmentation_layers(declared_network(loaded, 2)))
    assert augmenting is not None

    def names(*given: Augmenting) -> list[str]:
        model = build_model(declared_network(loaded, 2), *given)
        return [type(layer).__name__ for layer in model.layers[1:]]  # after the pictures

    whole = ["RandomFlip", "RandomRotation", "RandomHue", "Flatten", "Dense"]
    assert names() == whole
    assert names(augmenting) == whole[2:]
