"""Filing pictures by label: nothing is ever overwritten, and it can be done again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imgclf.data.filing import Filing, file_picture
from imgclf.errors import DataError


@pytest.fixture
def photo(in_folder: Path) -> Path:
    Path("photo.jpg").write_text("photo")
    return Path("photo.jpg")


def contents(folder: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(Path(folder).iterdir())}


def test_a_copy_leaves_the_picture_where_it_was(photo: Path) -> None:
    assert file_picture(photo, Path("sorted"), "cat", Filing.COPY) == Path("sorted/cat/photo.jpg")
    assert contents("sorted/cat") == {"photo.jpg": "photo"}
    assert photo.read_text() == "photo"


def test_a_move_does_not(photo: Path) -> None:
    file_picture(photo, Path("sorted"), "cat", Filing.MOVE)
    assert contents("sorted/cat") == {"photo.jpg": "photo"}
    assert not photo.exists()


def test_a_link_points_to_the_picture_from_wherever_one_looks(photo: Path) -> None:
    target = file_picture(photo, Path("sorted"), "cat", Filing.LINK)
    assert target.is_symlink()
    assert target.resolve() == photo.resolve()


@pytest.mark.parametrize("how", list(Filing))
def test_another_picture_of_the_same_name_is_kept_beside(photo: Path, how: Filing) -> None:
    Path("sorted/cat").mkdir(parents=True)
    Path("sorted/cat/photo.jpg").write_text("another")
    file_picture(photo, Path("sorted"), "cat", how)
    assert sorted(contents("sorted/cat").values()) == ["another", "photo"]
    assert contents("sorted/cat")["photo.jpg"] == "another"


@pytest.mark.parametrize("how", [Filing.COPY, Filing.LINK])
def test_doing_it_again_changes_nothing(photo: Path, how: Filing) -> None:
    Path("sorted/cat").mkdir(parents=True)
    Path("sorted/cat/photo.jpg").write_text("another")
    first = file_picture(photo, Path("sorted"), "cat", how)
    before = contents("sorted/cat")
    assert file_picture(photo, Path("sorted"), "cat", how) == first
    assert contents("sorted/cat") == before


@pytest.mark.parametrize("label", ["", "..", "a/../b", "a/", "a//b", "./a", "/etc", "a\\b", "\0"])
def test_a_label_that_leads_out_of_the_folder_is_refused(photo: Path, label: str) -> None:
    with pytest.raises(DataError, match="can't be the name of a folder"):
        file_picture(photo, Path("sorted"), label, Filing.COPY)
    assert not Path("sorted").exists()


def test_a_label_that_is_a_path_leads_into_folders_of_folders(photo: Path) -> None:
    target = file_picture(photo, Path("sorted"), "Fruit/Apple", Filing.COPY)
    assert target == Path("sorted/Fruit/Apple/photo.jpg")
    assert target.read_text() == "photo"


def test_a_file_in_the_way_is_an_error_and_nothing_is_lost(photo: Path) -> None:
    Path("sorted").write_text("a file")
    with pytest.raises(DataError, match="can't be put into sorted/cat"):
        file_picture(photo, Path("sorted"), "cat", Filing.MOVE)
    assert photo.read_text() == "photo"


def test_a_copy_keeps_the_time_and_the_permissions(photo: Path) -> None:
    photo.chmod(0o640)
    os.utime(photo, (1_700_000_000, 1_600_000_000))
    target = file_picture(photo, Path("sorted"), "cat", Filing.COPY)
    assert target.stat().st_mode == photo.stat().st_mode
    assert target.stat().st_mtime == 1_600_000_000


COPIES = """\
import os, sys
from pathlib import Path
from imgclf.data import filing
def dies(descriptor):
    os.kill(os.getpid(), 9)
os.fsync = dies
if sys.argv[1] == "named":
    del os.O_TMPFILE
filing.file_picture(Path("photo.jpg"), Path("sorted"), "cat", filing.Filing.COPY)
"""


@pytest.mark.parametrize("way", ["without a name", "named"])
def test_what_a_killed_copy_leaves_is_gone_after_the_next(photo: Path, way: str) -> None:
    done = subprocess.run([sys.executable, "-c", COPIES, way], timeout=60)
    assert done.returncode == -signal.SIGKILL
    if way == "without a name":
        assert list(Path("sorted/cat").iterdir()) == []
    else:
        [left] = Path("sorted/cat").iterdir()
        assert left.name.startswith(".photo.")
    with pytest.MonkeyPatch.context() as patch:
        if way == "named":
            patch.delattr(os, "O_TMPFILE")
        file_picture(photo, Path("sorted"), "cat", Filing.COPY)
    assert contents("sorted/cat") == {"photo.jpg": "photo"}
