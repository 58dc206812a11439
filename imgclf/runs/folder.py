"""One training's folder: `runs/NAME/2026-11-22T10-15-03/`, and which of them to go on with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from imgclf.config.callback_catalogue import output_of
from imgclf.config.choices import Precision
from imgclf.errors import ConfigError, WriteError, first_line
from imgclf.model.scores import Scores
from imgclf.system.files import atomic_write_bytes, atomic_write_text
from imgclf.system.kept_files import read_kept
from imgclf.work_folders import RUNS_DIRECTORY

_MOST_OF_A_RECORD = 1 << 24  # bytes
_STAMP, _STAMP_LENGTH = "%Y-%m-%dT%H-%M-%S", 19


class Publication(msgspec.Struct, frozen=True):
    """Which version of the model a training becomes: settled before the model is written.

    A training that is killed in between then knows its own version when it finds it.

    Attributes:
        version: The number of the version.
        created: The time in its manifest, which tells it from another one of that number.
    """

    version: int
    created: str


class TimePlan(msgspec.Struct, frozen=True):
    """What of a training fits into its `time_budget`, as it was found at its beginning.

    Attributes:
        epochs: Of the first phase.
        fine_tuned: Epochs of the second; 0 for none.
        mirrored: Features are computed of mirrored pictures, too, if augmentation has it.
        used: Seconds from the start of the command until this was found.
        publishing: Seconds that are kept for what comes after the last epoch.
        fine_tuning_step: Seconds of a step of the second phase; None where there is none.
        slower: How many times as long all this took for what other programs wanted of the
            processors; None if that wasn't known.
        adapts: The second phase becomes longer or shorter as its steps turn out, and `fine_tuned`
            is what it begins with. Not in runs of earlier versions.
    """

    epochs: Annotated[int, msgspec.Meta(gt=0)]
    fine_tuned: Annotated[int, msgspec.Meta(ge=0)]
    mirrored: bool
    used: float
    publishing: float
    fine_tuning_step: float | None = None
    slower: float | None = None
    adapts: bool = False


class FoundRates(msgspec.Struct, frozen=True):
    """What `learning_rate: auto` has come to.

    Attributes:
        optimizer: Of `training.optimizer`; None if that says a rate, or none.
        fine_tune: Of `training.fine_tune`; likewise.
    """

    optimizer: float | None = None
    fine_tune: float | None = None


class Settled(msgspec.Struct, frozen=True):
    """What a config leaves open (`auto`), as a run has it: it goes on as it began.

    Attributes:
        precision: What the network computes in.
        batch_size: Pictures in a step.
        resampled: The source does what the first augmentation layers would, as in all runs but
            those of earlier versions.
        changes_pixels: It also does those that are no resampling; none did in earlier versions.
        cut: What so many of the network's operations make of a picture is computed once for the
            fine-tuning of those above; None if that trains on pictures.
        time: What fits into `training.time_budget`; None if there is none.
        rates: What `learning_rate: auto` has come to; None if no key says so.
    """

    precision: Precision
    batch_size: Annotated[int, msgspec.Meta(gt=0)]
    resampled: bool = True
    changes_pixels: bool = False
    cut: int | None = None
    time: TimePlan | None = None
    rates: FoundRates | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Why the model of a training did not take the place of the one in use.

    Attributes:
        version: Of the model in use.
        pictures: By how many held-out pictures both were judged.
        before: Accuracy of the model in use on these, between 0 and 1.
        after: That of the new one.
        classes: Those of which the new one is worse, beyond chance, with both accuracies.
    """

    version: int
    pictures: int
    before: float
    after: float
    classes: dict[str, tuple[float, float]]


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What `run.json` says of a training.

    Attributes:
        status: "running" until the model is published; also after a crash.
        seconds: What fitting took, in all its parts; None if one of them didn't say.
        data_fingerprint: Of the pictures; see `DataSet.fingerprint`.
        backbone_fingerprint: Of the file that the backbone is made from; None if it is from none of
            the user's own.
        settled: What the config leaves open.
        published_epoch: Whose weights the model has, counted from 1.
        fine_tuned_after: How many epochs the first phase had; None if there was but one.
        averaged: The weights lie half way between those and what fine-tuning began with.
        scores: Of the published model on the validation pictures.
        test_scores: Likewise on the data set's test part, if it has one.
        model: Where the model was published, or lies if it was refused.
        command: What to type to go on.
        publication: What is being published, or was.
        refusal: Why the model is kept in the run's folder; None if it isn't.
        failure: The error that ended it, in a line; None if it is finished or under way, or was
            stopped from outside.
        trial: Its number, if it is one of a search; it publishes nothing then.
        pruned: It was given up before its end, for other trials were better.
    """

    status: Literal["running", "finished"] = "running"
    data_fingerprint: str
    backbone_fingerprint: str | None = None
    settled: Settled | None = None
    epochs_run: int = 0
    seconds: float | None = None
    published_epoch: int | None = None
    fine_tuned_after: int | None = None
    averaged: bool = False
    scores: Scores | None = None
    test_scores: Scores | None = None
    model: str | None = None
    command: str = ""
    publication: Publication | None = None
    refusal: Refusal | None = None
    failure: str | None = None
    trial: int | None = None
    pruned: bool = False


class RunFolder:
    """The files of one training.

    Args:
        path: The folder; made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_as_written = path / "config.yaml"
        self.config_resolved = path / "config.resolved.yaml"
        self.log = output_of("CSVLogger").place({}, path)
        self.tensorboard = output_of("TensorBoard").place({}, path)
        self.curves = path / "curves.png"
        self.confusion = path / "confusion.png"
        self.calibration = path / "calibration.png"
        self.report = path / "report.html"
        self.report_facts = path / "report.msgpack"
        self.labels_given = path / "corrections.json"
        self.still_wrong = path / "still-wrong.csv"
        self.refused_model = path / "model.keras"
        self._record = path / "run.json"

    @property
    def started(self) -> datetime | None:
        """When, in local time; None if the folder was given another name."""
        try:
            return datetime.strptime(self.path.name[:_STAMP_LENGTH], _STAMP)
        except ValueError:
            return None

    def read(self) -> RunRecord | None:
        """The record, or None if there is none that can be read."""
        try:
            content = read_kept(self._record, _MOST_OF_A_RECORD)
            return msgspec.json.decode(content, type=RunRecord)
        except (OSError, ValueError, RecursionError, msgspec.DecodeError):
            return None

    def write(self, record: RunRecord) -> None:
        """Replaces the record."""
        text = msgspec.json.format(msgspec.json.encode(record))
        atomic_write_bytes(self._record, text)

    def begin(self, record: RunRecord, as_written: str, resolved: str) -> None:
        """Writes the config, and that it is being trained.

        The record comes first: a config newer than a finished record would pass for what that
        one was trained with.
        """
        self.write(record)
        atomic_write_text(self.config_as_written, as_written)
        atomic_write_text(self.config_resolved, resolved)


