from __future__ import annotations

import random
import string
import time
from pathlib import Path

import pytest

from imgclf.config.load import config_from_values, load_config
from imgclf.config.problems import is_quoted_number
from imgclf.config.tree import MAX_DEPTH, Node, TreeProblem, tree_of
from imgclf.config.yaml_scalars import read_scalar, write_yaml
from imgclf.config.yaml_tree import read_yaml
from tests.support.config_texts import CONFIGS, SMALLEST, layer, load, problem


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-4", 0.0001),
        ("1E3", 1000.0),
        ("-2.5e+2", -250.0),
        ("1/255", 1 / 255),
        ("1 / 4", 0.25),
        ("-1/2", -0.5),
        ("1e-3/2", 0.0005),
        (".5", 0.5),
        ("3.", 3.0),
        ("42", 42),
        ("0x10", 16),
        ("0o17", 15),
        ("010", 10),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        (".inf", float("inf")),
    ],
)
def test_a_plain_word_is_read_as_people_mean_it(written: str, value: object) -> None:
    read = read_scalar(written)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "y", "n", "1:30", "2024-01-01", "1/2/3", "1_000", "e4", "-"]
)
def test_words_that_yaml_1_1_turns_into_something_else_stay_words(word: str) -> None:
    assert read_scalar(word) == word


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("1/0", "a number can't be divided by zero: 1/0"),
        (".nan", "what is not a number can't be used: .nan"),
        ("1e999", "this number is too large: 1e999"),
        ("9" * 5000, "this number is too long: " + "9" * 40),
    ],
)
def test_a_number_that_is_none_is_named_with_its_line(written: str, reason: str) -> None:
    found = problem(f"data:\n  seed: {written}\n")
    assert (found.line, found.key, found.message) == (2, "data.seed", reason)


def test_writing_quotes_exactly_what_would_be_read_as_something_else() -> None:
    values = ["off", "1e-4", "1/255", "1 / 2", "null", "true", "", "1:30", "a: b", 1e-7, 3, 0.1]
    text = write_yaml({"values": values, "more": {"deep": [{"x": None}]}})
    assert read_yaml(text).plain() == {"values": values, "more": {"deep": [{"x": None}]}}


def test_any_text_survives_writing_and_reading() -> None:
    random.seed(4)
    alphabet = string.printable + "äß€😀'\"\\:#-?[]{}&*!|>%@`~"
    for _ in range(300):
        text = "".join(random.choices(alphabet, k=random.randint(0, 12))).replace("\x0b", "")
        text = text.replace("\x0c", "").replace("\r", "")
        assert read_yaml(write_yaml({"text": text})).plain() == {"text": text}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a is written twice in one mapping, first on line 1"),
        ("a: !!python/object:os.system x", 1, "YAML tags are not used here: !!python/object:"),
        ("a: 1\n<<: {b: 2}", 2, "`<<` (YAML's merge key) is not supported; write the keys out"),
        ("a: &x [*x]", 1, "*x stands inside of itself"),
        ("a: *x", 1, "*x was not defined before"),
        ("a: 1\n---\nb: 2", 2, "a config is one YAML document; this `---` begins a second one"),
        ("a:\n\tb: 1", 2, "YAML is indented with spaces; this line begins with a tab"),
        ("a:\n  b: [1", 2, "this is not YAML: while parsing a flow sequence"),
        ("a: b: c", 1, "this is not YAML: mapping values are not allowed here"),
        ("? [a]\n: 1", 1, "a key must be a word or a number, not a list or a mapping"),
        ("&a b: 1", 1, "an anchor can't stand before a key: &a"),
        ("a: &b c\n*b : 1", 2, "an alias can't be a key: *b"),
        ('a: "\\ud800"', 1, "half of a surrogate pair is no character"),
        ("a: b\x00", None, "this is not YAML: unacceptable character"),
        ("[" * (MAX_DEPTH + 1), 1, f"this is nested too deeply: more than {MAX_DEPTH} levels"),
    ],
)
def test_yaml_that_cannot_be_used_is_one_problem_with_its_line(
    text: str, line: int | None, message: str
) -> None:
    with pytest.raises(TreeProblem) as caught:
        read_yaml(text)
    found = caught.value.problem
    assert (found.line, found.message[: len(message)]) == (line, message)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_a_hundred_thousand_brackets_are_an_error_and_no_stack_overflow(opening: str) -> None:
    with pytest.raises(TreeProblem, match=r"nested too deeply|must be a word"):
        read_yaml(opening * 100_000)


