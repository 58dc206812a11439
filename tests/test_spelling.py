"""Names with accents stored in either way: one class, one folder, one answer."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from imgclf.commands.evaluate import evaluate
from imgclf.commands.predict import find_inputs
from imgclf.commands.train import Trained
from imgclf.corrections.inputs import Labelled, read_inputs, require_classes
from imgclf.corrections.misfiled import find_misfiled
from imgclf.corrections.replay_memory import load_memory, save_memory
from imgclf.data.filing import Filing, file_picture
from imgclf.data.folder import scan
from imgclf.data.labelled import scan_labelled
from imgclf.data.picture_files import file_digest
from imgclf.errors import DataError, nearest_match
from imgclf.model_file.archive import MANIFEST, read_manifest
from imgclf.model_file.lookup import find_model
from imgclf.model_file.manifest import Correction, Decoder, Manifest
from imgclf.spelling import composed, path_as_spelled, told_apart
from tests.support.model_files import rewritten

TYPED, STORED = "ağaç", unicodedata.normalize("NFD", "ağaç")
assert TYPED != STORED


def test_what_is_read_alike_is_one_name() -> None:
    assert composed(STORED) == composed(TYPED) == TYPED
    assert told_apart(["a", TYPED, "b"]) is None
    assert told_apart([STORED, TYPED]) == (
        r"ağaç twice, stored as 'ag\u0306ac\u0327' and as 'a\u011fa\xe7'"
    )
    assert nearest_match(TYPED, [STORED, "agac"]) == STORED


def test_a_path_is_found_as_it_is_stored(in_folder: Path) -> None:
    (in_folder / STORED / STORED).mkdir(parents=True)
    assert path_as_spelled(Path(TYPED) / TYPED) == Path(STORED) / STORED
    assert path_as_spelled(in_folder / TYPED) == in_folder / STORED
    assert path_as_spelled(Path(TYPED) / "gone") == Path(TYPED) / "gone"
    Path(TYPED).mkdir()
    assert path_as_spelled(Path(TYPED)) == Path(TYPED)


@pytest.fixture
def pictures(in_folder: Path) -> Path:
    """A set as it comes from a Mac, with files that only look like pictures."""
    for name in (STORED, "dog"):
        (in_folder / "set" / name).mkdir(parents=True)
        for number in range(5):
            (in_folder / "set" / name / f"{number}.jpg").write_text(f"{name} {number}")
    return Path("set")


def test_a_class_has_its_composed_name_and_its_folder_the_other(pictures: Path) -> None:
    found = scan(pictures, 0.2, 1)
    assert found.class_names == (TYPED, "dog")
    assert {one.path.parent.name for one in found.training} == {STORED, "dog"}


def test_the_data_set_is_what_it_was_before_names_were_composed(pictures: Path) -> None:
    """So that a training goes on, or is known to be finished."""
    assert scan(pictures, 0.2, 1).folder_names == (STORED, "dog")


def test_two_folders_of_one_name_are_refused_with_both(pictures: Path) -> None:
    (pictures / TYPED).mkdir()
    with pytest.raises(DataError) as caught:
        scan(pictures, 0.2, 1)
    assert caught.value.message == (
        r"set has the class ağaç twice, stored as 'ag\u0306ac\u0327' and as 'a\u011fa\xe7'"
    )


@pytest.mark.parametrize("names", [(TYPED, "dog"), (STORED, "dog")])
def test_folders_are_a_models_classes_however_they_are_spelled(
    pictures: Path, names: tuple[str, ...]
) -> None:
    found, _ = scan_labelled(pictures, names)
    assert len(found) == 10
    Path(STORED).symlink_to("set")
    found, _ = scan_labelled(Path(TYPED), names)
    assert len(found) == 10
    other = pictures / unicodedata.normalize("NFD", "köpek")
    other.mkdir()
    (other / "1.jpg").write_bytes((pictures / "dog/1.jpg").read_bytes())
    with pytest.raises(DataError, match=f"is none of the classes: {TYPED}, dog"):
        scan_labelled(pictures, names)


def test_what_a_person_says_is_the_class_that_is_stored(pictures: Path) -> None:
    Path("corrections.csv").write_text(f"path,label\nset/{TYPED}/1.jpg,{STORED}\n")
    [said] = read_inputs(["corrections.csv"], None, [])
    assert said == Labelled(Path("set") / STORED / "1.jpg", TYPED, "corrections.csv, line 2")
    for argument, label in (f"set/{TYPED}", STORED), (f"set/{STORED}", TYPED):
        labelled = read_inputs([argument], label, [])
        assert [one.label for one in labelled] == [TYPED] * 5
        assert require_classes(labelled, (TYPED, "dog")) is None
    assert {one.label for one in read_inputs(["set"], None, [])} == {TYPED, "dog"}
    new = [Labelled(Path("a.jpg"), composed(STORED))]
    assert require_classes(new, ("cat", "dog"), new_class=True) == TYPED


def test_pictures_are_found_and_filed_as_the_disk_spells_it(pictures: Path) -> None:
    stored = [f"set/{STORED}/{number}.jpg" for number in range(5)]
    assert list(find_inputs([f"set/{TYPED}"], [])) == stored
    assert list(find_inputs([f"set/{TYPED}/3.jpg"], [])) == [stored[3]]
    assert list(find_inputs(["-"], [f"set/{TYPED}/3.jpg\n"])) == [stored[3]]
    assert list(find_inputs([f"./{TYPED}.jpg"], [])) == [f"./{TYPED}.jpg"]
    Path("1.jpg").write_text("another")
    filed = file_picture(Path("1.jpg"), pictures, TYPED, Filing.COPY)
    assert filed.parent == pictures / STORED


def manifest(names: tuple[str, ...], *corrections: Correction) -> Manifest:
    return Manifest(
        name="pets",
        created="",
        class_names=names,
        decoder=Decoder(8, 8),
        head="softmax",
        corrections=corrections,
    )


def test_a_model_made_before_says_its_classes_composed() -> None:
    correction = Correction("a.jpg", "0", STORED, "dog", 2)
    made_before = manifest((STORED, "dog"), correction)
    assert made_before.class_names == (TYPED, "dog")
    assert made_before.corrections[0].label == TYPED
    # Two classes that only earlier versions told apart stay two.
    assert manifest((STORED, TYPED)).class_names == (STORED, TYPED)


def test_a_model_made_before_goes_on_to_work(trained: Trained) -> None:
    """Its memory and its data set have the names as they were stored."""

    def before(content: bytes) -> bytes:
        said = json.loads(content)
        said["class_names"] = [STORED, "dog"]
        said["data"]["directory"] = str(Path("dataset").absolute())
        return json.dumps(said).encode()

    rewritten(trained.model, MANIFEST, before).replace(trained.model)
    memory = load_memory(trained.model)
    assert memory is not None
    save_memory(trained.model, replace(memory, class_names=(STORED, "dog")))
    for folder in ("dataset", "new"):
        Path(folder, "cat").rename(Path(folder, STORED))
    made_before = read_manifest(trained.model)
    assert made_before.class_names == (TYPED, "dog")
    again = load_memory(trained.model)
    assert again is not None
    again = again.for_model(made_before)
    assert again is not None
    assert set(again.judge.labels) == {0, 1}
    for folder in (None, Path("new")):
        assert set(evaluate(trained.model, folder, []).classes) == {TYPED, "dog"}
    picture = next(Path("dataset", STORED).iterdir())
    said = {file_digest(picture): TYPED}
    assert find_misfiled(made_before, said, {picture.stat().st_size}) == []


def test_a_model_is_found_by_a_name_that_somebody_types(in_folder: Path) -> None:
    Path("models").mkdir()
    Path("models", f"{STORED}.keras").touch()
    for typed in (TYPED, f"models/{TYPED}.keras"):
        assert find_model(Path(typed), None) == Path("models", f"{STORED}.keras")
