"""What people said of pictures by correcting a model, in the next training and after it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from imgclf.config.schema import Config
from imgclf.corrections.labels_given import labels_given
from imgclf.data.dataset import WITH_LABELS, DataSet
from imgclf.data.given_files import GivenLabel
from imgclf.data.given_labels import TakenIn, take_in
from imgclf.data.left_out import warn_of_left_out
from imgclf.errors import ModelFileError, suggestion
from imgclf.model.prediction import Prediction
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.report.csv_lines import csv_writer
from imgclf.runs.earlier import Earlier
from imgclf.runs.folder import RunFolder
from imgclf.runs.pinned_labels import pinned_labels
from imgclf.spelling import on_one_line
from imgclf.system import console
from imgclf.system.files import open_output

_NAMED = 3


@dataclass(frozen=True)
class Watched:
    """What a trained model says of pictures that one before it had wrong.

    Attributes:
        pictures: How many they are.
        wrong: Those that it has wrong as well, and what they are.
        table: Of these, as `imgclf retrain` takes it; None if there are none.
    """

    pictures: int = 0
    wrong: tuple[tuple[Prediction, str], ...] = ()
    table: Path | None = None

    def command(self, model: Path) -> str | None:
        """What corrects them; None if there are none."""
        if self.table is None:
            return None
        return f"imgclf retrain {shlex.quote(str(self.table))} --model {shlex.quote(str(model))}"


def take_in_corrections(
    config: Config, data: DataSet, model: Path, earlier: Earlier | None
) -> TakenIn:
    """Gives pictures the labels that people gave them, and says so.

    An interrupted training goes on with what had been said when it began.

    Args:
        config: What is trained by.
        data: What is trained on.
        model: The model file, beside which lies what was said.
        earlier: The training before; None to start anew whatever there is.

    Raises:
        DataError: Not one picture of a class would be held out any more.
        ModelFileError: The journal is no file of ours.
        UsageError: What the interrupted training has kept is damaged.
        WriteError: The decoded pictures can't be kept.
    """
    given: tuple[GivenLabel, ...] = ()
    if config.training.corrections == "include":
        given = labels_given(model)
        begun_with = _begun_with(earlier)
        if begun_with is not None and earlier is not None:
            _say_what_is_new(data, given, begun_with, earlier.run)
            given = begun_with
    if given and config.data.multi_label:
        console.note(
            f"what people said of {len(given)} pictures by imgclf retrain is one label for each, "
            "and has no part in a training with data.multi_label: true"
        )
        given = ()
    taken = take_in(data, given, config.data.cache)
    _say(taken)
    for label, count in taken.unknown.items():
        _warn_of_unknown(label, count, data, model)
    warn_of_left_out(taken.skipped)
    return taken


def watch(model: Path, taken: TakenIn, run: RunFolder) -> Watched:
    """Whether a trained model has the corrected pictures right; lists those that it hasn't.

    Args:
        model: The model file.
        taken: The pictures.
        run: Where the list goes.

    Raises:
        DataError: A picture that isn't kept decoded can't be read any more.
        WriteError: The list can't be written.
    """
    run.still_wrong.unlink(missing_ok=True)  # of fewer epochs
    if not taken.corrected:
        return Watched()
    classifier = open_classifier(model)
    rows = classifier.probabilities_of(taken.part.batches())
    names = classifier.manifest.class_names
    wrong = tuple(
        (said, one.label)
        for one, row in zip(taken.corrected, rows, strict=True)
        if (said := Prediction.of(one.path, row, names)).label != one.label
    )
    if not wrong:
        return Watched(len(taken.corrected))
    with open_output(run.still_wrong) as stream:
        write = csv_writer(stream)
        write(("path", "label"))
        for said, label in wrong:
            write((said.path, label))
    return Watched(len(taken.corrected), wrong, run.still_wrong)


def doubts(taken: TakenIn) -> tuple[str, ...]:
    """The corrections among these labels that pictures' features speak against, in words."""
    return tuple(
        f"{one.path}: said to be {one.label}, and its features speak for {one.rather}"
        for one in taken.corrected
        if one.rather is not None
    )


def _begun_with(earlier: Earlier | None) -> tuple[GivenLabel, ...] | None:
    """What an interrupted training began with; None if none is gone on with."""
    if earlier is None or earlier.record.status != "running" or earlier.before is None:
        return None
    pinned = pinned_labels(earlier.run)
    if pinned is None and WITH_LABELS not in earlier.record.data_fingerprint:
        return ()
    return (
        pinned  # if it was killed before it had written that down, there is nothing to go on with
    )


def _say_what_is_new(
    data: DataSet, now: tuple[GivenLabel, ...], then: tuple[GivenLabel, ...], run: RunFolder
) -> None:
    names = data.folder.class_names
    apart = {(one.digest, one.label) for one in now if one.label in names} ^ {
        (one.digest, one.label) for one in then
    }
    if apart:
        count = len({digest for digest, _ in apart})
        console.note(
            f"of {_counted(count)} people have said more since {run.path} began: the next training "
            "takes that in"
        )


def _say(taken: TakenIn) -> None:
    """In a line, what the labels that people gave change."""
    changed = {one.digest for one in (*taken.added, *taken.relabelled, *taken.moved)}
    if not changed:
        return
    said = {one.digest: one.label for one in taken.given}
    parts = []
    if taken.added:
        parts.append(f"{len(taken.added)} that the data set doesn't have")
    if taken.relabelled:
        named = [
            f"{on_one_line(one.path)} is {said[one.digest]}" for one in taken.relabelled[:_NAMED]
        ]
        more = ", ..." if len(taken.relabelled) > _NAMED else ""
        parts.append(
            f"{len(taken.relabelled)} that it has under another label ({', '.join(named)}{more})"
        )
    if taken.moved:
        copies = f" and {len(taken.followed)} near copies" if taken.followed else ""
        parts.append(f"{len(taken.moved)} that it held out{copies}")
    verb = "is" if len(changed) == 1 else "are"
    console.note(
        f"{_counted(len(changed))} that people corrected {verb} trained on: {'; '.join(parts)} "
        "(training.corrections: ignore leaves them out)"
    )
    if found := doubts(taken):
        more = f"; {len(found) - 1} more like that" if len(found) > 1 else ""
        console.note(on_one_line(f"this one may be a mistake: {found[0]}{more}"))


def _warn_of_unknown(label: str, count: int, data: DataSet, model: Path) -> None:
    names, directory = data.folder.class_names, data.folder.directory
    try:
        learned = model.exists() and label in read_manifest(model).class_names
    except ModelFileError:  # who publishes says so
        learned = False
    if learned:
        console.warning(
            f"{model} has learned the class {label} by corrections, and {directory} has no folder "
            f"of it: the new model won't know it, and {_counted(count)} of it can't be trained on"
        )
    else:
        console.warning(
            f"{_counted(count)} that people said to be {label} can't be trained on: the classes "
            f"are {', '.join(names)}{suggestion(label, names)}"
        )


def _counted(count: int) -> str:
    return f"{count} picture{'' if count == 1 else 's'}"
