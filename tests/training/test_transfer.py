"""What a head on frozen features begins with."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.backbones.features import PartFeatures
from imgclf.config.network import declared_network
from imgclf.config.spec import Spec
from imgclf.training.transfer import feature_moments
from tests.support.config_texts import load

_BACKBONE = "data: {directory: dataset}\nmodel: {backbone: EfficientNetLite0%s}"


def test_features_are_standardized_by_their_moments_in_all_views_and_a_variance_for_all() -> None:
    values = np.array([[1, 10], [3, 10], [5, 10], [99, 99]], np.float16)
    features = PartFeatures(values, np.array([[0, 1], [2, 1]]))  # the last row has no part in it
    mean, variance = feature_moments(features)
    assert mean.tolist() == [3, 10]
    # Of 1, 3, 5 and 3 it is 2, of what never varies 0; half of their sum is added to both.
    assert variance.tolist() == pytest.approx([3, 1])


def test_the_output_on_a_backbone_begins_at_zero_unless_the_config_says_with_what() -> None:
    plain = declared_network(load(_BACKBONE % ""), 3).head.output
    assert plain.arguments["kernel_initializer"] == Spec(name="Zeros")
    own = ", output: {Dense: {kernel_initializer: he_normal}}"
    given = declared_network(load(_BACKBONE % own), 3).head.output
    assert given.arguments["kernel_initializer"] == Spec(name="HeNormal")


def test_the_output_of_a_network_from_scratch_is_left_to_keras() -> None:
    text = "data: {directory: dataset}\nmodel: {layers: [Flatten]}"
    assert "kernel_initializer" not in declared_network(load(text), 3).head.output.arguments
