"""What a folder of pictures is taken for: generated layouts against a plain description of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from imgclf.data.arrangement import Arrangement
from imgclf.data.first_rules import find_by_first_rules
from imgclf.data.found_files import FoundFiles, find_files
from imgclf.data.labelled import Wanted, find_labelled
from imgclf.data.part_names import part_named
from imgclf.errors import DataError

Plant = Callable[..., Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Makes a folder of files, each with its own name in it; no one opens them as pictures."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not name.endswith("/"):
                path.write_text(name)
            else:
                path.mkdir(exist_ok=True)
        return tmp_path / "set"

    return make


def pictures(*folders: str, count: int = 2) -> list[str]:
    """Some in each of these folders."""
    return [f"{folder}/{number}.jpg" for folder in folders for number in range(count)]


def described(found: FoundFiles) -> dict[str, dict[str, list[str]]]:
    """By part and class: the pictures, as they lie."""
    result: dict[str, dict[str, list[str]]] = {}
    for part, files in found.parts.items():
        result[part] = {}
        for path, label in files:
            relative = path.relative_to(found.directory).as_posix()
            result[part].setdefault(found.class_names[label], []).append(relative)
    return result


def refusal(folder: Path, arrangement: Arrangement | None = None) -> str:
    with pytest.raises(DataError) as caught:
        find_files(folder, arrangement or Arrangement())
    return str(caught.value)


def left_out(found: FoundFiles) -> dict[str, str]:
    return {
        skipped.path.relative_to(found.directory).as_posix(): skipped.reason
        for skipped in found.skipped
    }


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (
            "training",
            "train Train TRAIN training trn train_set train-images training_data pets_train "
            "TrainImages imagesTr train2017 trainset",
        ),
        (
            "validation",
            "val valid VALID validation dev eval val_set pets-valid ValImages val2017 valset",
        ),
        ("test", "test Testing tst test_images Test-Set imagesTs1test testdata tests"),
        ("", "trainer cat latest contest 2017 images invalid strain protest dev_train validity"),
    ],
)
def test_names_of_parts(part: str, names: str) -> None:
    for name in names.split():
        named = part_named(name)
        assert (named.part if named else "") == part, name
    assert part_named("Train Images") == part_named("train")


NAMES = (
    ("train", "valid", "test"),
    ("Train", "Val", "Test"),
    ("TRAINING", "VALIDATION", "TESTING"),
    ("trn", "dev", "tst"),
    ("train_set", "validation_set", "test_set"),
    ("Train Images", "Valid Images", "Test Images"),
    ("pets_train", "pets_val", "pets_test"),
    ("seg-train", "seg-dev", "seg-test"),
    ("training", "validation", "evaluation"),
    ("train2017", "val2017", "test2017"),
)
FOREIGN_TO_CLASSES = (
    "__MACOSX/._0.jpg",
    "docs/README.md",
    ".git/x.jpg",
    "runs/pets/2026/run.json",
    "models/pets.keras",
)
FOREIGN = ("runs/a/b/curves.png", "__MACOSX/._x.jpg", "README/readme.md", "extra/loose.jpg")


@pytest.mark.parametrize("seed", range(60))
def test_generated_sets_that_come_divided(plant: Plant, seed: int) -> None:
    draw = random.Random(seed)
    names = draw.choice(NAMES)
    parts = dict(zip(("training", "validation", "test"), names, strict=True))
    for absent in draw.sample(("validation", "test"), draw.randrange(2)):
        del parts[absent]
    if parts.get("test") == "evaluation" and "validation" not in parts:
        parts["validation"] = parts.pop("test")  # which it is where there is no other
    twice = draw.random() < 0.3
    deeper = draw.choice(("", "", "2024/"))
    classes = draw.sample(("cat", "dog", "test", "Été", "0", "train"), draw.randint(2, 4))
    foreign = draw.sample(FOREIGN, draw.randrange(4))
    expected: dict[str, dict[str, list[str]]] = {}
    for part, name in parts.items():
        above = f"{name}/{name}" if twice else name
        expected[part] = {
            one: [f"{above}/{one}/{deeper}{number}.jpg" for number in range(2)]
            for one in sorted(classes)
        }
    files = [path for part in expected.values() for paths in part.values() for path in paths]
    found = find_files(plant(*files, *foreign))
    assert described(found) == expected
    assert found.class_names == tuple(sorted(classes))
    tops = {name.partition("/")[0] for name in foreign} - {"__MACOSX"}
    assert set(left_out(found)) == tops


@pytest.mark.parametrize("seed", range(60))
def test_generated_sets_of_class_folders(plant: Plant, seed: int) -> None:
    draw = random.Random(seed)
    words = ("bus", "train", "car", "valid", "invalid", "tests", "runs", "images", "Développé", "7")
    classes = sorted(draw.sample(words, draw.randint(2, 6)))
    nested = {one: draw.random() < 0.2 for one in classes}
    expected = {
        one: [f"{one}/{one}-more/{k}.jpg" if nested[one] else f"{one}/{k}.jpg" for k in range(2)]
        for one in classes
    }
    foreign = draw.sample(FOREIGN_TO_CLASSES, draw.randrange(4))
    if "runs" in classes:
        foreign = [name for name in foreign if not name.startswith("runs/")]
    folder = plant(*(path for paths in expected.values() for path in paths), *foreign)
    if nested.get("train") and not any(one != "train" and nested[one] for one in classes):
        # A folder called train with folders of pictures in it, beside folders of pictures.
        assert "data.parts=none" in refusal(folder)
        found = find_files(folder, Arrangement(parts="none"))
    else:
        try:
            found = find_files(folder)
        except DataError as error:
            assert nested.get("train") and "data.parts=none" in str(error)
            found = find_files(folder, Arrangement(parts="none"))
    assert described(found) == {"training": expected}
    assert found.class_names == tuple(classes)
    visible = {name.partition("/")[0] for name in foreign} - {".git"}
    assert set(left_out(found)) == visible
    assert bool(found.notes) == any(nested.values())


@pytest.mark.parametrize("seed", range(60))
def test_parts_under_names_that_nobody_knows_are_asked_for(plant: Plant, seed: int) -> None:
    draw = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    parts = ["".join(draw.choices(letters, k=6)) for _ in range(draw.randint(2, 3))]
    classes = ["".join(draw.choices(letters, k=5)) for _ in range(draw.randint(2, 5))]
    sizes = dict(zip(parts, (9, 5, 3), strict=False))
    files = [
        path
        for part in parts
        for path in pictures(*(f"{part}/{one}" for one in classes), count=sizes[part])
    ]
    if len(parts) == 3:  # one of them lacks a class, say
        files = [path for path in files if not path.startswith(f"{parts[2]}/{classes[-1]}/")]
        classes_of_last = classes[:-1]
        if len(classes_of_last) < 2:
            return
    folder = plant(*files)
    said = refusal(folder)
    keys = ("training", "validation", "test")[: len(parts)]
    named = dict(zip(keys, parts, strict=True))
    proposed = ", ".join(f"{key}: {name}" for key, name in named.items())
    assert f"--set 'data.parts={{{proposed}}}'" in said
    assert "--set data.parts=none" in said
    found = find_files(folder, Arrangement(parts=named))
    assert found.class_names == tuple(sorted(classes))
    assert {part: len(files) for part, files in found.parts.items()} == {
        key: sum(path.startswith(f"{name}/") for path in files) for key, name in named.items()
    }
    assert find_files(folder, Arrangement(parts="none")).class_names == tuple(sorted(parts))


def test_two_folders_for_one_part_are_told_apart_by_a_key(plant: Plant) -> None:
    folder = plant(
        *pictures(*(f"{part}/{one}" for part in ("train", "val", "dev") for one in "ab"))
    )
    said = refusal(folder)
    assert "has both dev/ and val/; keep one, or say which is the validation part" in said
    found = find_files(folder, Arrangement(parts={"training": "train", "validation": "val"}))
    assert sorted(found.parts) == ["training", "validation"]
    assert left_out(found) == {"dev": "none of data.parts"}


def test_test_pictures_without_labels_are_left_out(plant: Plant) -> None:
    folder = plant(*pictures("train/a", "train/b", "test/test"))
    found = find_files(folder)
    assert sorted(found.parts) == ["training"]
    assert left_out(found) == {
        "test/test": "test pictures without class folders: nobody says what they are"
    }


def test_validation_pictures_without_labels_are_an_error(plant: Plant) -> None:
    folder = plant(*pictures("train/a", "train/b", "val"))
    said = refusal(folder)
    assert f"{folder / 'val'} has no class folders in it, but pictures" in said
    assert "--set 'data.parts={training: train}'" in said
    found = find_files(folder, Arrangement(parts={"training": "train"}))
    assert sorted(found.parts) == ["training"]
    assert left_out(found) == {"val": "none of data.parts"}


def test_files_beside_parts_are_said_to_be_left_out(plant: Plant) -> None:
    found = find_files(plant(*pictures("train/a", "train/b"), "README.txt", "0.jpg", ".hidden"))
    assert left_out(found) == dict.fromkeys(
        ("0.jpg", "README.txt"), "beside the parts, and none of them"
    )


def test_a_folder_of_test_pictures_beside_the_classes_is_asked_for(plant: Plant) -> None:
    folder = plant(*pictures("cat", "dog", "test/cat", "test/dog"))
    said = refusal(folder)
    assert "test looks like a part of it, and not like classes" in said
    assert "--set 'data.parts={training: ., test: test}'" in said
    found = find_files(folder, Arrangement(parts={"training": ".", "test": "test"}))
    assert found.class_names == ("cat", "dog")
    assert {part: len(files) for part, files in found.parts.items()} == {"training": 4, "test": 4}


@pytest.mark.parametrize("above", ["data", "archive/images"])
def test_a_folder_too_high_names_the_one_that_is_meant(plant: Plant, above: str) -> None:
    folder = plant(*pictures(f"{above}/cat", f"{above}/dog"), "README/readme.md")
    said = refusal(folder)
    meant = folder / above
    top = above.partition("/")[0]
    assert f"{folder} has one class folder only ({top})" in said
    assert f"{meant} may be meant, with cat, dog in it" in said
    assert f"imgclf train CONFIG --set data.directory={meant}" in said
    assert f"imgclf init {meant}" in said


def test_a_folder_too_low_names_the_one_above(plant: Plant) -> None:
    folder = plant(*pictures("cat", "dog"))
    said = refusal(folder / "cat")
    assert f"no class folders in it, but pictures. {folder} may be meant, with cat, dog" in said


def test_pictures_beside_a_table_name_the_key(plant: Plant) -> None:
    folder = plant("train/1.jpg", "train/2.jpg", "test/3.jpg", "labels.csv")
    said = refusal(folder)
    assert f"{folder / 'train'} has no class folders in it, but pictures" in said
    assert f"--set data.table={folder / 'labels.csv'}" in said


FRUIT = pictures(
    "Fruit/Apple/Golden-Delicious",
    "Fruit/Apple/Royal-Gala",
    "Fruit/Pear",
    "Vegetables/Carrot",
    "Vegetables/Onion/Red",
)


def test_nested_classes_are_one_each_and_it_is_said(plant: Plant) -> None:
    found = find_files(plant(*FRUIT))
    assert found.class_names == ("Fruit", "Vegetables")
    [note] = found.notes
    assert note == (
        f"{found.directory / 'Fruit'} holds folders (Apple, Pear), and 1 more class folders hold "
        "some: each class folder is one class, with all that is below it; with data.classes: "
        "leaves each folder of pictures is one"
    )


@pytest.mark.parametrize("parts", [("",), ("train/", "test/")])
def test_leaves_are_named_by_their_paths(plant: Plant, parts: tuple[str, ...]) -> None:
    found = find_files(
        plant(*(part + path for part in parts for path in FRUIT), "Fruit.txt"),
        Arrangement(classes="leaves"),
    )
    assert found.class_names == (
        "Fruit/Apple/Golden-Delicious",
        "Fruit/Apple/Royal-Gala",
        "Fruit/Pear",
        "Vegetables/Carrot",
        "Vegetables/Onion/Red",
    )
    assert found.notes == ()
    for files in found.parts.values():
        for path, label in files:
            assert path.parent.as_posix().endswith(found.class_names[label])
        assert len(files) == len(FRUIT)


def test_the_first_rules_see_what_they_saw(plant: Plant) -> None:
    folder = plant(*pictures("train/a", "train/b", "valid/a", "valid/b", "test/a"))
    found = find_by_first_rules(folder)
    assert found.class_names == ("test", "train", "valid")
    assert sorted(find_files(folder).class_names) == ["a", "b"]
    with pytest.raises(DataError, match="No such file"):
        find_by_first_rules(folder / "gone")


@pytest.mark.parametrize("extra", ["seg_pred", "unlabelled"])
def test_twice_packed_parts_with_unlabelled_test_pictures(plant: Plant, extra: str) -> None:
    files = pictures("seg_train/seg_train/sea", "seg_train/seg_train/street", "seg_test/seg_test")
    found = find_files(plant(*files))
    assert found.class_names == ("sea", "street")
    assert list(left_out(found)) == ["seg_test/seg_test"]
    folder = plant(*pictures(extra))  # now it might as well be a class
    assert "--set 'data.parts={training: seg_train, test: seg_test}'" in refusal(folder)
    plant(*pictures("seg_test/seg_test/sea"))
    found = find_files(folder)
    assert sorted(found.parts) == ["test", "training"]
    assert left_out(found)[extra] == "beside the parts, and none of them"


@pytest.mark.parametrize(("wanted", "count"), [("all", 12), ("held out", 4), ("not test", 8)])
def test_a_model_s_pictures_are_found_in_whatever_can_be_trained_on(
    plant: Plant, wanted: Wanted, count: int
) -> None:
    parts = ("train", "valid", "test")
    folder = plant(*pictures(*(f"{part}/{one}" for part in parts for one in "ab")), *pictures("x"))
    found = find_labelled(folder, ("a", "b"), wanted)
    assert (len(found.files), found.divided) == (count, True)
    assert found.part == ("test" if wanted == "held out" else None)
    assert [skipped.path.name for skipped in found.skipped] == ["x"]
    found = find_labelled(folder / "train", ("a", "b"), wanted)
    assert (len(found.files), found.part, found.divided) == (4, "training", False)
    assert sorted({path.parent.name for path, _ in found.files}) == ["a", "b"]


def test_what_imgclf_made_beside_class_folders_is_no_class(plant: Plant) -> None:
    run = "runs/pets/2026-11-22T10-15-03"
    found = find_files(plant(*pictures("cat", "dog"), f"{run}/run.json", f"{run}/curves.png"))
    assert found.class_names == ("cat", "dog")
    assert left_out(found) == {"runs": "made by imgclf, so it is no class"}
