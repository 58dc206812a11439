"""Features that were computed once: found again, whatever became of the files in between."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from imgclf.backbones.feature_store import FeatureStore
from imgclf.errors import WriteError


def name(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def test_rows_are_found_by_the_names_of_their_pictures(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "cache", "key", 3)
    assert store.places() == {}
    store.add([name("cat"), name("dog")], np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    store.add([name("owl")], np.array([[7, 8, 9]], np.float32))
    again = FeatureStore(tmp_path / "cache", "key", 3)
    places = again.places()
    assert again.rows()[places[name("owl")]].tolist() == [7, 8, 9]
    assert again.rows()[places[name("cat")]].tolist() == [1, 2, 3]
    assert again.rows().dtype == np.float16


def test_a_row_that_a_killed_process_has_half_written_does_not_exist(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, "key", 3)
    store.add([name("cat")], np.array([[1, 2, 3]], np.float32))
    with (tmp_path / "features-key.f16").open("ab") as rows:
        rows.write(b"\0\0\0")  # of a row whose name was never written
    store.add([name("dog")], np.array([[4, 5, 6]], np.float32))
    assert store.rows()[store.places()[name("dog")]].tolist() == [4, 5, 6]
    with (tmp_path / "features-key.pictures").open("ab") as names:
        names.write(name("owl"))  # a name whose row is gone
        names.write(b"half")
    assert set(store.places()) == {name("cat"), name("dog")}


def test_what_is_no_file_is_not_waited_for_and_what_is_endless_not_read(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, "key", 3)
    store.add([name("cat")], np.array([[1, 2, 3]], np.float32))
    names = tmp_path / "features-key.pictures"
    with names.open("ab") as stream:
        stream.truncate(1 << 29)
    assert set(store.places()) == {name("cat")}
    with names.open("ab") as stream:
        stream.truncate(1 << 40)
    assert store.places() == {}
    names.unlink()
    os.mkfifo(names)
    assert store.places() == {}
    with pytest.raises(WriteError, match=r"features-key\.pictures"):
        store.add([name("dog")], np.array([[1, 2, 3]], np.float32))
    rows = tmp_path / "features-key.f16"
    rows.unlink()
    os.mkfifo(rows)
    again = FeatureStore(tmp_path, "key", 3)
    assert again.places() == {}
    with pytest.raises(WriteError, match=r"features-key\.f16 is no regular file"):
        again.add([name("dog")], np.array([[1, 2, 3]], np.float32))


def test_what_another_process_adds_meanwhile_is_kept(tmp_path: Path) -> None:
    one, other = (FeatureStore(tmp_path, "key", 2) for _ in range(2))
    known = one.rows()
    one.add([name("cat")], np.array([[1, 2]], np.float32))
    other.add([name("dog")], np.array([[3, 4]], np.float32))
    assert len(known) == 0
    rows, places = one.rows(), one.places()
    assert rows[[places[name("cat")], places[name("dog")]]].tolist() == [[1, 2], [3, 4]]


def test_networks_of_other_keys_have_rows_of_their_own(tmp_path: Path) -> None:
    FeatureStore(tmp_path, "one", 2).add([name("cat")], np.array([[1, 2]], np.float32))
    assert FeatureStore(tmp_path, "other", 2).places() == {}
