"""Pictures that belong together come to one side of a division."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgclf.data.arrangement import Arrangement
from imgclf.data.dataset import DataSet, read_dataset
from imgclf.data.decoder import DecoderSettings
from imgclf.data.division import split
from imgclf.data.grouped_division import grouped_folds, hold_out_groups
from imgclf.data.groups import Grouping
from imgclf.data.picture_files import Picture
from imgclf.errors import DataError


def pictures(labels: Iterable[int]) -> list[Picture]:
    return [Picture(Path(f"{n}.png"), label, f"{n:064x}") for n, label in enumerate(labels)]


def test_a_group_comes_to_one_side_and_each_class_to_its_share() -> None:
    # Forty patients of one to nine pictures; what they show differs from picture to picture.
    patients = np.repeat(np.arange(40), np.arange(40) % 9 + 1)
    found = pictures(n % 3 for n in range(len(patients)))
    group_of = {one.digest: f"{p}" for one, p in zip(found, patients, strict=True)}
    labels = np.array([one.label for one in found])
    for seed in range(5):
        held_out = hold_out_groups(found, group_of, 0.2, seed)
        assert not set(patients[held_out]) & set(patients[~held_out])
        for label in range(3):
            assert held_out[labels == label].mean() == pytest.approx(0.2, abs=0.03)


def test_pictures_that_are_groups_by_themselves_are_divided_as_without_groups() -> None:
    found = pictures(n % 2 for n in range(60))
    held_out = hold_out_groups(found, {one.digest: one.digest for one in found}, 0.2, 7)
    _, validation = split(found, 2, 0.2, 7)
    assert [one for one, out in zip(found, held_out, strict=True) if out] == validation


def test_of_two_groups_one_is_held_out_however_large() -> None:
    found = pictures([0] * 10 + [1] * 10)
    group_of = {one.digest: f"{n // 5 * 5}" for n, one in enumerate(found)}
    held_out = hold_out_groups(found, group_of, 0.1, 1)
    assert held_out[:10].sum() == held_out[10:].sum() == 5


def test_folds_take_whole_groups_and_are_of_like_size() -> None:
    found = pictures(n % 2 for n in range(120))
    group_of = {one.digest: f"{n // 4}" for n, one in enumerate(found)}
    folds = grouped_folds(found, group_of, 5, 3)
    assert all(len(set(folds[start : start + 4])) == 1 for start in range(0, 120, 4))
    assert np.bincount(folds).tolist() == [24] * 5
    assert np.array_equal(folds, grouped_folds(found, group_of, 5, 3))
    assert not np.array_equal(folds, grouped_folds(found, group_of, 5, 4))


@pytest.fixture
def wards(in_folder: Path) -> Path:
    """Two classes of noise, of twelve patients each with three pictures."""
    random = np.random.default_rng(1)
    for name in ("ill", "well"):
        Path("set", name).mkdir(parents=True)
        for patient in range(12):
            for number in range(3):
                noise = random.integers(0, 256, (16, 16, 3), np.uint8)
                place = f"set/{name}/{name[0]}{patient:02}-{number}.png"
                Image.fromarray(noise).save(place)
    return Path("set")


def read(place: Path, grouping: Grouping | None, **said: Path) -> DataSet:
    arrangement = Arrangement(grouping=grouping, **said)
    return read_dataset(place, 0.25, 1, DecoderSettings(8, 8), "memory", arrangement)


def patients(part: Iterable[Picture]) -> set[str]:
    return {picture.path.name.partition("-")[0] for picture in part}


@pytest.mark.parametrize("expression", [r"(\w\d+)-", r"[iw]\d\d"])
def test_groups_are_what_an_expression_finds_in_the_path(wards: Path, expression: str) -> None:
    torn = read(wards, None).folder
    assert patients(torn.training) & patients(torn.validation)
    found = read(wards, Grouping(path=expression))
    assert not patients(found.folder.training) & patients(found.folder.validation)
    assert sorted(picture.label for picture in found.folder.validation) == [0] * 9 + [1] * 9
    assert found.groups is not None
    assert found.groups.in_words == (
        "data.groups: 72 different pictures in 24 groups; the largest, i00, has 3"
    )
    assert found.fingerprint == read(wards, Grouping(path=expression)).fingerprint
    assert found.fingerprint != torn.fingerprint


def test_groups_are_a_column_of_the_table(wards: Path) -> None:
    # Patients whose number ends alike, whatever they have, are of one family.
    rows = [
        f"{path.relative_to(wards)},{path.parent.name},{path.name[2]}"
        for path in sorted(wards.rglob("*.png"))
    ]
    table = Path("set/labels.csv")
    table.write_text("\n".join(["path,label,Family name", *rows]))
    found = read(wards, Grouping(column="family name"), table=table).folder
    families = [{one.path.name[2] for one in part} for part in (found.training, found.validation)]
    assert not families[0] & families[1]
    with pytest.raises(DataError, match=r"no column famly, which data.groups names") as error:
        read(wards, Grouping(column="famly"), table=table)
    assert "received: path, label, Family name" in str(error.value)


def test_one_picture_in_two_groups_is_an_error_with_both_lines(wards: Path) -> None:
    table = Path("set/labels.csv")
    table.write_text(
        "path,label,p\nill/i00-0.png,ill,1\nwell/w00-0.png,well,2\nill/i00-0.png,ill,3"
    )
    with pytest.raises(DataError, match=r"lines 2 and 4: ill/i00-0.png is 1 and 3"):
        read(wards, Grouping(column="p"), table=table)


def test_near_copies_are_a_group_however_many_there_are(wards: Path) -> None:
    # Most of a class is one picture, saved again and again, as of a camera that stands still.
    with Image.open("set/ill/i00-0.png") as picture:
        large = picture.resize((32, 32), Image.Resampling.NEAREST)
    for number in range(40):
        large.crop((0, 0, 32, 32)).save(f"set/ill/again-{number}.png", pnginfo=None)
        with Path(f"set/ill/again-{number}.png").open("ab") as stream:
            stream.write(bytes([number]))

    def torn(data: DataSet) -> bool:
        [group] = data.near_copies
        validation = {picture.path for picture in data.folder.validation}
        return 0 < sum(picture.path in validation for picture in group) < len(group)

    assert torn(read(wards, None))
    assert not torn(read(wards, Grouping(near_copies=True)))


def test_parts_that_come_divided_must_not_share_a_group(wards: Path) -> None:
    for name in ("ill", "well"):
        for part in ("train", "val"):
            Path(part, name).mkdir(parents=True)
        for path in sorted(Path("set", name).iterdir()):
            part = "val" if int(path.name[1:3]) < 3 else "train"
            shutil.move(path, Path(part, name, path.name))
    shutil.rmtree("set")
    by_patient = Grouping(path=r"(\w\d+)-")
    assert len(read(Path(), by_patient).folder.validation) == 18
    shutil.move("train/ill/i07-1.png", "val/ill/i07-1.png")
    with pytest.raises(DataError) as error:
        read(Path(), by_patient)
    assert str(error.value).startswith(
        "1 group of data.groups lies in two parts, so that scores would say too much good:\n"
        "  i07: train/ill/i07-0.png and val/ill/i07-1.png"
    )


def test_a_class_that_is_one_group_cannot_be_divided(wards: Path) -> None:
    with pytest.raises(DataError) as error:
        read(wards, Grouping(path="^well|i[0-9]+"))
    assert "  well: 36 pictures in 1 group: well" in str(error.value)
