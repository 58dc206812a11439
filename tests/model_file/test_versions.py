"""Versions: what they say of themselves, and going back to one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import Retrained, retrain
from imgclf.commands.train import Trained
from imgclf.commands.versions import history, rollback
from imgclf.corrections.inputs import Labelled
from imgclf.corrections.journal import Entry, append_to_journal, read_journal
from imgclf.errors import UsageError
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.trained_on import training_data

MODEL = Path("models/pets.keras")


def mistakes() -> list[str]:
    rows = predict(open_classifier(MODEL), find_inputs(["new"], []))
    return [row.path for row in rows if row.label != Path(row.path).parent.name]


def correct(path: str) -> Retrained:
    return retrain(MODEL, [Labelled(Path(path), Path(path).parent.name)])


@pytest.mark.slow
def test_history_says_what_each_version_brought_and_scored(trained: Trained) -> None:
    path = mistakes()[0]
    done = correct(path)
    first, second = history(MODEL)
    assert (first.version, first.parent, first.corrections, first.new) == (1, None, 0, ())
    assert (first.score_before, first.in_use, second.in_use) == (None, False, True)
    assert (second.version, second.parent, second.corrections) == (2, 1, 1)
    assert [one.path for one in second.new] == [str(Path(path).absolute())]
    assert done.judged is not None
    assert second.score_before == done.judged.before["(all)"]
    assert second.score == done.judged.after["(all)"]


def test_all_versions_are_scored_on_pictures_that_none_was_corrected_by(trained: Trained) -> None:
    """Seven corrected validation pictures once raised "validation accuracy" by four points."""
    first_score = history(MODEL)[0].score
    assert trained.record.scores is not None
    assert first_score == trained.record.scores.accuracy
    data = training_data(read_manifest(MODEL))
    assert data is not None
    held_out = [one.path for one in data.read("these").validation.pictures]
    rows = predict(open_classifier(MODEL), held_out)
    wrong = [row.path for row in rows if row.label != Path(row.path).parent.name]
    assert correct(str(wrong[0])).outcome == "corrected"
    first, second = history(MODEL)
    assert (first.pictures, second.pictures) == (11, 11)
    assert first.same_pictures
    assert second.same_pictures
    # What the first had wrong is no longer among them.
    assert first.score == pytest.approx(first_score * 12 / 11)
    assert second.score_before == first.score
    assert second.score is not None
    assert abs(second.score - first.score) <= 1 / 11


@pytest.mark.slow
def test_numbers_stay_unique_after_going_back(trained: Trained) -> None:
    path = mistakes()[0]
    correct(path)
    corrected = MODEL.read_bytes()
    gone = rollback(MODEL, None)
    assert gone.version == 1
    assert [one.path for one in gone.no_longer_in_force] == [str(Path(path).absolute())]
    assert path in mistakes()

    assert correct(path).version == 3
    assert [(one.version, one.parent) for one in history(MODEL)] == [(1, None), (2, 1), (3, 1)]
    assert [(one.outcome, one.version) for one in read_journal(MODEL)] == [
        ("corrected", 2),
        ("corrected", 3),
    ]
    assert rollback(MODEL, 2).no_longer_in_force == ()
    assert MODEL.read_bytes() == corrected


def test_a_version_that_is_in_use_or_was_never_there_is_refused(trained: Trained) -> None:
    before = MODEL.read_bytes()
    for version, says in (
        (1, "is version 1 already"),
        (7, "no version 7"),
        (None, "there is none before it"),
    ):
        with pytest.raises(UsageError, match=says):
            rollback(MODEL, version)
    assert MODEL.read_bytes() == before


@pytest.mark.slow
def test_a_kept_version_that_is_damaged_is_not_put_in_use(trained: Trained) -> None:
    correct(mistakes()[0])
    kept = Path("models/pets.history/versions/0001.keras")
    kept.write_bytes(kept.read_bytes()[:-100])
    before = MODEL.read_bytes()
    assert [one.version for one in history(MODEL)] == [2]
    with pytest.raises(UsageError, match="no version 1"):
        rollback(MODEL, 1)
    assert MODEL.read_bytes() == before
    assert read_manifest(MODEL).version == 2


def test_the_journal_is_lines_of_json_that_are_only_ever_added_to(in_folder: Path) -> None:
    first = Entry("2026-01-01T00:00:00+00:00", "/a.jpg", "aa", "cat", "dog", "corrected", 2)
    later = Entry("2026-01-02T00:00:00+00:00", "/b.jpg", "aa", "cat", "dog", "corrected", 2)
    other = Entry("2026-01-03T00:00:00+00:00", "/a.jpg", "aa", "dog", "cat", "left out", 2)
    for entry in (first, later, other):
        append_to_journal(MODEL, [entry])
    lines = Path("models/pets.history/journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["dog", "cat"]
    assert read_journal(MODEL) == [first, other]
