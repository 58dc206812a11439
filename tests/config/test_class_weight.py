"""What makes up for classes of different sizes, as a config says it."""

from __future__ import annotations

import pytest

from imgclf.config.class_weight import check_class_weight
from imgclf.config.load import parse_config
from imgclf.errors import ConfigError
from imgclf.runs.changes import compare, fields
from imgclf.runs.fingerprint import config_fingerprint
from tests.support.config_texts import SMALLEST, load, problem, problems


def with_weights(text: str) -> str:
    return f"{SMALLEST}training:\n  class_weight: {text}\n"


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("balanced", "balanced"),
        ("{cat: 1, dog: 3}", {"cat": 1.0, "dog": 3.0}),
        ("{2024: 1/2, Fruit/Apple: 2}", {"2024": 0.5, "Fruit/Apple": 2.0}),
        ("null", None),
        ("none", None),
    ],
)
def test_balanced_or_weights_by_the_names_of_classes(text: str, weights: object) -> None:
    loaded = load(with_weights(text))
    assert loaded.config.training.class_weight == weights
    again = parse_config(loaded.resolved_yaml(), loaded.file.path)
    assert again.config == loaded.config


def test_weights_that_are_none() -> None:
    found = problem(with_weights("balancd"))
    assert (found.key, found.line, found.received) == ("training.class_weight", 4, "balancd")
    assert found.allowed == "balanced, or weights by class such as {cat: 1, dog: 3}"
    assert found.nearest == "balanced"
    assert problem(with_weights("3")).allowed == found.allowed
    assert problem(with_weights("{}")).allowed == found.allowed


def test_each_weight_is_a_number_above_0() -> None:
    found = problems(with_weights("\n    cat: 0\n    dog: much\n    emu: 1"))
    assert [(one.key, one.line, one.received) for one in found] == [
        ("training.class_weight.cat", 5, "0"),
        ("training.class_weight.dog", 6, "much"),
    ]
    assert {one.allowed for one in found} == {"a number, above 0"}


def test_weights_are_of_classes_that_there_are() -> None:
    loaded = load(with_weights("{cat: 1, dogs: 3, yak: 2}"))
    with pytest.raises(ConfigError) as caught:
        check_class_weight(loaded, ("cat", "dog"))
    first, second = caught.value.problems
    assert (first.key, first.line) == ("training.class_weight.dogs", 4)
    assert (first.received, first.allowed, first.nearest) == ("dogs", "cat, dog", "dog")
    assert second.received == "yak"
    check_class_weight(load(with_weights("{cat: 2}")), ("cat", "dog"))
    check_class_weight(load(with_weights("balanced")), ("cat", "dog"))


def test_one_weight_by_an_override() -> None:
    loaded = load(with_weights("{cat: 1, dog: 3}"), "training.class_weight.dog=5")
    assert loaded.config.training.class_weight == {"cat": 1.0, "dog": 5.0}
    alone = load(SMALLEST, "training.class_weight.dog=5")
    assert alone.config.training.class_weight == {"dog": 5.0}


def test_what_makes_up_for_it_is_said_once() -> None:
    both = f"data: {{directory: dataset, oversample: true}}\n{with_weights('balanced')[27:]}"
    found = problem(both)
    assert found.key == "training.class_weight"
    assert "data.oversample" in found.message
    # A mistake that costs more than another is something else.
    load(both.replace("balanced", "{cat: 2}"))


def with_adjustment(amount: float, section: str = "", key: str = "") -> str:
    return (
        f"data: {{directory: dataset{section}}}\nmodel: {{layers: [Flatten]}}\n"
        f"training: {{logit_adjustment: {amount}{key}}}\n"
    )


@pytest.mark.parametrize(
    ("section", "key", "named"),
    [
        (", oversample: true", "", "data.oversample"),
        ("", ", class_weight: balanced", "training.class_weight"),
    ],
)
def test_logits_are_adjusted_once(section: str, key: str, named: str) -> None:
    found = problem(with_adjustment(1, section, key))
    assert (found.key, found.received) == ("training.logit_adjustment", "1.0")
    assert named in found.message
    load(with_adjustment(0, section, key))
    assert load(with_adjustment(0.5, "", ", class_weight: {cat: 2}")).config.makes_up_for_imbalance


def test_logits_are_adjusted_where_there_are_some() -> None:
    found = problem(with_adjustment(1, "", ", loss: MeanSquaredError"))
    assert found.key == "training.logit_adjustment"
    assert "SparseCategoricalCrossentropy" in (found.allowed or "")
    text = with_adjustment(1).replace("[Flatten]", "[Flatten], output: {Dense: {use_bias: false}}")
    assert "use_bias" in problem(text).message


def test_oversample_is_yes_or_no() -> None:
    assert problem("data: {directory: dataset, oversample: 2}\nmodel: {layers: [Flatten]}").allowed
    assert load(SMALLEST, "data.oversample=true").config.makes_up_for_imbalance
    assert not load(SMALLEST).config.makes_up_for_imbalance


def test_other_weights_are_another_training_and_none_are_what_there_was_before_the_key() -> None:
    before, plain = load(with_weights("{cat: 1, dog: 3}")).config, load(SMALLEST).config
    now = load(with_weights("{cat: 1, dog: 4}")).config
    changes = compare(fields(before.written()), fields(now.written()))
    assert [str(change) for change in changes] == ["training.class_weight.dog: 3.0 -> 4.0"]
    changes = compare(fields(plain.written()), fields(now.written()))
    assert [change.key for change in changes] == [
        "training.class_weight.cat",
        "training.class_weight.dog",
    ]
    assert len({str(config_fingerprint(one)) for one in (before, now, plain)}) == 3
    said = load(with_weights("null"), "data.oversample=false").config
    assert config_fingerprint(said) == config_fingerprint(plain)
