"""Bytes that a disk or a copy has spoiled: noticed, never believed, and never a traceback."""

from __future__ import annotations

import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.commands.train import Trained, train
from imgclf.commands.versions import rollback
from imgclf.data.cache import decode_all
from imgclf.data.decoder import DecoderSettings
from imgclf.data.folder import scan
from imgclf.errors import ModelFileError
from imgclf.model_file.archive import CONFIG, HEAD, METADATA, ModelArchive
from imgclf.model_file.screening import screen
from imgclf.runs.commits import Commit, load_latest, write_commit
from tests.support.heard import listen
from tests.support.pretrained import on_backbone, written

SETTINGS = DecoderSettings(32, 32, "stretch")


def flipped(content: bytes, place: int, bit: int = 0) -> bytes:
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


# The model file.


def told(path: Path) -> tuple[object, ...]:
    """All that a model file is used for."""
    with ModelArchive(path) as archive:
        manifest = archive.manifest()
        archive.verify_weights(manifest)
        screen(archive)
        archive.verify_graphs(manifest)
        graphs = archive.whole_graph(manifest), archive.features_graph(manifest)
        head = archive.read(HEAD) if manifest.head_sha256 else None
        return manifest, graphs, head, archive.read(CONFIG), archive.read(METADATA)


def structure(path: Path) -> Iterator[int]:
    """Places of every byte that is the archive's own: headers and directory, not content."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            header = info.header_offset
            yield from range(header, header + 30 + len(info.filename.encode()))
        yield from range(archive.start_dir, path.stat().st_size)


def contents(path: Path) -> Iterator[int]:
    """Places inside of each member: its first bytes, its last, and some in between."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            begin = info.header_offset + 30 + len(info.filename.encode())
            end = begin + info.compress_size
            yield from (begin, begin + 1, end - 2, end - 1)
            yield from range(begin, end, max(info.compress_size // 25, 1))


@pytest.fixture
def model(trained: Trained, request: pytest.FixtureRequest) -> Path:
    """A model in one piece, or one on a pretrained network, which is split."""
    if request.param == "split":
        written(on_backbone(keras.layers.Dense(3, activation="softmax")), trained.model)
    return trained.model


@pytest.mark.slow
@pytest.mark.parametrize("model", ["whole", "split"], indirect=True)
def test_any_flipped_bit_of_a_model_file_is_noticed_or_makes_no_difference(model: Path) -> None:
    whole, expected = model.read_bytes(), told(model)
    spoiled = Path("spoiled.keras")
    refused = 0
    places = [*structure(model), *contents(model)]
    assert len(places) > 700
    for place in places:
        for bit in (0, 6):
            spoiled.write_bytes(flipped(whole, place, bit))
            try:
                assert told(spoiled) == expected, place
            except ModelFileError:
                refused += 1
    assert refused > len(places)


@pytest.mark.parametrize(
    "model", ["whole", pytest.param("split", marks=pytest.mark.slow)], indirect=True
)
def test_a_model_file_that_ends_early_is_refused(model: Path) -> None:
    whole = model.read_bytes()
    spoiled = Path("spoiled.keras")
    for length in [*range(0, len(whole), 997), *range(len(whole) - 40, len(whole))]:
        spoiled.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            told(spoiled)


@pytest.mark.slow
def test_a_damaged_version_is_not_put_in_use(trained: Trained) -> None:
    train(Path("pets.yaml"), ["training.publish=last"])
    in_use = trained.model.read_bytes()
    old = Path("models/pets.history/versions/0001.keras")
    with zipfile.ZipFile(old) as archive:
        info = archive.getinfo("model.weights.h5")
    old.write_bytes(flipped(old.read_bytes(), info.header_offset + info.file_size // 2))
    with pytest.raises(ModelFileError, match="damaged"):
        rollback(trained.model, 1)
    assert trained.model.read_bytes() == in_use


# The committed state.


def commit_of(epoch: int) -> Commit:
    weights = [np.full((3, 4), epoch, np.float32), np.arange(5, dtype=np.int64)]
    states = {
        "History": {"epoch": list(range(epoch)), "history": {"loss": [0.5] * epoch}},
        "Mine": {"pairs": {3: 0.05}, "place": (1, None), "on": True, "mask": np.ones(3, bool)},
    }
    return Commit(epoch, 1, False, {"run": "r"}, {"weights": weights, "seeds": []}, states)


@pytest.mark.slow
def test_any_damaged_byte_of_a_commit_is_noticed(tmp_path: Path) -> None:
    write_commit(tmp_path, commit_of(1))
    newest = write_commit(tmp_path, commit_of(2))
    damaged = 0
    for file in sorted(newest.iterdir()):
        whole = file.read_bytes()
        spoiled = [flipped(whole, place, place % 8) for place in range(len(whole))]
        spoiled += [whole[:length] for length in range(len(whole))]
        for content in spoiled:
            file.write_bytes(content)
            heard = listen()
            read = load_latest(tmp_path)
            assert read is not None and read.epoch == 1
            assert heard.text.count("\n") == heard.text.count("is damaged") == 1
            damaged += 1
        file.write_bytes(whole)
    assert damaged > 1400
    read = load_latest(tmp_path)
    assert read is not None and read.epoch == 2


def test_a_commit_that_is_no_file_or_endless_is_no_commit(tmp_path: Path) -> None:
    write_commit(tmp_path, commit_of(1))
    for name in ("state.json", "*.arrays"):
        (file, *_) = write_commit(tmp_path, commit_of(2)).glob(name)
        file.unlink()
        os.mkfifo(file)
        read = load_latest(tmp_path)
        assert read is not None and read.epoch == 1
        file.unlink()
        with file.open("wb") as stream:
            stream.truncate(1 << 40)
        read = load_latest(tmp_path)
        assert read is not None and read.epoch == 1
        shutil.rmtree(file.parent)


def test_two_damaged_commits_are_no_commit(tmp_path: Path) -> None:
    for epoch in (1, 2):
        folder = write_commit(tmp_path, commit_of(epoch))
        (folder / "state.json").write_bytes(b"\xff{")
    heard = listen()
    assert load_latest(tmp_path) is None
    assert heard.text.count("\n") == 2


# The decoded pictures.


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def spoil_header(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"'shape': (", b"'shape': [", 1))


def name_a_picture_that_is_not_there(file: Path) -> None:
    file.with_suffix(".json").write_text('{"9999": "truncated"}')


def spoil_reasons(file: Path) -> None:
    file.with_suffix(".json").write_text("[1")


def nest_reasons(file: Path) -> None:
    file.with_suffix(".json").write_text("[" * 100_000)


def make_looks_endless(file: Path) -> None:
    with file.with_suffix(".looks").open("wb") as stream:
        stream.truncate(1 << 40)


def put_a_pipe_there(file: Path) -> None:
    file.with_suffix(".looks").unlink()
    os.mkfifo(file.with_suffix(".looks"))


@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        empty,
        spoil_header,
        Path.unlink,
        spoil_reasons,
        nest_reasons,
        name_a_picture_that_is_not_there,
        make_looks_endless,
        put_a_pipe_there,
    ],
)
def test_a_damaged_cache_is_decoded_anew(
    drawn: Path, in_folder: Path, spoil: Callable[[Path], None]
) -> None:
    shutil.copytree(drawn / "new", "new")
    pictures = scan(Path("new"), 0.2, 1).training
    expected = decode_all(pictures, SETTINGS).pixels.copy()
    (file,) = Path(".imgclf-cache").glob("*.npy")
    spoil(file)
    found = decode_all(pictures, SETTINGS)
    np.testing.assert_array_equal(found.pixels, expected)
    assert found.failures == ()


@pytest.mark.slow
def test_every_flipped_bit_of_a_cache_header_is_noticed_or_makes_no_difference(
    drawn: Path, in_folder: Path
) -> None:
    shutil.copytree(drawn / "new", "new")
    pictures = scan(Path("new"), 0.2, 1).training
    expected = decode_all(pictures, SETTINGS).pixels.copy()
    (file,) = Path(".imgclf-cache").glob("*.npy")
    whole = file.read_bytes()
    for place in range(128):
        file.write_bytes(flipped(whole, place, place % 7))
        np.testing.assert_array_equal(decode_all(pictures, SETTINGS).pixels, expected)


def test_two_that_fill_the_same_cache_at_once_do_not_disturb_each_other(
    drawn: Path, in_folder: Path
) -> None:
    shutil.copytree(drawn / "new", "new")
    pictures = scan(Path("new"), 0.2, 1).training
    expected = decode_all(pictures, SETTINGS, Path("elsewhere")).pixels
    found: list[np.ndarray] = []

    def fill() -> None:
        for _ in range(3):
            found.append(decode_all(pictures, SETTINGS).pixels)
            for file in Path(".imgclf-cache").glob("[!.]*"):
                file.unlink(missing_ok=True)

    threads = [threading.Thread(target=fill) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 9
    for pixels in found:
        np.testing.assert_array_equal(pixels, expected)
    assert list(Path(".imgclf-cache").iterdir()) == []
