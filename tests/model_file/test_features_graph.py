"""Graphs that are kept for the user: found again, never believed when damaged, never missed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgclf.model_file.features_graph import store_graph, stored_graph

KEY = "0123abcd"


@pytest.fixture
def cache(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_folder / "cache"))
    return in_folder / "cache" / "imgclf" / "graphs"


def test_what_is_kept_is_found_by_its_key_alone(cache: Path) -> None:
    assert stored_graph(KEY) is None
    store_graph(KEY, b"one")
    store_graph("0123", b"other")
    assert stored_graph(KEY) == b"one"
    assert stored_graph("0123") == b"other"
    assert stored_graph("01") is None
    store_graph(KEY, b"one, made anew")
    assert stored_graph(KEY) == b"one, made anew"
    assert len(list(cache.iterdir())) == 2
    assert not Path(".imgclf-cache").exists()


@pytest.mark.parametrize("content", [b"", b"onE", b"one, and more"])
def test_a_damaged_graph_is_not_used_and_is_replaced(cache: Path, content: bytes) -> None:
    store_graph(KEY, b"one")
    (file,) = cache.iterdir()
    file.write_bytes(content)
    assert stored_graph(KEY) is None
    store_graph(KEY, b"one")
    assert stored_graph(KEY) == b"one"
    assert list(cache.iterdir()) == [file]


def test_where_the_user_s_folder_can_not_be_the_working_directory_has_one(
    cache: Path, in_folder: Path
) -> None:
    (in_folder / "cache").write_text("a file, in which there can be no folder")
    assert stored_graph(KEY) is None
    store_graph(KEY, b"one")
    assert stored_graph(KEY) == b"one"
    assert [path.suffix for path in Path(".imgclf-cache/graphs").iterdir()] == [".tflite"]


def test_without_a_home_the_working_directory_has_one(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a user of a container, whom no list of users knows."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    store_graph(KEY, b"one")
    assert stored_graph(KEY) == b"one"
    assert [path.name for path in Path().iterdir()] == [".imgclf-cache"]


def test_where_nothing_can_be_kept_there_is_no_error(cache: Path, in_folder: Path) -> None:
    (in_folder / "cache").write_text("a file")
    Path(".imgclf-cache").write_text("and another")
    store_graph(KEY, b"one")
    assert stored_graph(KEY) is None