@contextmanager
def failure_noted(run: RunFolder) -> Iterator[None]:
    """Writes down what error ends the training inside; Ctrl-C and the like are none."""
    try:
        yield
    except Exception as error:
        record = run.read()
        if record is not None and record.status == "running":
            with suppress(WriteError, OSError):  # it may be the full disk that ends it
                run.write(msgspec.structs.replace(record, failure=in_a_line(error)))
        raise


def in_a_line(error: Exception) -> str:
    """What a record says of an error; of a config with several problems the first."""
    if isinstance(error, ConfigError) and error.problems:
        return first_line(error.problems[0])
    return first_line(error)


def all_runs() -> list[RunFolder]:
    """The trainings of all configs that left a record, oldest first for each."""
    return [RunFolder(record.parent) for record in sorted(RUNS_DIRECTORY.glob("*/*/run.json"))]


def learning_rate_plot(name: str) -> Path:
    """Where the range test of a config is drawn: beside its trainings, and no part of one."""
    return RUNS_DIRECTORY / name / "learning-rate.png"


def latest_run(name: str) -> RunFolder | None:
    """The newest training of a config that left a record."""
    folders = sorted((RUNS_DIRECTORY / name).glob("*/run.json"), reverse=True)
    return RunFolder(folders[0].parent) if folders else None


def new_run(name: str, now: datetime) -> RunFolder:
    """A folder of its own for a training that starts now, which holds the lock.

    What trainings left that were killed before they had a record is removed.
    """
    for folder in (RUNS_DIRECTORY / name).glob("*/"):
        ours = RunFolder(folder).started is not None and not folder.is_symlink()
        if ours and all(path.match(".run.*.tmp.json") for path in folder.iterdir()):
            shutil.rmtree(folder)
    stamp = now.strftime(_STAMP)
    path, count = RUNS_DIRECTORY / name / stamp, 1
    while path.exists():
        count += 1
        path = RUNS_DIRECTORY / name / f"{stamp}-{count}"
    return RunFolder(path)
