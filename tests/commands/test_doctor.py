"""`imgclf doctor`: what is here, what is wrong, and how to put it right."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from imgclf.report.doctor import findings_table
from imgclf.system.health import Finding
from imgclf.system.packages import packages
from tests.support.command_line import imgclf


def by_name(printed: str) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in json.loads(printed)["findings"]}


def before_imgclf(folder: Path) -> str:
    """A path on which modules of this folder stand before those that are installed."""
    return os.pathsep.join([str(folder), str(Path(__file__).parent.parent.parent)])


@pytest.mark.slow
def test_a_machine_that_passes_the_tests_is_healthy(in_folder: Path) -> None:
    done = imgclf("doctor", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["healthy"] is True
    assert done.stderr.splitlines()[-1] == "nothing that is needed is broken"
    found = by_name(done.stdout)
    assert found["tensorflow and keras"]["found"] == "can be imported, and compute (training)"
    assert found["precision: auto"]["found"].startswith(("float32", "bfloat16"))
    assert found["EfficientNetLite0"]["found"].endswith(".pth")
    assert list(in_folder.iterdir()) == []


def test_what_is_broken_is_told_though_it_ends_processes(in_folder: Path) -> None:
    """TensorFlow as it is on a processor without AVX, h5py as of a broken installation."""
    Path("broken").mkdir()
    Path("broken/tensorflow.py").write_text(
        "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    )
    Path("broken/h5py.py").write_text("raise ImportError('libhdf5.so: not found\\nor so')")
    Path("models").mkdir()
    Path("models/pets.keras").touch()
    Path("file").touch()
    environment = {
        "PYTHONPATH": before_imgclf(in_folder / "broken"),
        "XDG_CACHE_HOME": str(in_folder / "file"),
        "PYTHONIOENCODING": "latin-1",
    }
    with FileLock("models/.pets.keras.lock"):
        done = imgclf("doctor", "--json", **environment)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "warning: 2 of what is needed is broken"
    found = by_name(done.stdout)
    broken = {name: one["found"] for name, one in found.items() if one["state"] == "broken"}
    assert broken == {
        "tensorflow and keras": "its import ends the process (SIGILL): this processor lacks "
        "instructions that it is made of, AVX perhaps",
        "h5py": "ImportError: libhdf5.so: not found",
    }
    assert found["cv2"]["state"] == "good"
    folder = in_folder / "file" / "imgclf"
    assert found["user's cache"]["found"] == f"{folder} can't be written to: Not a directory"
    assert found["user's cache"]["remedy"] == "XDG_CACHE_HOME=FOLDER imgclf ..."
    assert found["letters"]["state"] == "optional"
    assert found["models/ and runs/"]["found"] == ("another imgclf is at work on models/pets.keras")


def test_without_what_it_uses_itself_the_rest_is_told(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a package, and in a folder that is gone."""
    Path("broken").mkdir()
    for name in ("msgspec", "tensorflow"):
        Path(f"broken/{name}.py").write_text(f"raise ImportError('No module named {name}')")
    Path("gone").mkdir()
    monkeypatch.chdir("gone")
    (in_folder / "gone").rmdir()
    done = imgclf("doctor", PYTHONPATH=before_imgclf(in_folder / "broken"))
    assert done.returncode == 2
    assert "there is none: No such file or directory" in done.stdout
    assert "! (all)" in done.stdout
    assert "can't be looked at: No module named msgspec" in done.stdout
    assert "nobody is at work here" in done.stdout


METADATA = """\
Metadata-Version: 2.4
Name: imgclf
Version: 9
Provides-Extra: heic
Provides-Extra: dev
Requires-Dist: keras<3.16,>=3.15.1
Requires-Dist: numpy>=2
Requires-Dist: gone-package
Requires-Dist: gone-too<2,>=1.1; extra == "heic"
Requires-Dist: imgclf[heic]; extra == "dev"
Requires-Dist: pytest; extra == "dev"
"""


def test_packages_are_compared_with_what_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (
        ("imgclf-9", METADATA),
        ("keras-2.9", "Metadata-Version: 2.4\nName: keras\nVersion: 2.9\n"),
    ):
        (tmp_path / f"{name}.dist-info").mkdir()
        (tmp_path / f"{name}.dist-info" / "METADATA").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    found = {one.name: one for one in packages()}
    assert list(found) == ["keras", "numpy", "gone-package", "gone-too"]
    assert [one.fits for one in found.values()] == [False, True, False, False]
    assert (found["keras"].installed, found["gone-too"].installed) == ("2.9", None)
    assert [one.to_install for one in found.values() if not one.fits] == [
        "pip install 'keras<3.16,>=3.15.1'",
        "pip install 'gone-package'",
        "pip install 'imgclf[heic]'",
    ]


def test_the_table_marks_what_is_broken_and_says_what_helps() -> None:
    found = [
        Finding("machine", "memory", "8.0 GB"),
        Finding("packages", "keras", "2.9", "broken", "pip install 'keras'"),
        Finding("packages", "jax", "not\ninstalled", "optional", "pip install 'imgclf[x]'"),
    ]
    assert findings_table(found).splitlines() == [
        "machine",
        "  memory  8.0 GB",
        "packages",
        "! keras   2.9",
        "          pip install 'keras'",
        "- jax     not\\ninstalled",
        "          pip install 'imgclf[x]'",
    ]


def test_the_version_names_what_answers_depend_on() -> None:
    done = imgclf("--version")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["imgclf", "Python", "Keras", "TensorFlow", "LiteRT"]
    assert done.stderr == ""
