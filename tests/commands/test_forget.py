"""Corrections that are undone, and those that are taken along to another model."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.commands.forget import Forgotten, forget
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import Options, Retrained, retrain
from imgclf.commands.train import Trained
from imgclf.commands.versions import corrections_in_force, history, rollback
from imgclf.corrections.inputs import Labelled, read_inputs
from imgclf.corrections.journal import read_journal
from imgclf.data.decoder import decode
from imgclf.data.picture_files import file_digest
from imgclf.errors import UsageError
from imgclf.model_file.archive import FEATURES, HEAD, MANIFEST, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.report.corrections import corrections_csv
from tests.support.dying_disk import Died, dying_disk
from tests.support.held_out import assert_its_own
from tests.support.trainings import trained_on_drawn

MODEL = Path("models/pets.keras")
_CONFIG = """\
data: {directory: dataset, image_size: 64, batch_size: 16, seed: 5}
model: {backbone: EfficientNetLite0}
training: {epochs: 1, optimizer: {Adam: 0.0005}}
"""


@pytest.fixture(scope="module")
def made(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dataset/, new/ and a model that learned for too short a time."""
    return trained_on_drawn(drawn, tmp_path_factory.mktemp("forget"), _CONFIG)


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def truth(path: str) -> str:
    return Path(path).parent.name


def labels(*paths: str) -> list[str | None]:
    return [row.label for row in predict(open_classifier(MODEL), list(paths))]


def mistakes() -> list[str]:
    rows = predict(open_classifier(MODEL), find_inputs(["new"], []))
    return [row.path for row in rows if row.label != truth(row.path)]


def correct(*paths: str, **options: Any) -> Retrained:
    return retrain(MODEL, [Labelled(Path(one), truth(one)) for one in paths], Options(**options))


def corrected(count: int) -> list[str]:
    """So many pictures, each corrected by a command of its own."""
    done = []
    for _ in range(count):
        done.append(mistakes()[0])
        assert correct(done[-1]).outcome == "corrected"
    return done


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(MODEL) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}


def outputs(paths: Sequence[str]) -> np.ndarray:
    classifier = open_classifier(MODEL)
    settings = classifier.manifest.decoder.settings()
    return classifier.engine.run(np.stack([decode(path, settings) for path in paths]))


def everything() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path("models").rglob("*") if path.is_file()}


def in_force() -> list[str]:
    return [Path(one.path).name for one in read_manifest(MODEL).corrections]


def names(paths: Sequence[str]) -> list[str]:
    return [Path(path).name for path in paths]


def test_without_the_last_correction_the_network_is_what_it_was_before(here: Path) -> None:
    corrected(1)
    before, as_before = members(), read_manifest(MODEL)
    [last] = corrected(1)
    done = forget(MODEL, [last])
    assert (done.outcome, done.version, done.same_as) == ("forgotten", 4, 2)
    assert members() == before
    now = read_manifest(MODEL)
    assert (now.version, now.parent, now.temperature) == (4, 3, as_before.temperature)
    assert now.corrections == as_before.corrections
    assert [(one.version, one.parent, len(one.new)) for one in history(MODEL)] == [
        (1, None, 0),
        (2, 1, 1),
        (3, 2, 1),
        (4, 3, 0),
    ]
    assert [(one.outcome, one.version) for one in read_journal(MODEL)] == [
        ("corrected", 2),
        ("corrected", 3),
        ("forgotten", 4),
    ]
    assert rollback(MODEL, None).version == 3


def test_without_any_it_is_as_it_was_trained(here: Path) -> None:
    trained, manifest = members(), read_manifest(MODEL)
    learned = corrected(3)
    done = forget(MODEL, learned)
    assert (done.version, done.same_as, in_force()) == (5, 1, [])
    assert members() == trained
    assert read_manifest(MODEL).temperature == manifest.temperature


def test_the_last_layer_is_solved_without_it_as_if_it_had_never_been_said(here: Path) -> None:
    learned = mistakes()[:3]
    correct(*learned)
    done = forget(MODEL, learned[:1])
    assert (done.outcome, done.version, done.same_as) == ("forgotten", 3, None)
    assert done.judged is not None
    assert in_force() == names(learned[1:])
    assert labels(*learned[1:]) == [truth(path) for path in learned[1:]]
    assert_its_own(MODEL, Path("dataset"), 5e-3)  # features are kept as float16
    without = outputs(learned)
    rollback(MODEL, 1)
    correct(*learned[1:])
    np.testing.assert_allclose(without, outputs(learned), atol=5e-3)


def test_it_is_found_by_its_content_its_path_or_its_digest(here: Path) -> None:
    first, second, third, fourth = corrected(4)
    digests = [one.digest for one in read_manifest(MODEL).corrections]
    Path(first).rename("moved.jpg")
    assert [one.digest for one in forget(MODEL, ["moved.jpg"]).corrections] == digests[:1]
    Path(second).unlink()
    assert [one.digest for one in forget(MODEL, [second]).corrections] == digests[1:2]
    assert [one.digest for one in forget(MODEL, [digests[2][:8]]).corrections] == digests[2:3]
    with pytest.raises(UsageError) as caught:
        forget(MODEL, ["new/cat/nix.jpg", fourth + "x", digests[0][:8]])
    assert caught.value.message.splitlines() == [
        "new/cat/nix.jpg: no such correction",
        f"{fourth}x: no such correction; did you mean {Path(fourth).absolute()}?",
        f"{digests[0][:8]}: no such correction",
    ]
    assert caught.value.hint == (
        "nothing was changed; what there is to forget: imgclf history --corrections"
    )
    assert in_force() == names([fourth])
    assert third not in in_force()


