"""A model file knows which pictures the model was trained on, wherever the data set is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from imgclf.commands.retrain import retrain
from imgclf.commands.train import Trained
from imgclf.corrections.inputs import Labelled
from imgclf.data.picture_files import file_digest
from imgclf.errors import ModelFileError
from imgclf.model_file.archive import MANIFEST, PICTURES_SEEN, ModelArchive, read_manifest
from imgclf.model_file.pictures_seen import (
    PicturesSeen,
    read_pictures_seen,
    short_digest,
)
from imgclf.model_file.seen_before import find_pictures_seen
from tests.support.model_files import rewritten, without_pictures_seen

_EMPTY = msgspec.msgpack.encode({"training": b"", "validation": b"", "test": b""})


def seen(model: Path) -> PicturesSeen:
    with ModelArchive(model) as archive:
        found = read_pictures_seen(archive, archive.manifest())
    assert found is not None
    return found


def digests(folder: str) -> set[bytes]:
    return {short_digest(file_digest(path)) for path in Path(folder).rglob("*.*")}


def test_a_training_writes_down_what_it_saw(trained: Trained) -> None:
    found, data = seen(trained.model), read_manifest(trained.model).data
    assert data is not None
    assert (len(found.training), len(found.validation)) == (data.training, data.validation)
    assert found.training | found.validation == digests("dataset")
    assert not found.training & found.validation
    assert found.held_out == found.validation
    assert {len(digest) for digest in found.training} == {16}


def test_a_correction_copies_it(trained: Trained) -> None:
    before = seen(trained.model)
    pictures = [Labelled(path, path.parent.name) for path in Path("new").rglob("*.*")]
    retrain(trained.model, pictures)
    assert read_manifest(trained.model).version == 2
    assert seen(trained.model) == before


def test_the_file_says_it_where_the_data_set_is_gone(trained: Trained) -> None:
    before = seen(trained.model)
    shutil.rmtree("dataset")
    assert find_pictures_seen(trained.model, read_manifest(trained.model)) == before


def test_of_an_earlier_version_s_file_the_data_set_says_it(trained: Trained) -> None:
    before = seen(trained.model)
    older = without_pictures_seen(trained.model)
    move_data_set(older)
    assert find_pictures_seen(older, read_manifest(older)) == before


def test_it_can_not_be_told_where_that_has_changed(trained: Trained) -> None:
    older = without_pictures_seen(trained.model)
    move_data_set(older)
    shutil.copy(next(Path("new/cat").iterdir()), "dataset/cat/another.png")
    assert find_pictures_seen(older, read_manifest(older)) is None
    shutil.rmtree("dataset")
    assert find_pictures_seen(older, read_manifest(older)) is None


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda content: content[:-1], "is not the list of pictures it should be"),
        (lambda content: _EMPTY, "is not the list of pictures it should be"),
    ],
)
def test_another_list_is_not_taken_for_it(
    trained: Trained, edit: Callable[[bytes], bytes], said: str
) -> None:
    other = rewritten(trained.model, PICTURES_SEEN, edit)
    with pytest.raises(ModelFileError) as caught:
        find_pictures_seen(other, read_manifest(other))
    assert said in caught.value.message


@pytest.mark.parametrize(
    "content",
    [b"", b"\xc1", msgspec.msgpack.encode([1]), _EMPTY.replace(b"\xc4\x00", b"\xc4\x01a", 1)],
)
def test_what_is_no_list_of_pictures_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        PicturesSeen.from_bytes(content)


def move_data_set(model: Path) -> None:
    """So that the manifest, which has the absolute path of another test's folder, finds it."""

    def moved(content: bytes) -> bytes:
        manifest = msgspec.json.decode(content)
        manifest["data"]["directory"] = str(Path("dataset").resolve())
        return msgspec.json.encode(manifest)

    rewritten(model, MANIFEST, moved).replace(model)
