"""What is kept to save work: found where it can be, listed, and removed unless it is in use."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from imgclf.backbones.feature_store import FeatureStore, StoreInMemory, store_in
from imgclf.cli import app
from imgclf.commands.cache import listed, trim
from imgclf.commands.check import check
from imgclf.commands.evaluate import evaluate
from imgclf.commands.train import Trained
from imgclf.data.cache import Decoded, decode_all
from imgclf.data.decoder import DecoderSettings
from imgclf.data.folder import scan
from imgclf.data.looks import DTYPE
from imgclf.model_file.features_graph import store_graph
from tests.support.heard import Heard, listen


@pytest.fixture
def users(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_folder / "cache"))
    return in_folder / "cache" / "imgclf"


@pytest.fixture
def dataset(drawn: Path, users: Path) -> Path:
    shutil.copytree(drawn / "dataset", "dataset")
    return Path("dataset")


def decoded(dataset: Path, size: int) -> Decoded:
    return decode_all(scan(dataset, 0.2, 1).training, DecoderSettings(size, size))


def names(count: int) -> list[bytes]:
    return [bytes([number]) * 32 for number in range(count)]


def used_on(day: int, *files: Path) -> None:
    for file in files:
        os.utime(file, (86400 * day, 86400 * day))


def test_all_that_is_kept_is_listed_with_what_it_is(dataset: Path, users: Path) -> None:
    decoded(dataset, 8)
    FeatureStore(Path(".imgclf-cache"), "key", 4).add(names(3), np.zeros((3, 4), np.float32))
    store_graph("network", b"graph")
    Path(".imgclf-cache/precision-0123.json").write_text("{}")
    Path(".imgclf-cache/.0123.aaaaaaaa.tmp.npy").write_bytes(b"1234567")
    assert sorted((entry.what, entry.size) for entry in listed()) == [
        ("48 decoded pictures, 8 x 8", 128 + 48 * (8 * 8 * 3 + DTYPE.itemsize) + 2),
        ("LiteRT graph of a pretrained network", 5),
        ("features of 3 pictures", 3 * (2 * 4 + 32)),
        ("half written", 7),
        ("times of a few steps by precision", 2),
    ]


def test_what_was_not_used_for_longest_goes_first(dataset: Path) -> None:
    for size in (4, 8, 16):
        decoded(dataset, size)
    used_on(3, *Path(".imgclf-cache").glob("*"))
    [old] = [entry for entry in listed() if "16 x 16" in entry.what]
    used_on(2, *map(Path, old.files))
    assert decoded(dataset, 4).failures == ()  # which uses it again
    assert ["4 x 4" in entry.what for entry in listed()] == [True, False, False]
    keep = sum(entry.size for entry in listed()) - 1
    assert [entry.what for entry in trim(keep).removed] == ["48 decoded pictures, 16 x 16"]
    assert trim(keep).removed == ()
    assert len(trim(0).removed) == 2
    assert listed() == []


def test_what_is_in_use_stays_until_it_is_not(dataset: Path) -> None:
    pictures = decoded(dataset, 4)
    store = FeatureStore(Path(".imgclf-cache"), "key", 4)
    store.add(names(3), np.zeros((3, 4), np.float32))
    assert [entry.in_use for entry in listed()] == [True, True]
    assert len(trim(0).in_use) == 2
    rows = store.rows()
    del store
    assert len(trim(0).in_use) == 2
    del rows, pictures
    assert len(trim(0).removed) == 2


def test_the_command_lists_clears_and_refuses(dataset: Path, users: Path) -> None:
    decoded(dataset, 64)
    users.joinpath("graphs").mkdir(parents=True)
    users.joinpath("graphs/net.0.tflite").write_bytes(b"0" * 2_000_000)
    used_on(1, *users.glob("graphs/*"))

    def said(*arguments: str) -> tuple[str, str]:
        done = CliRunner().invoke(app, ["cache", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout, done.stderr

    table, notes = said()
    rows = table.splitlines()
    assert rows[0].split() == ["MB", "last", "used", "what", "where"]
    assert rows[2].split()[:3] == ["2.0", "1970-01-02", "00:00"]
    assert rows[2].endswith(f"LiteRT graph of a pretrained network  {users}/graphs")
    assert notes.splitlines() == [
        "2 entries, 2.6 MB",
        "all of it can be made again: imgclf cache --clear",
    ]
    table, notes = said("--keep", "1MB")
    assert len(table.splitlines()) == 2
    assert notes.splitlines() == ["removed 1 entry, 2.0 MB", "1 entry, 0.6 MB"]
    assert said("--clear") == ("", "removed 1 entry, 0.6 MB\nthe cache is empty\n")
    assert CliRunner().invoke(app, ["cache", "--clear", "--keep", "1MB"]).exit_code != 0


# Where the working directory can't be written to. A file in the folder's place holds for root too.


def test_decoded_pictures_are_then_among_the_user_s_caches(dataset: Path, users: Path) -> None:
    expected = decoded(dataset, 8).pixels.copy()
    shutil.rmtree(".imgclf-cache")
    Path(".imgclf-cache").write_text("a file")
    heard = listen()
    np.testing.assert_array_equal(decoded(dataset, 8).pixels, expected)
    assert heard.text.splitlines()[-1].startswith("can't write .imgclf-cache/")
    assert heard.text.endswith(f"Not a directory; what was decoded is kept in {users}\n")
    assert len(list(users.glob("*.npy"))) == 1
    heard = listen()
    np.testing.assert_array_equal(decoded(dataset, 8).pixels, expected)
    assert heard.text == ""


def test_where_nothing_can_be_written_evaluate_and_check_work_in_memory(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = evaluate(trained.model, None, [])
    shutil.rmtree(".imgclf-cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("cache").absolute()))
    Path(".imgclf-cache").write_text("a file")
    Path("cache").write_text("another")
    heard = listen()
    assert evaluate(trained.model, None, []) == expected
    assert "Not a directory; what is decoded is kept in memory\n" in heard.text
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nothing-can-be-made-here")
    assert check(Path("pets.yaml")).findings == ()
    assert check(Path("pets.yaml"), ["data.cache=none"]).findings == ()


def test_a_pipe_in_the_place_of_decoded_pictures_is_not_waited_for(dataset: Path) -> None:
    before = np.array(decoded(dataset, 8).pixels)
    (kept,) = Path(".imgclf-cache").glob("*.npy")
    kept.unlink()
    os.mkfifo(kept)
    np.testing.assert_array_equal(decoded(dataset, 8).pixels, before)
    assert kept.is_file()


def test_features_are_where_there_is_room_for_them(users: Path, heard: Heard) -> None:
    folders = (Path(".imgclf-cache"), users)
    wanted = set(names(2))
    Path(".imgclf-cache").write_text("a file")
    store = store_in(folders, "key", 4, wanted)
    store.add(names(2), np.ones((2, 4), np.float32))
    assert store.rows().shape == (2, 4)
    assert len(list(users.glob("features-key.*"))) == 2
    assert heard.text == f"can't write .imgclf-cache; features are kept in {users}\n"
    shutil.rmtree(users.parent)
    users.parent.write_text("another")
    store = store_in(folders, "key", 4, wanted)
    assert isinstance(store, StoreInMemory)
    store.add(names(1), np.ones((1, 4), np.float32))
    store.add(names(2)[1:], np.full((1, 4), 2, np.float32))
    assert store.places() == {names(2)[0]: 0, names(2)[1]: 1}
    assert store.rows().tolist() == [[1] * 4, [2] * 4]
