"""`data.multi_label`: what it makes of the output, and what does not go with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.config.load import parse_config
from imgclf.config.loaded import LoadedConfig
from imgclf.config.network import declared_network
from imgclf.config.spec import Spec
from imgclf.errors import ConfigError

_CONFIG = """\
data: {directory: dataset, multi_label: true, image_size: 32}
model: {layers: [Flatten]}
"""


def parse(more: str = "") -> LoadedConfig:
    return parse_config(_CONFIG + more, Path("pets.yaml"))


def problems(more: str, num_classes: int = 3) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        declared_network(parse(more), num_classes)
    return [one.message for one in caught.value.problems]


def test_each_class_gets_a_sigmoid_unit_and_the_log_says_what_is_counted() -> None:
    loaded = parse()
    network = declared_network(loaded, 3)
    assert network.head.output == Spec(
        name="Dense", arguments={"units": 3, "activation": "sigmoid"}
    )
    assert network.head.loss == Spec(name="BinaryCrossentropy")
    assert network.head.label_mode == "multi_label"
    assert network.metrics == (Spec(name="BinaryAccuracy"),)
    assert declared_network(loaded, 2).head.output.arguments["units"] == 2


def test_accuracy_is_that_of_single_answers_under_its_own_name() -> None:
    network = declared_network(parse("training: {metrics: [acc, Recall]}"), 3)
    assert network.metrics == (
        Spec(name="BinaryAccuracy", arguments={"name": "acc"}),
        Spec(name="Recall"),
    )


def test_what_is_declared_of_the_output_stays() -> None:
    loaded = parse_config(
        "data: {directory: dataset, multi_label: true, image_size: 32}\n"
        "model: {layers: [Flatten], output: {Dense: {use_bias: false}}}\n"
        "training: {loss: BinaryFocalCrossentropy}\n",
        Path("pets.yaml"),
    )
    head = declared_network(loaded, 3).head
    assert head.output.arguments == {"use_bias": False, "units": 3, "activation": "sigmoid"}
    assert head.loss == Spec(name="BinaryFocalCrossentropy")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            "training: {class_weight: balanced}",
            "data.multi_label: true has pictures of several classes, which can't have a weight of "
            "one",
        ),
        (
            "training: {logit_adjustment: 1}",
            "data.multi_label: true has labels that are answered each by itself, at a threshold of "
            "its own",
        ),
        (
            "training: {distribution: data_parallel}",
            "data.multi_label: true is trained in one process",
        ),
        (
            "augmentation: [MixUp]",
            "MixUp mixes labels of which each picture has one; data.multi_label: true has others",
        ),
        (
            "tune: {ranges: {data.batch_size: [16, 32]}}",
            "imgclf tune compares trainings by accuracy over single labels, and data.multi_label: "
            "true has others",
        ),
        (
            "training: {loss: CategoricalCrossentropy}",
            "CategoricalCrossentropy does not fit an output of 3 sigmoid units",
        ),
        (
            "training: {metrics: [F1Score]}",
            "F1Score takes one label for each picture; give it a threshold: 0.5",
        ),
        (
            "training: {metrics: [CategoricalAccuracy]}",
            "CategoricalAccuracy needs one-hot labels, and the output and the loss of these 3 "
            "classes need labels of 0 and 1 for each class",
        ),
    ],
)
def test_what_is_for_one_label_is_refused(more: str, message: str) -> None:
    assert problems(more) == [message]


def test_classes_are_not_drawn_evenly() -> None:
    text = _CONFIG.replace("multi_label: true", "multi_label: true, oversample: true")
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Path("pets.yaml"))
    assert [one.key for one in caught.value.problems] == ["data.oversample"]


@pytest.mark.parametrize("given", ["activation: softmax", "units: 2"])
def test_another_output_is_refused(given: str) -> None:
    text = _CONFIG.replace("[Flatten]", f"[Flatten], output: {{Dense: {{{given}}}}}")
    with pytest.raises(ConfigError) as caught:
        declared_network(parse_config(text, Path("pets.yaml")), 3)
    assert [one.message for one in caught.value.problems] == [
        "data.multi_label: true wants one sigmoid unit for each class"
    ]
