"""Kept versions: only what is new in each is kept, and each comes back byte for byte."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imgclf.errors import ModelFileError, UsageError
from imgclf.model_file.archive import ModelArchive
from imgclf.model_file.prune import prune
from imgclf.model_file.version_parts import PartsFile
from imgclf.model_file.version_recipe import Columns, Copied, Recipe
from imgclf.model_file.versions import keep_version, roll_back, versions
from tests.support.dying_disk import Died, dying_disk
from tests.support.version_files import MODEL, kept, write_version

VERSIONS = Path("models/pets.history/versions")

pytestmark = pytest.mark.usefixtures("in_folder")


def numbers() -> list[int]:
    return [one.version for one in versions(MODEL)]


def all_come_back(files: dict[int, bytes]) -> None:
    """Every version that is listed can be put in use, byte for byte."""
    in_use = versions(MODEL)
    for number in numbers():
        with suppress(UsageError):  # it is in use
            roll_back(MODEL, number)
        assert MODEL.read_bytes() == files[number]
    assert [one.version for one in in_use] == numbers()


def chain(count: int, **of_each: Callable[[int], Any]) -> dict[int, bytes]:
    """So many versions, the first of them trained and each other a correction of the one before."""
    return {
        number: write_version(
            number,
            None if number == 1 else number - 1,
            **{name: value(number) for name, value in of_each.items()},
        )
        for number in range(1, count + 1)
    }


def test_of_a_correction_only_what_is_new_is_kept() -> None:
    files = chain(12)
    assert list(kept()) == ["0001.keras", *(f"{number:04d}.parts" for number in range(2, 12))]
    assert kept()["0001.keras"] == len(files[1]) > 700_000
    new = 2 * 4 * 1280  # the layer, in Keras's weights and in the head
    assert all(new < size < new + 20_000 for name, size in kept().items() if "parts" in name)
    assert numbers() == list(range(1, 13))
    all_come_back(files)


def test_neurons_cost_what_one_more_neuron_takes_and_not_what_all_of_them_take() -> None:
    files = chain(30, neurons=lambda number: number - 1)
    sizes = list(kept().values())
    one = 4 * 2500  # the same numbers in Keras's weights and in the head
    assert sizes[-1] - sizes[5] < one
    assert max(sizes[1:]) < 4 * one
    parts = PartsFile(VERSIONS / "0020.parts").recipe.parts
    assert [len(part.columns) for part in parts if isinstance(part, Columns)] == [19, 19]
    all_come_back(files)


def test_another_training_is_kept_whole_and_one_on_the_same_network_in_parts() -> None:
    files = {1: write_version(1, None), 2: write_version(2, None, trained=1)}
    files[3] = write_version(3, None, trained=1)
    files[4] = write_version(4, 3, trained=1)
    assert list(kept()) == ["0001.keras", "0002.keras", "0003.parts"]
    all_come_back(files)


def test_listing_reads_no_more_than_the_new_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    chain(3)
    opened: list[str] = []
    real = Path.open

    def noted(self: Path, *arguments: Any, **named: Any) -> Any:
        opened.append(self.name)
        return real(self, *arguments, **named)

    monkeypatch.setattr(Path, "open", noted)
    assert numbers() == [1, 2, 3]
    assert set(opened) <= {"0002.parts"}


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_the_file_that_is_damaged_is_named_and_nothing_changes() -> None:
    files = chain(5)
    with ModelArchive(VERSIONS / "0001.keras") as archive:
        assert archive.size("imgclf/features.tflite") == 300_000
    flip(VERSIONS / "0001.keras", 450_000)
    with pytest.raises(ModelFileError) as caught:
        roll_back(MODEL, 3)
    assert caught.value.message == (
        f"{VERSIONS}/0001.keras is damaged: its checksum is wrong, and {VERSIONS}/0003.parts "
        "shares bytes with it"
    )
    assert caught.value.hint == "imgclf history lists the other versions"
    flip(VERSIONS / "0001.keras", 450_000)
    flip(VERSIONS / "0003.parts", -10)
    with pytest.raises(ModelFileError, match=r"0003\.parts is damaged: its checksum is wrong"):
        roll_back(MODEL, 3)
    assert MODEL.read_bytes() == files[5]
    assert list(kept()) == ["0001.keras", "0002.parts", "0003.parts", "0004.parts"]
    roll_back(MODEL, 4)
    assert MODEL.read_bytes() == files[4]


def test_a_version_whose_bytes_are_gone_is_left_out() -> None:
    chain(4)
    (VERSIONS / "0001.keras").rename("elsewhere")
    assert numbers() == [4]
    with pytest.raises(UsageError, match=r"has no version 2\nversions: 4; see: imgclf history"):
        roll_back(MODEL, 2)
    os.mkfifo(VERSIONS / "0001.keras")  # which opening would wait for
    assert numbers() == [4]


def test_damage_to_the_one_that_it_is_like_does_not_get_into_a_version() -> None:
    files = chain(3)
    flip(VERSIONS / "0001.keras", 450_000)
    files[4] = write_version(4, 3)
    assert kept()["0003.parts"] > 4 * 1280
    with pytest.raises(ModelFileError):
        roll_back(MODEL, 2)
    roll_back(MODEL, 3)
    assert MODEL.read_bytes() == files[3]


def spoiled_recipes() -> dict[str, Callable[[Recipe], dict[str, Any]]]:
    return {
        "sizes": lambda recipe: {"size": recipe.size + 1},
        "huge": lambda recipe: {"size": 1 << 40, "parts": (Copied(1, 0, 1 << 40),)},
        "elsewhere": lambda recipe: {"sources": ("", "../../../etc/passwd")},
        "unlisted": lambda recipe: {"parts": (Copied(9, 0, recipe.size),)},
        "beyond": lambda recipe: {"parts": (Copied(0, 5, recipe.size),)},
        "manifest": lambda recipe: {"manifest": (0, 1 << 30)},
        "newer": lambda recipe: {"format": 2},
    }


@pytest.mark.parametrize("how", list(spoiled_recipes()))
def test_a_recipe_that_is_not_to_be_trusted_is_left_out(how: str) -> None:
    chain(3)
    path = VERSIONS / "0002.parts"
    file = PartsFile(path)
    own, fields = file.own_bytes(), msgspec.structs.asdict(file.recipe)
    spoiled = msgspec.msgpack.encode(fields | spoiled_recipes()[how](file.recipe))
    path.write_bytes(len(spoiled).to_bytes(4, "little") + spoiled + own)
    with pytest.raises(ModelFileError, match=r"models/pets\.history/versions/0002\.parts is damag"):
        PartsFile(path)
    assert numbers() == [1, 3]


def test_a_file_of_parts_that_ends_early_is_left_out() -> None:
    chain(3)
    path = VERSIONS / "0002.parts"
    whole = path.read_bytes()
    for length in (0, 3, 10, 200, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert numbers() == [1, 3]
    path.write_bytes(whole)
    assert numbers() == [1, 2, 3]


def test_a_file_of_parts_is_no_model_and_that_is_said() -> None:
    chain(3)
    with pytest.raises(ModelFileError) as caught:
        ModelArchive(VERSIONS / "0002.parts")
    assert caught.value.message == (
        f"{VERSIONS}/0002.parts is what is new in a version; imgclf rollback puts it together"
    )
    assert caught.value.hint == "imgclf history"


def test_versions_of_earlier_times_are_whole_files_and_still_are_put_back() -> None:
    files = {1: write_version(1, None)}
    for number in (2, 3):
        path = VERSIONS / f"{number - 1:04d}.keras"  # as it was done then
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(MODEL, path)
        files[number] = write_version(number, number - 1)
    files[4] = write_version(4, 3)
    assert list(kept()) == ["0001.keras", "0002.keras", "0003.parts"]
    all_come_back(files)


def test_a_file_packed_in_another_way_is_kept_whole() -> None:
    write_version(1, None)
    write_version(2, 1)
    with zipfile.ZipFile(MODEL) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(MODEL, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    packed = MODEL.read_bytes()
    keep_version(MODEL)
    assert (VERSIONS / "0002.keras").read_bytes() == packed


# Pruning.


def test_the_newest_stay_with_the_one_in_use_and_the_last_that_was_trained() -> None:
    files = chain(10)
    before = sum(kept().values())
    done = prune(MODEL, 3)
    assert (done.removed, done.left) == (tuple(range(2, 8)), (1, 8, 9, 10))
    assert done.freed == before - sum(kept().values()) > 6 * 2 * 4 * 1280
    assert list(kept()) == ["0001.keras", "0008.parts", "0009.parts"]
    assert numbers() == [1, 8, 9, 10]
    all_come_back(files)
    roll_back(MODEL, 8)
    assert prune(MODEL, 1).left == (1, 8, 10)
    assert prune(MODEL, 1) == prune(MODEL, 1)


def test_a_link_to_itself_among_the_versions_is_in_nobodys_way() -> None:
    chain(3)
    (VERSIONS / "0001.keras").unlink()
    (VERSIONS / "0001.keras").symlink_to("0001.keras")
    assert prune(MODEL, 1).left == (3,)


def test_what_versions_that_stay_have_in_common_with_those_that_go_is_moved() -> None:
    files = chain(8, neurons=lambda number: number - 1)
    files[9] = write_version(9, None, trained=1)
    files |= {number: write_version(number, number - 1, trained=1) for number in (10, 11)}
    done = prune(MODEL, 5)
    assert (done.removed, done.left) == ((1, 2, 3, 4, 5, 6), (7, 8, 9, 10, 11))
    assert list(kept()) == ["0007.parts", "0008.parts", "0009.keras", "0010.parts"]
    sizes = kept()
    assert sizes["0007.parts"] > 700_000 > 50_000 > sizes["0008.parts"]
    for path in VERSIONS.glob("*.parts"):
        assert set(PartsFile(path).recipe.sources[1:]) <= set(sizes)
    all_come_back(files)


def test_damaged_versions_are_left_as_they_are() -> None:
    files = chain(6)
    damaged = (VERSIONS / "0003.parts").read_bytes()[:-1]
    (VERSIONS / "0003.parts").write_bytes(damaged)
    assert prune(MODEL, 2).left == (1, 5, 6)
    assert list(kept()) == ["0001.keras", "0003.parts", "0005.parts"]
    assert (VERSIONS / "0003.parts").read_bytes() == damaged
    all_come_back(files)


def test_killed_at_any_step_of_pruning_all_that_is_listed_comes_back() -> None:
    files = chain(5, neurons=lambda number: number - 1)
    files[6] = write_version(6, None, trained=1)
    deaths, in_use = 0, MODEL.read_bytes()
    for number in range(1, 1000):
        with dying_disk(number) as disk, suppress(Died):
            prune(MODEL, 3)
        assert {4, 5, 6} <= set(numbers())
        all_come_back(files)
        MODEL.write_bytes(in_use)
        if not disk.dead:
            break
        deaths += 1
    assert deaths >= 8
    assert list(kept())[:2] == ["0004.parts", "0005.parts"]
    assert numbers() == [4, 5, 6]
    assert not list(VERSIONS.glob(".*"))


def test_a_version_killed_while_it_is_kept_is_kept_the_next_time() -> None:
    files = chain(3)
    deaths = 0
    for number in range(1, 1000):
        with dying_disk(number) as disk, suppress(Died):
            keep_version(MODEL)
        assert numbers() == [1, 2, 3]
        assert MODEL.read_bytes() == files[3]
        if not disk.dead:
            break
        deaths += 1
    assert deaths >= 4
    assert list(kept()) == ["0001.keras", "0002.parts", "0003.parts"]
    all_come_back(files)


def test_a_rollback_killed_at_any_step_leaves_one_of_the_two_versions() -> None:
    files, deaths = chain(4), 0
    for number in range(1, 1000):
        with dying_disk(number) as disk, suppress(Died):
            roll_back(MODEL, 2)
        assert MODEL.read_bytes() in (files[2], files[4])
        assert numbers() == [1, 2, 3, 4]
        if not disk.dead or MODEL.read_bytes() == files[2]:
            break
        deaths += 1
    assert deaths >= 8
    assert MODEL.read_bytes() == files[2]
    all_come_back(files)


# Which one is before.


def test_without_a_number_rollback_walks_back_also_over_trainings_and_what_is_gone() -> None:
    files = chain(3)
    roll_back(MODEL, 2)
    files[4] = write_version(4, 2)
    files[5] = write_version(5, None, trained=1, replaced=4)
    files[6] = write_version(6, 5, trained=1)
    way = []
    with pytest.raises(UsageError, match="is version 1, and there is none before it"):
        while True:
            way.append(roll_back(MODEL, None).version)
            assert MODEL.read_bytes() == files[way[-1]]
    assert way == [5, 4, 2, 1]
    roll_back(MODEL, 6)
    (VERSIONS / "0005.keras").unlink()
    assert roll_back(MODEL, None).version == 4
