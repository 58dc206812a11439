"""Labels that people gave to pictures, taken into a data set."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgclf.config.choices import Keep
from imgclf.data.arrangement import Arrangement
from imgclf.data.dataset import DataSet, of_folder, read_dataset
from imgclf.data.decoder import DecoderSettings, decode
from imgclf.data.given_files import GivenLabel
from imgclf.data.given_labels import TakenIn, take_in
from imgclf.data.picture_files import file_digest
from imgclf.errors import DataError

SETTINGS = DecoderSettings(16, 16)


@pytest.fixture
def here(drawn: Path, in_folder: Path) -> Path:
    shutil.copytree(drawn, in_folder, dirs_exist_ok=True)
    return in_folder


def read(directory: str = "dataset", keep: Keep = "memory") -> DataSet:
    return read_dataset(Path(directory), 0.2, 5, SETTINGS, keep)


def given(path: Path | str, label: str, was_wrong: bool = True) -> GivenLabel:
    return GivenLabel(file_digest(Path(path)), label, str(path), was_wrong)


def take(data: DataSet, *labels: GivenLabel, keep: Keep = "memory") -> TakenIn:
    return take_in(data, labels, keep)


def assert_consistent(taken: TakenIn) -> None:
    """Rows, labels and pictures of each part belong together, and no picture is in two parts."""
    seen: set[Path] = set()
    for part in taken.data.parts:
        assert (part.labels.dtype, part.rows.dtype) == (np.int64, np.int64)
        assert [one.label for one in part.pictures] == part.labels.tolist()
        for picture, pixels in zip(part.pictures, part.pixels[part.rows], strict=True):
            assert np.array_equal(pixels, decode(picture.path, SETTINGS))
        paths = {one.path for one in part.pictures}
        assert not paths & seen
        seen |= paths


@pytest.mark.parametrize("keep", ["memory", "disk", "none"])
def test_a_picture_that_the_data_set_does_not_have_is_trained_on(here: Path, keep: Keep) -> None:
    data = read(keep=keep)
    first, second = sorted(Path("new/cat").iterdir())[:2]
    taken = take(data, given(first, "dog"), given(second, "cat", was_wrong=False), keep=keep)
    assert_consistent(taken)
    added = taken.data.training.pictures[len(data.training) :]
    assert [(one.path, one.label) for one in added] == [(first, 1), (second, 0)]
    assert taken.added == added
    assert taken.data.validation.pictures == data.validation.pictures
    assert [one.path for one in taken.corrected] == [str(first)]
    assert [one.path for one in taken.part.pictures] == [first]
    one = taken.data.training.rows[-1]
    assert np.array_equal(taken.data.training.pixels[one], decode(second, SETTINGS))


def test_nothing_is_doubled_that_the_data_set_has_under_the_label(here: Path) -> None:
    data = read()
    picture = data.training.pictures[0]
    name = data.folder.class_names[picture.label]
    shutil.copy(picture.path, "elsewhere.jpg")
    taken = take(data, given("elsewhere.jpg", name))
    assert taken.data.training.pictures == data.training.pictures
    assert taken.data.fingerprint == data.fingerprint
    assert (taken.added, taken.relabelled, taken.moved) == ((), (), ())
    assert [one.path for one in taken.part.pictures] == [picture.path]


def test_what_people_said_goes_before_the_label_of_the_data_set(here: Path) -> None:
    data = read()
    picture = data.training.pictures[0]
    shutil.copy(picture.path, picture.path.with_name("twice.png"))
    data = read()
    other = data.folder.class_names[1 - picture.label]
    taken = take(data, given(picture.path, other))
    assert_consistent(taken)
    assert len(taken.data.training) + len(taken.data.validation) == 61
    same = [one for one in taken.data.training.pictures if one.digest == picture.digest]
    assert [one.label for one in same] == [1 - picture.label] * 2
    assert len(taken.relabelled) == 2
    assert taken.data.fingerprint != data.fingerprint
    assert of_folder(taken.data.fingerprint) == data.fingerprint == data.folder.fingerprint


def test_a_picture_that_a_model_had_wrong_is_no_longer_held_out(here: Path) -> None:
    data = read()
    wrong, right = data.validation.pictures[:2]
    names = data.folder.class_names
    taken = take(
        data,
        given(wrong.path, names[wrong.label]),
        given(right.path, names[right.label], was_wrong=False),
    )
    assert_consistent(taken)
    assert taken.moved == (wrong,)
    assert taken.data.training.pictures == (*data.training.pictures, wrong)
    assert taken.data.validation.pictures == data.validation.pictures[1:]


def test_test_pictures_are_trained_on_as_well_and_so_is_what_has_another_label(here: Path) -> None:
    for part in ("train", "validation", "test"):
        shutil.copytree("new" if part == "test" else "dataset", f"set/{part}")
    for picture in sorted(Path("set/validation").rglob("*.*"))[::2]:
        (Path("set/train") / picture.relative_to("set/validation")).unlink()
    for picture in sorted(Path("set/validation").rglob("*.*"))[1::2]:
        picture.unlink()
    data = read("set")
    tested, validated = data.test.pictures[0], data.validation.pictures[-1]
    names = data.folder.class_names
    taken = take(
        data,
        given(tested.path, names[tested.label]),
        given(validated.path, names[1 - validated.label], was_wrong=False),
    )
    assert_consistent(taken)
    assert taken.data.test.pictures == data.test.pictures[1:]
    assert taken.data.validation.pictures == data.validation.pictures[:-1]
    assert {one.path for one in taken.moved} == {tested.path, validated.path}
    assert taken.relabelled == (validated,)


def test_near_copies_go_with_a_corrected_picture_where_the_split_divides(here: Path) -> None:
    data = read()
    one, other = data.validation.pictures[0], data.validation.pictures[1]
    names = data.folder.class_names
    with Image.open(one.path) as picture:
        picture.convert("RGB").save("smaller.jpg", quality=80)
    taken = take(data, given("smaller.jpg", names[one.label]))
    assert_consistent(taken)
    assert taken.followed == (one,)
    assert taken.data.training.pictures[-2:] == (one, *taken.added)
    assert other in taken.data.validation.pictures


def test_a_label_that_is_no_class_and_a_file_that_is_gone_are_left_out(here: Path) -> None:
    data = read()
    first, second, third = sorted(Path("new/dog").iterdir())[:3]
    labels = [given(first, "bird"), given(second, "dog"), given(third, "dog")]
    second.unlink()
    third.write_bytes(b"something else")
    os.mkfifo("pipe.jpg")
    labels.append(GivenLabel("0" * 64, "dog", "pipe.jpg", True))
    labels.append(GivenLabel("1" * 64, "dog", "\0", True))
    taken = take(data, *labels)
    assert taken.data.fingerprint == data.fingerprint
    assert taken.given == ()
    assert dict(taken.unknown) == {"bird": 1}
    assert [(str(one.path), one.reason) for one in taken.skipped] == [
        (str(second), "No such file or directory"),
        (str(third), "it has changed since somebody said what it is"),
        ("pipe.jpg", "not a regular file"),
        ("\0", "embedded null byte"),
    ]


def test_pixels_that_an_earlier_version_kept_stand_for_the_file(here: Path) -> None:
    picture = sorted(Path("new/dog").iterdir())[0]
    digest = file_digest(picture)
    Image.fromarray(decode(picture, SETTINGS)).save(f"{digest}.png")
    taken = take(read(), GivenLabel(digest, "dog", f"{digest}.png", True))
    assert_consistent(taken)
    assert [one.path for one in taken.part.pictures] == [Path(f"{digest}.png")]
    # What is computed of these pixels must not pass for the file's.
    assert taken.part.pictures[0].digest == file_digest(Path(f"{digest}.png")) != digest


def test_a_table_says_what_is_what_and_people_know_better(here: Path) -> None:
    pictures = sorted(path for path in Path("dataset").rglob("*.jpg"))
    lines = [f"{path},{path.parent.name}\n" for path in pictures]
    Path("labels.csv").write_text("path,label\n" + "".join(lines))
    data = read_dataset(Path(), 0.2, 5, SETTINGS, "memory", Arrangement(table=Path("labels.csv")))
    picture = data.training.pictures[0]
    other = data.folder.class_names[1 - picture.label]
    taken = take(data, given(picture.path, other), given("new/cat/cat-001.jpg", "cat"))
    assert_consistent(taken)
    assert taken.relabelled == (picture,)
    assert len(taken.added) == 1


def test_without_a_word_nothing_is_decoded_or_kept(here: Path) -> None:
    data = read(keep="none")
    before = set(here.rglob("*"))
    taken = take(data, GivenLabel("0" * 64, "bird", "gone.jpg", True), keep="disk")
    assert (taken.data.training, taken.data.fingerprint) == (data.training, data.fingerprint)
    picture = data.training.pictures[0]
    name = data.folder.class_names[picture.label]
    assert take(data, given(picture.path, name), keep="disk").added == ()
    assert set(here.rglob("*")) == before


def test_the_order_in_which_it_was_said_does_not_matter_to_the_fingerprint(here: Path) -> None:
    data = read()
    one, other = (given(path, "dog") for path in sorted(Path("new/cat").iterdir())[:2])
    assert take(data, one, other).data.fingerprint == take(data, other, one).data.fingerprint
    assert take(data, one).data.fingerprint != take(data, one, other).data.fingerprint


def test_a_class_that_would_have_no_picture_held_out_is_refused(here: Path) -> None:
    data = read()
    cats = [one for one in data.validation.pictures if one.label == 0]
    with pytest.raises(DataError) as caught:
        take(data, *(given(one.path, "cat") for one in cats))
    assert "cat: 30 to train on, 0 to validate on" in caught.value.message
    assert caught.value.hint is not None
    assert caught.value.hint.endswith("--set training.corrections=ignore")
