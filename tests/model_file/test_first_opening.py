"""Model files that were not made here: opened in a process of its own before anything else."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imgclf import work_folders
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import Retrained, retrain
from imgclf.commands.train import Trained
from imgclf.commands.versions import rollback
from imgclf.corrections.inputs import Labelled
from imgclf.errors import ModelFileError
from imgclf.model_file import first_opening, known_files
from imgclf.model_file.archive import MANIFEST
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.first_opening import strangers_apart
from imgclf.model_file.known_files import is_known, is_made_here, remember
from tests.support.model_files import rewritten, with_graph

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own for what is known, in which nothing is known yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield tmp_path / "state" / "imgclf" / "known-models"


def correct(model: Path) -> Retrained:
    """Corrects the first picture that it has wrong."""
    rows = predict(open_classifier(model), find_inputs(["new"], []))
    path = next(row.path for row in rows if row.label != Path(row.path).parent.name)
    return retrain(model, [Labelled(Path(path), Path(path).parent.name)])


@pytest.fixture
def stranger(trained: Trained) -> Path:
    """A model that was not made here, for a byte of it is another."""
    return rewritten(trained.model, MANIFEST, lambda content: content + b" ")


def test_what_was_trained_here_is_known_and_so_is_a_copy_of_it(trained: Trained) -> None:
    assert is_made_here(trained.model)  # itself a copy of what was trained
    copied = Path(shutil.copy(trained.model, "copied.keras"))
    assert is_known(copied, "graph")
    copied.chmod(0o600)  # another time of its own, and the same bytes
    assert is_known(copied, "network")


def test_what_was_corrected_here_is_known_and_an_earlier_version_is_again(
    trained: Trained, state: Path
) -> None:
    remember(trained.model)
    assert correct(trained.model).version == 2
    assert is_made_here(trained.model)
    rollback(trained.model, 1)
    assert is_made_here(trained.model)
    assert is_known(trained.model, "network")


def test_an_earlier_version_that_was_not_made_here_is_none_of_ours_for_being_put_back(
    trained: Trained, state: Path
) -> None:
    correct(trained.model)
    rollback(trained.model, 1)
    assert not is_known(trained.model, "graph")


def test_a_changed_file_is_not_known(trained: Trained, stranger: Path) -> None:
    assert not is_known(stranger, "graph")
    content = bytearray(trained.model.read_bytes())
    content[1000] ^= 1
    is_ = trained.model.stat()
    with trained.model.open("rb+") as file:  # in its place, and with the time that it had
        file.write(content)
    os.utime(trained.model, ns=(is_.st_atime_ns, is_.st_mtime_ns))
    assert not is_known(trained.model, "graph")


def test_a_part_that_was_opened_says_nothing_of_the_others(stranger: Path, state: Path) -> None:
    remember(stranger, "graph")
    assert is_known(stranger, "graph")
    assert not is_known(stranger, "network")
    assert not is_made_here(stranger)


def test_a_file_is_read_once_to_be_known(
    stranger: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(stranger)
    (copied := stranger.with_name("copied.keras")).write_bytes(stranger.read_bytes())
    assert is_known(copied, "graph")
    monkeypatch.setattr(known_files, "_digest", lambda _: pytest.fail("it was read again"))
    assert is_known(copied, "graph")


def test_only_so_many_are_known_and_the_oldest_go(
    stranger: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_files, "MOST_KNOWN", 40)
    monkeypatch.setattr(known_files, "_KEPT", 30)
    state.mkdir(parents=True)
    for number in range(40):
        (state / f"{number}").touch()
        os.utime(state / f"{number}", (number, number))
    remember(stranger)
    there = {path.name for path in state.iterdir()}
    assert len(there) == 31  # the second of both came after the others had gone
    assert there >= {str(number) for number in range(11, 40)}
    assert is_known(stranger, "graph")


def test_many_may_write_at_once(stranger: Path, state: Path) -> None:
    files = [Path(shutil.copy(stranger, f"{number}.keras")) for number in range(8)]
    threads = [threading.Thread(target=remember, args=(file, "graph")) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(is_known(file, "graph") for file in files)


@pytest.mark.parametrize("folder", ["a file", "nowhere", "read only"])
def test_where_nothing_can_be_kept_nothing_is_known(
    stranger: Path, state: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    if folder == "a file":
        state.parent.parent.write_text("")
    elif folder == "nowhere":
        monkeypatch.setenv("XDG_STATE_HOME", "relative/and/not/there")
    else:
        monkeypatch.setenv("XDG_STATE_HOME", "/proc")
    remember(stranger)
    assert not is_known(stranger, "graph")
    with strangers_apart():
        assert open_classifier(stranger).probabilities(PIXELS).shape == (2, 2)


def test_the_user_s_folder_is_where_platformdirs_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    for set_to in ("/somewhere", "", None):
        if set_to is None:
            monkeypatch.delenv("XDG_STATE_HOME")
        else:
            monkeypatch.setenv("XDG_STATE_HOME", set_to)
        assert work_folders.user_state() == platformdirs.user_state_path("imgclf", appauthor=False)


def test_a_stranger_s_file_is_opened_elsewhere_first_and_only_once(
    stranger: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with strangers_apart():
        expected = open_classifier(stranger).probabilities(PIXELS)
        assert is_known(stranger, "graph")
        # Whatever is opened elsewhere now ends the process.
        monkeypatch.setattr(first_opening, "TRIAL", "tests.support.dying")
        np.testing.assert_array_equal(open_classifier(stranger).probabilities(PIXELS), expected)
        other = rewritten(stranger, MANIFEST, lambda content: content + b" ")
        with pytest.raises(ModelFileError) as caught:
            open_classifier(other)
    assert caught.value.message == (
        f"{other} is not to be trusted: it ended the process that opened it first (SIGSEGV)"
    )
    assert not is_known(other, "graph")


def test_what_was_made_here_is_opened_at_once(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_opening, "TRIAL", "tests.support.dying")
    with strangers_apart():
        open_classifier(trained.model)


def test_one_that_takes_more_memory_than_it_calls_for_is_refused(
    stranger: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_opening, "TRIAL", "tests.support.greedy_trial")
    with strangers_apart(), pytest.raises(ModelFileError, match="is not to be trusted"):
        open_classifier(stranger)


def test_what_is_found_wrong_elsewhere_is_said_as_if_it_were_here(
    stranger: Path, state: Path
) -> None:
    cut = with_graph(stranger, lambda content: content)
    cut = rewritten(cut, "imgclf/head.msgpack", lambda content: content[:-7])
    with pytest.raises(ModelFileError) as here:
        open_classifier(cut)
    with strangers_apart(), pytest.raises(ModelFileError) as elsewhere:
        open_classifier(cut)
    assert (elsewhere.value.message, elsewhere.value.hint) == (here.value.message, here.value.hint)


def test_without_such_a_process_the_checks_alone_stand_before_the_libraries(
    stranger: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with strangers_apart():
        assert open_classifier(stranger).probabilities(PIXELS).shape == (2, 2)
    assert not is_known(stranger, "graph")
