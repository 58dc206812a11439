"""What is made of words that are not ours: libraries' messages, and words that nobody knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imgclf.commands import export_check
from imgclf.config import yaml_tree
from imgclf.distribution.processes import Processes
from imgclf.errors import (
    LostError,
    ModelFileError,
    Problem,
    UsageError,
    first_line,
    nearest_match,
    suggestion,
)
from imgclf.model.litert_graph import LiteRTGraph


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("", "RuntimeError"),
        (" \n\n", "RuntimeError"),
        ("\n\n  no room \nin detail\n", "no room"),
        ("no room\nin detail", "no room"),
    ],
)
def test_the_first_line_says_something_whatever_the_message(message: str, line: str) -> None:
    assert first_line(RuntimeError(message)) == line


class SpeechlessInterpreter:
    """Stands for LiteRT's, where it fails without a word."""

    def set_tensor(self, *arguments: Any) -> None:
        raise RuntimeError("")


def test_a_graph_that_fails_without_a_message_is_an_error_of_the_model_file() -> None:
    graph = object.__new__(LiteRTGraph)
    graph._interpreter, graph._input, graph._allocated = SpeechlessInterpreter(), 0, 1
    with pytest.raises(ModelFileError, match=r"LiteRT graph can't be run: RuntimeError$"):
        next(graph.run(np.zeros((1, 4, 4, 3), np.uint8)))


def test_an_exported_graph_that_fails_after_a_blank_line_says_what_comes_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(graph: bytes) -> None:
        raise ValueError("\nan operation that is not there")

    monkeypatch.setattr(export_check, "WrittenGraph", refuse)
    with pytest.raises(UsageError, match=r"was written: an operation that is not there$"):
        export_check.run_litert(b"", np.zeros((1, 4, 4, 3), np.uint8))


def test_yaml_that_fails_without_a_message_is_a_problem_of_the_config(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(text: str, Loader: Any) -> None:  # noqa: N803
        raise yaml_tree.yaml.YAMLError("")

    monkeypatch.setattr(yaml_tree.yaml, "parse", refuse)
    with pytest.raises(yaml_tree.TreeProblem) as raised:
        yaml_tree.read_yaml("a: 1")
    assert "this is not YAML: YAMLError" in str(raised.value.problem)


def test_processes_that_do_not_meet_without_a_message_are_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jax = pytest.importorskip("jax")
    from imgclf.distribution import jax_private
    from imgclf.distribution.peers import Peers

    def refuse(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("")

    monkeypatch.setattr(jax.distributed, "initialize", refuse)
    monkeypatch.setattr(jax_private, "run_one_step_at_a_time", lambda: None)
    with pytest.raises(LostError, match=r"did not come together at here:1 \(RuntimeError\)"):
        Peers(Processes(2, 0, "here:1")).meet()


def test_a_suggestion_ends_a_message_only_where_a_choice_comes_close() -> None:
    assert suggestion("Catt", ["cat", "dog"]) == "; did you mean cat?"
    assert suggestion("zebra", ["cat", "dog"]) == ""
    assert suggestion("cat", []) == ""


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("adma", "adam"),
        ("Adamw", "AdamW"),
        ("adamx", "adamax"),
        ("sdg", "sgd"),
        ("sgdd", "sgd"),
        ("zebra", None),
    ],
)
def test_two_letters_swapped_are_one_slip(word: str, meant: str | None) -> None:
    assert nearest_match(word, ["adamax", "adam", "AdamW", "sgd", "adagrad"]) == meant


def test_advice_of_another_error_stands_in_its_own_words() -> None:
    problem = Problem("callbacks.0", "it has no argument 'pat'", 3, hint="allowed: path, patience")
    assert str(problem) == (
        "line 3: callbacks.0: it has no argument 'pat'\n    allowed: path, patience"
    )
