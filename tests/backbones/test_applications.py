"""Networks of keras.applications: the preprocessing inside, one flat graph, names of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.backbones import check, module_of
from imgclf.backbones.applications import SMALLEST, as_backbone, construct, preprocessed
from imgclf.backend import keras
from imgclf.config.keras_private import no_variable_left_to_initialize
from imgclf.config.keras_signatures import applications


@pytest.mark.parametrize("name", applications())
def test_preprocessing_is_that_of_keras(name: str) -> None:
    seen = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3)).astype(np.float32)
    pictures = keras.Input((4, 4, 3))
    ours = preprocessed(pictures, name)
    found = seen if ours is pictures else keras.Model(pictures, ours)(seen)
    np.testing.assert_allclose(
        found, module_of(name).preprocess_input(seen.copy()), rtol=1e-5, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2"])  # benchmarks/backbones.py does them all
def test_a_network_is_flat_trusted_in_litert_and_what_keras_makes_it(
    name: str, tmp_path: Path
) -> None:
    found = check(name, tmp_path)
    assert found.flat
    assert found.refusal is None
    assert found.note is None
    assert found.difference <= 1e-4
    assert found.litert_difference is not None
    assert found.litert_difference <= 1e-4
    assert found.reopened_difference == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["InceptionV3", "InceptionResNetV2", "Xception", "MobileNetV3Small"]
)
def test_smaller_pictures_than_we_say_are_refused_by_keras(name: str) -> None:
    smallest = SMALLEST.get(name, 32)
    with no_variable_left_to_initialize(), keras.StatelessScope(initialize_variables=False):
        construct(name, (smallest, smallest), None)
        with pytest.raises(ValueError, match=r"at least"):
            construct(name, (smallest - 1, smallest), None)


@pytest.mark.slow
def test_names_are_the_same_whatever_was_built_before() -> None:
    def names() -> list[str]:
        with no_variable_left_to_initialize(), keras.StatelessScope(initialize_variables=False):
            network = as_backbone(construct("MobileNetV3Small", (32, 32), None), "", "imagenet")
        return [operation.name for operation in network.operations[1:]]

    keras.backend.clear_session()
    first = names()
    assert names() == first
    # What Keras would call other layers is none of them.
    automatic = {f"{stem}_{number}" for stem in ("add", "activation") for number in range(99)}
    assert not automatic & set(first)
    assert {"backbone_rescaling", "backbone_add", "backbone_multiply_8", "conv"} <= set(first)


def test_the_first_efficientnets_are_scaled_as_their_weights_want_it_whatever_those_are() -> None:
    with no_variable_left_to_initialize(), keras.StatelessScope(initialize_variables=False):
        network = as_backbone(construct("EfficientNetB0", (32, 32), None), "EfficientNetB0", None)
    kinds = [type(layer).__name__ for layer in network.layers[:5]]
    assert kinds == ["InputLayer", "Rescaling", "Normalization", "Rescaling", "ZeroPadding2D"]
    np.testing.assert_allclose(
        network.layers[3].scale, 1 / np.sqrt([0.229, 0.224, 0.225]), rtol=1e-6
    )
