"""Branches: `Residual: [...]` among the layers of a config."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.config.network import declared_network
from imgclf.errors import ConfigError
from imgclf.model.build import build_model
from tests.support.config_texts import DATA, layer, layer_problem, load, problem

CONV = "Conv2D: {filters: 3, kernel_size: 3, padding: same}"
SMALLER = "Conv2D: {filters: 5, kernel_size: 3, padding: same, strides: 2}"


def network(*layers: str) -> keras.Model:
    """As it is built of layers for pictures of 9 x 8."""
    listed = "".join(f"    - {text}\n" for text in (*layers, "Flatten"))
    text = f"data: {{directory: dataset, image_size: [9, 8]}}\nmodel:\n  layers:\n{listed}"
    return build_model(declared_network(load(text), 2))


def kinds(model: keras.Model) -> list[str]:
    return [type(one).__name__ for one in model.layers]


def test_a_branch_is_added_to_what_it_is_given() -> None:
    model = network(f"Residual: [{{{CONV}}}]")
    assert kinds(model) == ["InputLayer", "Conv2D", "Add", "Flatten", "Dense"]
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 9, 8, 3)).astype(np.float32)
    added = keras.Model(model.inputs[0], model.layers[2].output)(pictures)
    np.testing.assert_allclose(added, model.layers[1](pictures) + pictures, rtol=1e-5)


def test_where_the_shape_changes_a_convolution_brings_the_rest_along() -> None:
    model = network(f"Residual: [{{{SMALLER}}}, BatchNormalization]", "ReLU")
    shortcut = [one for one in model.layers if getattr(one, "kernel_size", None) == (1, 1)]
    assert [(one.filters, one.strides, one.use_bias) for one in shortcut] == [(5, (2, 2), False)]
    total = next(one for one in model.layers if isinstance(one, keras.layers.Add))
    assert sorted(one._keras_history.operation.__class__.__name__ for one in total.input) == [
        "BatchNormalization",
        "BatchNormalization",
    ]
    assert total.output.shape == (None, 5, 4, 5)


def test_a_branch_may_have_branches() -> None:
    model = network(f"Residual: [{{Residual: [{{{CONV}}}]}}, {{{CONV}}}]")
    assert kinds(model).count("Add") == 2


def test_it_is_written_out_in_a_form_that_is_read_again() -> None:
    read = layer(f"Residual: [{{{CONV}}}, ReLU]")
    assert read.name == "Residual"
    assert read == layer(f"Residual: {{layers: [{{{CONV}}}, ReLU]}}")
    assert [one.name for one in read.arguments["layers"]] == ["Conv2D", "ReLU"]
    again = load(load(f"{DATA}model:\n  layers:\n    - Residual: [ReLU]\n").resolved_yaml())
    assert again.config.model.layers == (layer("Residual: [ReLU]"),)


@pytest.mark.parametrize("text", ["Residual", "Residual: []", "Residual: 3", "Residual: {a: 3}"])
def test_a_branch_has_layers(text: str) -> None:
    found = layer_problem(text)
    assert found.message == "Residual takes a list of layers"
    assert found.allowed == "Residual: [...]"
    assert found.line == 4


def test_what_is_wrong_in_a_branch_is_told_with_its_line() -> None:
    text = (
        f"{DATA}model:\n  layers:\n    - Residual:\n      - ReLU\n      - Conv3D: {{filter: 3}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert {(one.key, one.line) for one in caught.value.problems} == {
        ("model.layers.0.layers.1.filter", 6),
        ("model.layers.0.layers.1", 6),
    }
    assert layer_problem("Residul: [ReLU]").nearest == "Residual"


@pytest.mark.parametrize(
    "written",
    [
        "model: {layers: [{TimeDistributed: {layer: {Residual: [ReLU]}}}]}",
        "model: {layers: [{Pipeline: [{Residual: [ReLU]}]}]}",
        "augmentation: [{Residual: [RandomFlip]}]\nmodel: {layers: [Flatten]}",
        "model: {backbone: EfficientNetLite0, layers: [{Residual: [ReLU]}]}",
    ],
)
def test_it_stands_among_the_layers_for_pictures_alone(written: str) -> None:
    assert "Residual" in problem(f"{DATA}{written}\n").message


@pytest.mark.parametrize(
    "inner", ["Conv2D: {filters: 3, kernel_size: 2}", "UpSampling2D", "Flatten"]
)
def test_what_can_not_be_added_is_refused_with_its_line(inner: str) -> None:
    with pytest.raises(ConfigError) as caught:
        network("ReLU", f"Residual: [{inner if ':' not in inner else '{' + inner + '}'}]")
    (found,) = caught.value.problems
    assert (found.key, found.line) == ("model.layers.1", 5)
    assert "can't be added" in found.message