def test_what_is_no_longer_in_force_is_forgotten_by_the_journal_alone(here: Path) -> None:
    [one] = corrected(1)
    rollback(MODEL, None)
    before = MODEL.read_bytes()
    done = forget(MODEL, [one])
    assert (done.outcome, done.version, done.corrections[0].in_force) == ("forgotten", 1, False)
    assert MODEL.read_bytes() == before
    assert [entry.outcome for entry in read_journal(MODEL)] == ["corrected", "forgotten"]
    with pytest.raises(UsageError, match="no such correction"):
        forget(MODEL, [one])


def test_a_dry_run_forgets_nothing(here: Path) -> None:
    learned = corrected(2)
    before = everything()
    assert forget(MODEL, learned[:1], dry_run=True).outcome == "dry run"
    assert forget(MODEL, learned[1:], dry_run=True).outcome == "dry run"
    assert everything() == before


def test_what_would_do_harm_is_refused_and_nothing_changes(here: Path) -> None:
    learned = corrected(2)
    before = everything()
    done = forget(MODEL, learned[:1], max_drop=-1.0)
    assert (done.outcome, done.version) == ("refused", 3)
    assert everything() == before


@pytest.mark.parametrize("which", [0, 1])
def test_killed_at_any_step_it_is_forgotten_the_next_time(here: Path, which: int) -> None:
    learned = corrected(2)
    old, deaths = MODEL.read_bytes(), 0
    for number in range(1, 1000):
        with dying_disk(number) as disk, suppress(Died):
            forget(MODEL, [learned[which]])
        if read_manifest(MODEL).version == 3:
            assert MODEL.read_bytes() == old
        assert [one.version for one in history(MODEL)][:3] == [1, 2, 3]
        labels(*learned)  # it answers
        if not disk.dead:
            break
        deaths += 1
        if read_manifest(MODEL).version == 4:  # it died after that
            break
    assert deaths >= 10
    assert in_force() == names([learned[1 - which]])
    assert [entry.outcome for entry in read_journal(MODEL)] == [
        "corrected",
        "corrected",
        "forgotten",
    ]
    rollback(MODEL, 3)
    assert MODEL.read_bytes() == old


def test_corrections_are_taken_along_to_another_model(here: Path, made: Path) -> None:
    learned = mistakes()[:3]
    correct(*learned)
    rows = corrections_in_force(MODEL)
    Path("taken.csv").write_text(corrections_csv((one.path, one.label) for one in rows))
    answers = outputs(learned)
    for one in learned:
        Path(one).unlink()
    shutil.rmtree("models/pets.history/versions")
    shutil.copy(made / MODEL, "models/other.keras")
    shutil.copytree(made / "models/pets.history", "models/other.history")
    other = Path("models/other.keras")
    done = retrain(other, read_inputs(["taken.csv"], None, []))
    assert done.outcome == "corrected"
    taken = read_manifest(other).corrections
    assert [(one.label, one.was) for one in taken] == [
        (one.label, one.was) for one in read_manifest(MODEL).corrections
    ]
    assert [(one.path, one.label) for one in corrections_in_force(other)] == [
        (f"models/other.history/corrected/{Path(one.path).name}", one.label)
        if Path(one.path).stem == file_digest(Path(one.path))
        else (f"models/other.history/corrected/{file_digest(Path(one.path))}.png", one.label)
        for one in rows
    ]
    shutil.copy(other, MODEL)
    shutil.copytree(made / "new", "new", dirs_exist_ok=True)
    np.testing.assert_allclose(outputs(learned), answers, atol=5e-3)


# By neurons.


@pytest.mark.slow
def test_a_neuron_is_removed_and_the_others_stay(trained: Trained) -> None:
    first, second, third = corrected(3)
    done = forget(MODEL, [second])
    assert isinstance(done, Forgotten)
    assert (done.outcome, done.version, done.same_as) == ("forgotten", 5, None)
    assert labels(first, third) == [truth(first), truth(third)]
    assert labels(second) != [truth(second)]
    assert_its_own(MODEL, Path("dataset"))
    assert in_force() == names([first, third])
    assert [one.version for one in read_manifest(MODEL).corrections] == [2, 4]
    assert correct(second).outcome == "corrected"
    assert labels(first, second, third) == [truth(one) for one in (first, second, third)]


@pytest.mark.slow
def test_what_was_learned_in_another_way_is_not_undone_alone(trained: Trained) -> None:
    first = mistakes()[0]
    correct(first, unguarded_epochs=1)
    while not read_manifest(MODEL).corrections:  # it takes as many epochs as it takes
        correct(first, unguarded_epochs=5)
    before, number = everything(), read_manifest(MODEL).version
    second = mistakes()[0]
    assert correct(second, max_drop=1.0).outcome == "corrected"
    with pytest.raises(UsageError) as caught:
        forget(MODEL, [first], max_drop=1.0)
    assert caught.value.message == (
        f"{Path(first).absolute()} ({truth(first)}) was learned by --unguarded, which changed the "
        "whole network: it can't be forgotten alone"
    )
    assert caught.value.hint == f"go back to before it: imgclf rollback {number - 1}"
    assert forget(MODEL, [second]).same_as == number
    assert {HEAD, FEATURES}.isdisjoint(before)