def test_aliases_are_read_and_a_bomb_of_them_is_refused_before_it_unfolds() -> None:
    assert read_yaml("a: &x {y: [1, 2]}\nb: *x").plain() == {"a": {"y": [1, 2]}, "b": {"y": [1, 2]}}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
    )
    started = time.process_time()
    with pytest.raises(TreeProblem, match="at most 20,000 values"):
        read_yaml(bomb)
    assert time.process_time() - started < 1


def test_every_key_knows_its_line() -> None:
    root = read_yaml("a:\n  b: 1\n\n  c:\n    - d\n    - e: {f: 2}\n")

    def lines(node: Node) -> object:
        if isinstance(node.value, dict):
            return {key: (item.origin.line, lines(item)) for key, item in node.value.items()}
        if isinstance(node.value, list):
            return [(item.origin.line, lines(item)) for item in node.value]
        return None

    inner = {"e": (6, {"f": (6, None)})}
    assert lines(root) == {"a": (1, {"b": (2, None), "c": (4, [(5, None), (6, inner)])})}


def test_an_anchored_layer_can_be_used_again() -> None:
    text = SMALLEST.replace(
        "[Flatten]", "[&conv {Conv2D: {filters: 4, kernel_size: 3}}, *conv, Flatten]"
    )
    first, second, _ = load(text).config.model.layers
    assert first == second
    assert first.arguments == {"filters": 4, "kernel_size": 3}


def test_changing_one_use_of_an_anchor_leaves_the_other() -> None:
    text = SMALLEST.replace(
        "[Flatten]", "[&conv {Conv2D: {filters: 4, kernel_size: 3}}, *conv, Flatten]"
    )
    first, second, _ = load(text, "model.layers.1.filters=9").config.model.layers
    assert (first.arguments["filters"], second.arguments["filters"]) == (4, 9)


def test_a_fraction_and_an_exponent_reach_keras_as_numbers() -> None:
    assert layer("Rescaling: 1/255").arguments == {"scale": 1 / 255}
    assert layer("BatchNormalization: {epsilon: 1e-5}").arguments == {"epsilon": 1e-5}


def described(node: Node) -> object:
    """All of a tree that checks look at, but where it was written and how numbers are spelt."""
    if isinstance(node.value, list):
        return [described(item) for item in node.value]
    if isinstance(node.value, dict):
        return {key: described(item) for key, item in node.value.items()}
    quoted = is_quoted_number(node)
    return (type(node.value), node.value, node.is_empty, node.is_off, quoted)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_values_are_the_tree_that_they_would_be_as_yaml(path: Path) -> None:
    values = load_config(path).config.written()
    assert described(tree_of(values)) == described(read_yaml(write_yaml(values)))
    again = config_from_values(values, Path("models/pets.keras"))
    assert again.config == load_config(path).config


@pytest.mark.parametrize(
    "value",
    [
        *("on", "none", "1e-4", "1/255", "1 / 0", "3", "true", "~", "", "a.py:b", "2024-01-01"),
        *(None, True, False, 0, -3, 0.1, 1e-7, 1e300, float("inf"), float("-inf")),
        *([], {}, [[None]], {3: 0.05, 6: {"a": [1]}}, {"1e-4": "x", "on": "on"}),
    ],
)
def test_any_value_is_the_tree_that_it_would_be_as_yaml(value: object) -> None:
    values = {"value": value}
    assert described(tree_of(values)) == described(read_yaml(write_yaml(values)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (float("nan"), "what is not a number can't be used"),
        (10**100, "this number is too long"),
        ({"1/0": 3}, "a number can't be divided by zero"),
    ],
)
def test_values_that_no_config_can_have_are_one_problem(values: object, message: str) -> None:
    with pytest.raises(TreeProblem, match=message) as caught:
        tree_of({"data": {"seed": [values]}})
    assert caught.value.problem.key == "data.seed.0"


def test_values_nested_too_deeply_are_an_error_and_no_stack_overflow() -> None:
    deep: list[object] = []
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    tree_of(deep)
    with pytest.raises(TreeProblem, match=f"more than {MAX_DEPTH} levels"):
        tree_of([deep])
