"""Folders of class folders: what is found, what is left out, and how it is divided."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from imgclf.data.folder import PictureFolder, divide, scan
from imgclf.data.found_files import find_files
from imgclf.errors import DataError
from imgclf.system.threads import do_meanwhile
from tests.support.heard import listen
from tests.support.layouts import lay_out, nobody_may_read

MakeFiles = Callable[..., Path]


@pytest.fixture
def files(tmp_path: Path) -> MakeFiles:
    """Makes a folder of files from `name=content`; scanning never opens them as pictures."""

    def make(*names: str, same: tuple[str, ...] = ()) -> Path:
        for name in names:
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("same" if name in same else name)
        return tmp_path / "set"

    return make


def class_folders(count: int, *classes: str) -> list[str]:
    return [f"{name}/{name}-{index}.jpg" for name in classes for index in range(count)]


def names(pictures: object) -> list[str]:
    return [picture.path.name for picture in pictures]  # type: ignore[attr-defined]


def test_classes_are_the_folders_in_alphabetical_order(files: MakeFiles) -> None:
    found = scan(files(*class_folders(5, "dog", "cat", "Ümläut katze")), 0.2, 1)
    assert found.class_names == ("cat", "dog", "Ümläut katze")
    assert {picture.label for picture in found.training} == {0, 1, 2}


def test_each_class_gives_its_share_to_validation(files: MakeFiles) -> None:
    found = scan(files(*class_folders(10, "cat", "dog")), 0.2, 1)
    assert [picture.label for picture in found.validation] == [0, 0, 1, 1]
    assert len(found.training) == 16
    assert not set(names(found.training)) & set(names(found.validation))


def test_the_split_depends_on_the_seed_and_on_nothing_else(files: MakeFiles) -> None:
    folder = files(*class_folders(20, "cat", "dog"))
    first, again, other = (
        scan(folder, 0.2, 1),
        scan(folder, 0.2, 1),
        scan(folder, 0.2, 2),
    )
    assert first == again
    assert names(first.validation) != names(other.validation)


def test_adding_a_picture_leaves_most_of_the_split_as_it_was(files: MakeFiles) -> None:
    before = set(names(scan(files(*class_folders(20, "cat", "dog")), 0.2, 1).validation))
    after = set(names(scan(files("cat/new.jpg"), 0.2, 1).validation))
    assert len(before - after) <= 1


def test_equal_files_fall_in_the_same_part(files: MakeFiles) -> None:
    copies = tuple(f"cat/copy-{index}.jpg" for index in range(10))
    for seed in range(20):
        found = scan(files(*class_folders(10, "cat", "dog"), *copies, same=copies), 0.3, seed)
        parts = [set(names(part)) for part in (found.training, found.validation)]
        assert sum(bool(part & {Path(copy).name for copy in copies}) for part in parts) == 1


def test_a_file_in_two_classes_is_never_in_both_parts(files: MakeFiles) -> None:
    both = ("cat/x.jpg", "dog/x.jpg")
    for seed in range(20):
        found = scan(files(*class_folders(10, "cat", "dog"), *both, same=both), 0.3, seed)
        digests = [{p.digest for p in part} for part in (found.training, found.validation)]
        assert not digests[0] & digests[1]


@pytest.mark.parametrize("validation", ["val", "validation"])
def test_ready_made_parts_are_used_as_they_are(files: MakeFiles, validation: str) -> None:
    found = scan(
        files(
            *(f"train/{name}" for name in class_folders(3, "cat", "dog")),
            f"{validation}/cat/a.jpg",
            f"{validation}/dog/b.jpg",
            "test/cat/c.jpg",
        ),
        0.5,
        1,
    )
    assert len(found.training) == 6
    assert names(found.validation) == ["a.jpg", "b.jpg"]
    assert names(found.test) == ["c.jpg"]


def test_a_train_folder_without_validation_is_split(files: MakeFiles) -> None:
    found = scan(files(*(f"train/{name}" for name in class_folders(10, "cat", "dog"))), 0.2, 1)
    assert (len(found.training), len(found.validation)) == (16, 4)


def test_a_class_may_be_called_train(files: MakeFiles) -> None:
    assert scan(files(*class_folders(5, "bus", "train")), 0.2, 1).class_names == (
        "bus",
        "train",
    )


def test_pictures_may_lie_deeper_in_a_class_folder(files: MakeFiles) -> None:
    found = scan(files(*class_folders(5, "cat", "dog"), "cat/2024/may/x.JPG"), 0.2, 1)
    assert "x.JPG" in names(found.training) + names(found.validation)


def test_files_that_are_no_pictures_are_reported_and_not_fatal(files: MakeFiles) -> None:
    folder = files(*class_folders(5, "cat", "dog"), "cat/.hidden.jpg", "dog/notes.txt", "list.csv")
    (folder / "cat" / "empty.jpg").touch()
    (folder / ".git" / "x").mkdir(parents=True)
    found = scan(folder, 0.2, 1)
    assert {(skip.path.name, skip.reason) for skip in found.skipped} == {
        (".hidden.jpg", "hidden file"),
        ("empty.jpg", "empty file"),
        ("notes.txt", "not a picture (.txt)"),
        ("list.csv", "not in a class folder"),
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat/a.jpg", "cat/b.jpg"], "one class folder only (cat)"),
        (["a.jpg"], "no class folders"),
        ([*class_folders(5, "cat"), "dog/notes.txt"], "dog: 0 to train on, 0 to validate on"),
        ([*class_folders(5, "cat"), "dog/a.jpg"], "dog: 1 to train on, 0 to validate on"),
        (["train/cat/a.jpg", "train/dog/b.jpg", "val/cats/c.jpg"], "did you mean cat?"),
        (["train/cat/a.jpg", "train/dog/b.jpg", "val/cat/c.jpg", "validation/d.jpg"], "keep one"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_says_why(
    files: MakeFiles, names: list[str], message: str
) -> None:
    with (
        pytest.raises(DataError) as caught,
        do_meanwhile(lambda: pytest.fail("done before the error"), needed=True),
    ):
        divide(find_files(files(*names)), 0.2, 1, longest_step=True)
    assert message in str(caught.value)


@pytest.mark.parametrize("parts", [("",), ("train/", "val/", "test/")])
def test_something_else_is_done_while_files_are_read(
    files: MakeFiles, parts: tuple[str, ...]
) -> None:
    folder = files(*(part + name for part in parts for name in class_folders(5, "cat", "dog")))
    done: list[str] = []
    with do_meanwhile(lambda: done.append("once"), needed=True):
        found = divide(find_files(folder), 0.2, 1, longest_step=True)
    assert done == ["once"]
    assert found == scan(folder, 0.2, 1)


def test_progress_is_shown_while_files_are_read(
    files: MakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = files(*class_folders(5, "cat", "dog"))
    clock = itertools.count(step=2)
    monkeypatch.setattr("time.monotonic", lambda: next(clock))  # 2 s between any two looks
    heard = listen()
    scan(folder, 0.2, 1)
    assert heard.text.startswith("reading pictures: 10 in ")


def test_a_missing_folder_names_the_nearest(files: MakeFiles) -> None:
    folder = files(*class_folders(5, "cat", "dog"))
    with pytest.raises(DataError) as caught:
        scan(folder.parent / "sets", 0.2, 1)
    assert f"did you mean {folder}?" in str(caught.value)


def test_a_picture_in_both_ready_made_parts_is_refused(files: MakeFiles) -> None:
    both = ("train/cat/a.jpg", "val/cat/b.jpg")
    with pytest.raises(DataError) as caught:
        scan(files(*both, "train/dog/c.jpg", "val/dog/d.jpg", same=both), 0.2, 1)
    assert "1 pictures are in training and in validation" in str(caught.value)


def test_the_fingerprint_changes_with_the_pictures_and_not_with_the_place(
    files: MakeFiles, tmp_path: Path
) -> None:
    def fingerprint(folder: Path) -> str:
        found: PictureFolder = scan(folder, 0.2, 1)
        return found.fingerprint

    folder = files(*class_folders(10, "cat", "dog"))
    before = fingerprint(folder)
    moved = folder.rename(tmp_path / "moved")
    assert fingerprint(moved) == before
    (moved / "cat" / "cat-0.jpg").write_text("edited")
    assert fingerprint(moved) != before


def test_links_and_what_programs_leave_among_the_class_folders(in_folder: Path) -> None:
    lay_out("".join(f"set/{name}\n" for name in class_folders(5, "cat", "dog")))
    lay_out(
        """
        elsewhere/x.jpg
        elsewhere/sub/y.jpg
        set/bird -> ../elsewhere
        set/@eaDir/cat-0.jpg/S.jpg
        set/__MACOSX/cat/._cat-0.jpg
        set/README.md -> gone
        """
    )
    found = scan(Path("set"), 0.5, 1)
    assert found.class_names == ("bird", "cat", "dog")
    assert {(str(one.path), one.reason, one.files) for one in found.skipped} == {
        ("set/@eaDir", "in @eaDir, which a program has made", 1),
        ("set/__MACOSX", "in __MACOSX, which a program has made", 1),
        ("set/README.md", "a link to nothing", 1),
    }


def test_a_picture_by_way_of_two_classes_has_two_labels(in_folder: Path) -> None:
    lay_out("".join(f"set/{name}\n" for name in class_folders(5, "cat", "dog")))
    lay_out("set/dog/more -> ../cat")
    found = scan(Path("set"), 0.2, 1)
    of_cats = [one for one in (*found.training, *found.validation) if "cat-" in one.path.name]
    assert sorted(one.label for one in of_cats) == [0] * 5 + [1] * 5


@pytest.mark.parametrize("lost", ["set/bird", "set/bird -> /not/mounted"])
def test_a_class_that_cannot_be_read_is_an_error(in_folder: Path, lost: str) -> None:
    lay_out("".join(f"set/{name}\n" for name in class_folders(5, "bird", "cat", "dog")))
    if "->" in lost:
        shutil.rmtree("set/bird")
        lay_out(lost)
        with pytest.raises(DataError, match=r"^set/bird: a link to nothing, so that a class"):
            find_files(Path("set"))
    else:
        with (
            nobody_may_read("set/bird"),
            pytest.raises(DataError, match=r"^set/bird: permission denied, so that a class"),
        ):
            find_files(Path("set"))


def test_a_part_of_a_class_that_cannot_be_read_is_said(in_folder: Path) -> None:
    lay_out("".join(f"set/{name}\n" for name in class_folders(5, "cat", "dog")))
    lay_out("set/cat/private/a.jpg\nset/cat/b.jpg -> gone.jpg")
    with nobody_may_read("set/cat/private", "set/dog/dog-0.jpg"):
        found = scan(Path("set"), 0.5, 1)
    assert {(str(one.path), one.reason, one.why) for one in found.skipped} == {
        ("set/cat/b.jpg", "a link to nothing", "unreadable"),
        ("set/cat/private", "permission denied", "unreadable"),
        ("set/dog/dog-0.jpg", "permission denied", "unreadable"),
    }
