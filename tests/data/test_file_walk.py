"""The walk through folders: what is found, what is left out and why, in any layout."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

import pytest

from imgclf.data.file_walk import Skipped, not_a_picture, walk_files
from imgclf.data.left_out import LeftOut
from tests.support.heard import listen
from tests.support.layouts import PICTURE, lay_out, nobody_may_read


def walked(folder: str) -> tuple[list[str], dict[str, str]]:
    """The files found, and what was left out with the reason."""
    skipped: list[Skipped] = []
    found = [str(path) for path in walk_files(Path(folder), skipped.append)]
    return found, {str(one.path): one.reason for one in skipped}


BACK = "a link that leads back to a folder that it lies in"
COUNTED = "a link to what is counted already"


@pytest.mark.parametrize(
    ("layout", "found", "left_out"),
    [
        pytest.param(
            """
            cat/b.jpg
            cat/a.jpg
            cat/2024/may/c.jpg
            cat/2023/d.jpg
            """,
            ["cat/a.jpg", "cat/b.jpg", "cat/2023/d.jpg", "cat/2024/may/c.jpg"],
            {},
            id="folders in folders, by name",
        ),
        pytest.param(
            """
            cat/a.jpg
            elsewhere/b.jpg
            elsewhere/deep/c.jpg
            cat/more -> ../elsewhere
            """,
            ["cat/a.jpg", "cat/more/b.jpg", "cat/more/deep/c.jpg"],
            {},
            id="a link to a folder is followed",
        ),
        pytest.param(
            """
            elsewhere/a.jpg
            cat -> elsewhere
            """,
            ["cat/a.jpg"],
            {},
            id="the class folder itself may be a link",
        ),
        pytest.param(
            """
            cat/a.jpg
            cat/self -> .
            cat/up -> ..
            cat/deep/b.jpg
            cat/deep/back -> ../../cat
            """,
            ["cat/a.jpg", "cat/deep/b.jpg"],
            {"cat/self": COUNTED, "cat/up": BACK, "cat/deep/back": BACK},
            id="loops",
        ),
        pytest.param(
            """
            cat/a.jpg
            one/b.jpg
            one/to-two -> ../two
            two/c.jpg
            two/to-one -> ../one
            cat/one -> ../one
            """,
            ["cat/a.jpg", "cat/one/b.jpg", "cat/one/to-two/c.jpg"],
            {"cat/one/to-two/to-one": COUNTED},
            id="a loop of two links outside",
        ),
        pytest.param(
            """
            cat/z/a.jpg
            cat/b -> z
            elsewhere/2024/c.jpg
            cat/one -> ../elsewhere/2024
            cat/two -> ../elsewhere
            """,
            ["cat/z/a.jpg", "cat/one/c.jpg"],
            {"cat/b": COUNTED, "cat/two/2024": COUNTED},
            id="a folder by two ways",
        ),
        pytest.param(
            """
            cat/a.jpg
            cat/b.jpg -> a.jpg
            cat/0.jpg -> a.jpg
            elsewhere/c.jpg
            cat/c.jpg -> ../elsewhere/c.jpg
            cat/d.jpg -> ../elsewhere/c.jpg
            cat/more -> ../elsewhere
            """,
            ["cat/a.jpg", "cat/c.jpg"],
            {
                "cat/0.jpg": COUNTED,
                "cat/b.jpg": COUNTED,
                "cat/d.jpg": COUNTED,
                "cat/more/c.jpg": "a file that is counted already, by a link",
            },
            id="a file by two ways",
        ),
        pytest.param(
            """
            cat/a.jpg
            .store/1
            .store/2
            cat/b.jpg -> ../.store/1
            cat/c.jpg -> ../.store/2
            """,
            ["cat/a.jpg", "cat/b.jpg", "cat/c.jpg"],
            {},
            id="links into a hidden store, as git-annex and DVC make them",
        ),
        pytest.param(
            """
            cat/a.jpg
            cat/lost -> /no/such/folder
            cat/b.jpg -> gone.jpg
            cat/ring -> ring
            """,
            ["cat/a.jpg", "cat/b.jpg"],  # who opens it says what is wrong with it
            {"cat/lost": "a link to nothing", "cat/ring": "a link to nothing"},
            id="links to nothing",
        ),
        pytest.param(
            """
            cat/a.jpg
            cat/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg
            cat/@eaDir/a.jpg/SYNOPHOTO_THUMB_S.jpg
            cat/.thumbnails/a.jpg
            cat/.ipynb_checkpoints/a-checkpoint.jpg
            cat/_vti_cnf/a.jpg
            cat/lost+found/
            cat/Thumbs/a.jpg
            cat/Thumbs.db: x
            cat/desktop.ini: x
            cat/._a.jpg
            cat/.mine/b.jpg
            """,
            ["cat/a.jpg"],
            {
                "cat/@eaDir": "in @eaDir, which a program has made",
                "cat/.thumbnails": "in .thumbnails, which a program has made",
                "cat/.ipynb_checkpoints": "in .ipynb_checkpoints, which a program has made",
                "cat/_vti_cnf": "in _vti_cnf, which a program has made",
                "cat/Thumbs": "in Thumbs, which a program has made",
                "cat/Thumbs.db": "Thumbs.db, which a program has made",
                "cat/desktop.ini": "desktop.ini, which a program has made",
                "cat/._a.jpg": "hidden file",
                "cat/.mine": "hidden folder",
            },
            id="what programs leave",
        ),
        pytest.param(
            """
            hand/thumbs/a.jpg
            hand/fingers/b.jpg
            """,
            ["hand/fingers/b.jpg", "hand/thumbs/a.jpg"],
            {},
            id="thumbs beside no pictures are thumbs",
        ),
        pytest.param(
            """
            cat/a
            cat/b.jpg_large
            cat/c.txt: P1 is the first paragraph
            cat/d.jpg: hello
            cat/e: hello
            cat/f.nef
            """,
            ["cat/a", "cat/b.jpg_large", "cat/d.jpg"],
            {
                "cat/c.txt": "not a picture (.txt)",
                "cat/e": "not a picture (no suffix)",
                "cat/f.nef": "raw data of a camera, which can't be read (.nef)",
            },
            id="content counts, and a picture's name is taken at its word",
        ),
    ],
)
def test_what_is_found_and_what_is_left_out(
    in_folder: Path, layout: str, found: list[str], left_out: dict[str, str]
) -> None:
    lay_out(layout)
    assert walked(found[0].split("/")[0]) == (found, left_out)


def test_what_may_not_be_read_is_said(in_folder: Path) -> None:
    lay_out("cat/a.jpg\ncat/private/b.jpg\ncat/blob\ncat/c.jpg")
    with nobody_may_read("cat/private", "cat/blob", "cat/c.jpg"):
        assert walked("cat") == (
            ["cat/a.jpg", "cat/c.jpg"],  # c.jpg has a picture's name, and who opens it says so
            {"cat/blob": "permission denied", "cat/private": "permission denied"},
        )
    with nobody_may_read("cat"):
        assert walked("cat") == ([], {"cat": "permission denied"})


def test_pipes_and_sockets_are_not_waited_for(in_folder: Path) -> None:
    lay_out("cat/a.jpg")
    os.mkfifo("cat/pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("cat/socket")
        reason = "not a regular file"
        assert walked("cat") == (["cat/a.jpg"], {"cat/pipe": reason, "cat/socket": reason})


NAMES = ("a.jpg", "b", "c.txt", "@eaDir", ".d", "e", "f.png", "Thumbs.db", "thumbs", "g.nef")


def grow(folder: Path, random: random.Random, depth: int, made: list[Path]) -> None:
    """A tree of folders, files and links to whatever there is so far, or to nothing."""
    folder.mkdir()
    made.append(folder)
    for name in random.sample(NAMES, random.randrange(2, 7)):
        path, kind = folder / name, random.random()
        if kind < 0.3 and depth:
            grow(path, random, depth - 1, made)
        elif kind < 0.6:
            path.write_bytes(random.choice((PICTURE, b"", b"hello")))
            made.append(path)
        else:
            target = random.choice((*made, Path("gone")))
            path.symlink_to(os.path.relpath(target, folder))
            made.append(path)


@pytest.mark.parametrize("seed", range(100))
def test_in_any_layout_nothing_is_lost_in_silence_or_counted_twice(
    in_folder: Path, seed: int
) -> None:
    made: list[Path] = []
    grow(Path("set"), random.Random(seed), 3, made)
    skipped: list[Skipped] = []
    found = list(walk_files(Path("set"), skipped.append))
    real = [os.path.realpath(path) for path in found if path.exists()]
    assert len(real) == len(set(real))
    left_out = {one.path: one for one in skipped}
    assert len(left_out) == len(skipped)
    assert not left_out.keys() & set(found)
    by_hand = {os.path.realpath(path) for path in reachable(Path("set"), set(left_out))}
    assert by_hand == set(real)
    for one in skipped:
        lost = one.path.is_symlink() and not one.path.exists()
        named = one.path.name in (".d", "Thumbs.db", "g.nef")  # what else is wrong is no matter
        assert (one.why == "unreadable") == (lost and not named), one


def reachable(folder: Path, left_out: set[Path]) -> set[Path]:
    """All files below a folder, links followed to the end, but for what was left out by name.

    A link that was left out since its target is counted leads to nothing that isn't in here.
    """
    found: set[Path] = set()
    seen: set[str] = set()

    def look(place: Path) -> None:
        for path in place.iterdir():
            if path.name.startswith(".") or (path.name == "@eaDir" and path.is_dir()):
                continue
            if path.name == "thumbs" and path.is_dir():
                assert path in left_out or not any(
                    other.suffix in (".jpg", ".png") and not other.is_dir()
                    for other in place.iterdir()
                )
                if path in left_out:
                    continue
            if path.is_dir():
                real = os.path.realpath(path)
                inside = (os.path.realpath("set"), os.path.realpath(place))
                if real not in seen and not any(one.startswith(real + "/") for one in inside):
                    seen.add(real)
                    look(path)
            elif path.is_file() and not_a_picture(path) is None:
                found.add(path)

    seen.add(os.path.realpath(folder))
    look(folder)
    return found


def test_a_line_says_how_many_and_why_and_names_what_may_be_lost(in_folder: Path) -> None:
    lay_out(
        """
        new/a.jpg
        new/b.txt: x
        new/c.txt: x
        new/@eaDir/a.jpg/S.jpg
        new/@eaDir/a.jpg/M.jpg
        new/@eaDir/a.jpg/L.jpg
        new/lost -> gone
        """
    )
    heard, left_out = listen(), LeftOut()
    assert len(list(walk_files(Path("new"), left_out.add))) == 1
    left_out.say()
    assert (left_out.count, left_out.unreadable) == (6, 1)
    assert heard.text == (
        "warning: left out new/lost: a link to nothing\n"
        "left out 6 files: 3 in @eaDir, which a program has made; 2 not a picture (.txt); "
        "1 a link to nothing\n"
    )


def test_a_walk_remembers_folders_and_not_files(in_folder: Path) -> None:
    for number in range(40):
        lay_out("\n".join(f"many/{number:02}/{one}.jpg" for one in range(5)))
    walk = walk_files(Path("many"), lambda _: None)
    first = next(walk)
    assert first == Path("many/00/0.jpg")
    assert len(list(walk)) == 199
