"""The data set that a model was trained on: found, read as it was then, matched with the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.data.arrangement import Arrangement
from imgclf.data.dataset import read_dataset
from imgclf.data.decoder import DecoderSettings
from imgclf.data.folder import PictureFolder
from imgclf.data.groups import Grouping
from imgclf.errors import DataError, ModelFileError
from imgclf.model_file.manifest import Decoder, Manifest, TrainedOn
from imgclf.model_file.trained_on import positions_in_outputs, training_data
from tests.support.heard import Heard
from tests.support.pictures import encoded, motif

SPLIT, SEED = 0.25, 7


@pytest.fixture
def manifest(in_folder: Path) -> Manifest:
    """Of a model that was trained on eight pictures of each of two classes."""
    for label in ("cat", "dog"):
        (in_folder / "set" / label).mkdir(parents=True)
        for number in range(8):
            width = 20 + number + 10 * (label == "dog")
            (in_folder / "set" / label / f"{number}.png").write_bytes(encoded(motif(width)))
    folder = read_dataset(Path("set"), SPLIT, SEED, DecoderSettings(8, 8), "memory").folder
    return described({"validation_split": SPLIT, "seed": SEED}, folder.fingerprint)


def described(data: dict[str, Any] | None, fingerprint: str = "") -> Manifest:
    return Manifest(
        name="pets",
        created="2026-11-01T12:00:00+00:00",
        class_names=("cat", "dog"),
        decoder=Decoder(height=8, width=8),
        head="sigmoid",
        config={} if data is None else {"data": data},
        data=TrainedOn(directory="set", fingerprint=fingerprint, training=12, validation=4),
    )


def test_it_is_read_in_the_model_s_size_and_divided_as_it_was(
    manifest: Manifest, heard: Heard
) -> None:
    data = training_data(manifest)
    assert data is not None
    assert (data.directory, data.validation_split, data.seed) == (Path("set"), SPLIT, SEED)
    assert data.keep == "disk"  # as models of versions that kept nothing else
    found = data.read("these pictures")
    assert found.folder.fingerprint == manifest.data.fingerprint
    assert (len(found.training), len(found.validation)) == (12, 4)
    assert next(found.validation.batches()).shape == (4, 8, 8, 3)
    assert "has changed" not in heard.text


def test_the_model_says_where_its_decoded_pictures_are_kept(manifest: Manifest) -> None:
    data = training_data(described(manifest.config["data"] | {"cache": "none"}))
    assert data is not None
    assert data.keep == "none"


def test_a_warning_says_what_a_changed_data_set_makes_doubtful(
    manifest: Manifest, heard: Heard
) -> None:
    Path("set/cat/new.png").write_bytes(encoded(motif(60)))
    data = training_data(manifest)
    assert data is not None
    assert len(data.read("the answers").training) == 13
    assert (
        "set has changed since pets was trained: it may have seen some of the answers" in heard.text
    )


def test_one_that_is_gone_is_named_with_what_to_do(manifest: Manifest) -> None:
    data = training_data(manifest)
    assert data is not None
    data.require("bring it back")
    Path("set").rename("elsewhere")
    with pytest.raises(DataError) as raised:
        data.require("bring it back")
    assert str(raised.value) == "set, which pets was trained on, is not there\nbring it back"


def test_an_adopted_model_has_none() -> None:
    adopted = Manifest(
        name="adopted",
        created="2026-11-01T12:00:00+00:00",
        class_names=("cat", "dog"),
        decoder=Decoder(height=8, width=8),
        head="sigmoid",
    )
    assert training_data(adopted) is None


def test_a_model_that_does_not_say_how_its_data_set_was_divided_has_none_to_read() -> None:
    manifest = described(None)
    assert training_data(manifest) is None


def folder_of(*class_names: str) -> PictureFolder:
    return PictureFolder(Path("set"), class_names, (), (), (), ())


def test_classes_are_found_by_name_among_the_outputs_of_a_model_that_learned_one_more() -> None:
    manifest = described(None)
    assert positions_in_outputs(folder_of("cat", "dog"), manifest, "").tolist() == [0, 1]
    assert positions_in_outputs(folder_of("dog"), manifest, "").tolist() == [1]
    assert positions_in_outputs(folder_of("dog"), manifest, "").dtype == np.int64


def test_a_class_that_the_model_does_not_know_is_named_with_what_to_do() -> None:
    with pytest.raises(DataError) as raised:
        positions_in_outputs(folder_of("bird", "cat"), described(None), "train it anew")
    assert str(raised.value) == (
        "set has the class 'bird' now, which pets doesn't know\ntrain it anew"
    )


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ([], "object"),
        ({"seed": SEED}, "validation_split"),
        ({"validation_split": 0, "seed": SEED}, "$.validation_split"),
        ({"validation_split": "0.2", "seed": SEED}, "$.validation_split"),
        ({"validation_split": SPLIT, "seed": 1 << 70}, "$.seed"),
        ({"validation_split": SPLIT, "seed": SEED, "cache": "ram"}, "$.cache"),
        ({"validation_split": SPLIT, "seed": SEED, "classes": ["cat"]}, "$.classes"),
        ({"validation_split": SPLIT, "seed": SEED, "parts": {"test": "x"}}, "training"),
        ({"validation_split": SPLIT, "seed": SEED, "parts": {"training": "a\0b"}}, "$.parts"),
    ],
)
def test_a_config_that_no_training_had_is_refused(data: Any, names: str) -> None:
    with pytest.raises(ModelFileError, match="says of its data set what can't be: ") as raised:
        training_data(described(data))
    assert names in str(raised.value)


def test_the_parts_that_a_config_named_are_those_of_the_model() -> None:
    parts = {"training": "a", "test": "b"}
    data = training_data(described({"validation_split": SPLIT, "seed": SEED, "parts": parts}))
    assert data is not None
    assert data.arrangement.parts == parts


def test_groups_that_a_config_named_are_kept_together_again(manifest: Manifest) -> None:
    by_number = Arrangement(grouping=Grouping(path="([0-9])[.]png"))
    then = read_dataset(Path("set"), SPLIT, SEED, DecoderSettings(8, 8), "memory", by_number).folder
    assert then.fingerprint != manifest.data.fingerprint
    config = {"validation_split": SPLIT, "seed": SEED, "groups": {"path": "([0-9])[.]png"}}
    data = training_data(described(config, then.fingerprint))
    assert data is not None
    found = data.read_unchanged()
    assert found is not None
    numbers = [{one.path.stem for one in part.pictures} for part in found.parts]
    assert [len(one) for one in numbers] == [6, 2, 0]
