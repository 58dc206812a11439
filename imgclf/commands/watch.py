"""Answers for pictures as they come, once each, until somebody ends it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from imgclf.data.arrivals import Arrivals
from imgclf.errors import ModelFileError, UsageError
from imgclf.model.engine import BATCH_SIZE
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.model_file.one_label import require_one_label
from imgclf.report.row_log import RowLog
from imgclf.system import console
from imgclf.system.signals import StopRequest

_Identity: TypeAlias = tuple[int, int, int]

_REST = 1.0  # seconds from one look at the folders to the next
_WORK = 0.1  # of the time is spent looking, at most
_PATIENCE = 10.0  # seconds that a picture which can't be read has to be left alone


@dataclass
class Watch:
    """What came of watching.

    Attributes:
        answered: Pictures that got a row.
        unreadable: Those of them that could not be read.
    """

    answered: int = 0
    unreadable: int = 0


@dataclass
class _Model:
    """The model in use, which a correction may replace at any time."""

    file: Path
    classifier: Classifier = field(init=False)
    _opened: _Identity = field(init=False)

    def __post_init__(self) -> None:
        self._opened = self._identity()
        self.classifier = _open(self.file)

    def renewed(self) -> Classifier:
        """The one that lies there now; that of before, if nobody can open this one.

        Raises:
            UsageError: It gives a picture several labels now.
        """
        try:
            now = self._identity()
            if now != self._opened:
                self._opened = now
                self.classifier = _open(self.file)
                version = self.classifier.manifest.version
                console.note(f"{self.file} was replaced: version {version} answers from here on")
        except (OSError, ModelFileError) as error:
            said = error.strerror if isinstance(error, OSError) else error.message
            console.warning(f"{self.file}: {said}; the version of before goes on answering")
        return self.classifier

    def _identity(self) -> _Identity:
        try:
            status = self.file.stat()
        except FileNotFoundError:
            return 0, 0, 0
        return status.st_ino, status.st_size, status.st_mtime_ns


def require_folders(paths: Sequence[str]) -> list[Path]:
    """What is to be watched.

    Raises:
        UsageError: One of them is no folder.
    """
    folders = [Path(path) for path in paths]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"--watch is for folders, and {folder} is none")
    return folders


def watch(
    folders: Sequence[Path],
    model: Path,
    log: RowLog,
    min_confidence: Mapping[str, float],
    stop: StopRequest,
) -> Watch:
    """Writes a row for each picture that is in folders or comes there, until it is told to end.

    A picture is answered for when it looked the same twice; one that can't be read then is tried
    again until nobody has touched it for 10 seconds. Memory grows by 8 bytes with each.

    Args:
        folders: From `require_folders`; with all that is below them.
        model: Its file; one that replaces it answers from then on.
        log: Gets the rows, and knows what was answered before.
        min_confidence: See `Classifier.stream`.
        stop: Says when.

    Raises:
        UsageError: The rows don't fit into the file, or the model gives a picture several labels.
        ModelFileError: The model can't be read.
        WriteError: A row can't be written.
    """
    current, done = _Model(model), Watch()
    arrivals = Arrivals(folders, log.has)
    while stop.signal is None:
        began = time.monotonic()
        ready = arrivals.look()
        took = time.monotonic() - began
        for batch in _batches(ready):
            if stop.signal is not None:
                break
            classifier = current.renewed()
            rows = [
                row
                for row in classifier.stream(batch, min_confidence)
                if row.error is None or ready[row.path] > _PATIENCE
            ]
            if rows:
                log.append(rows, classifier.manifest.class_names)
            done.answered += len(rows)
            done.unreadable += sum(row.error is not None for row in rows)
        _rest(max(_REST, took / _WORK), stop)
    return done


def _open(model: Path) -> Classifier:
    classifier = open_classifier(model)
    way_on = "answer for those that are there: imgclf predict FOLDER --format jsonl"
    require_one_label(classifier.manifest, "--watch", way_on)
    return classifier


def _batches(paths: Mapping[str, float]) -> Iterator[list[str]]:
    waiting = iter(paths)
    while batch := list(islice(waiting, BATCH_SIZE)):
        yield batch


def _rest(seconds: float, stop: StopRequest) -> None:
    end = time.monotonic() + seconds
    while stop.signal is None and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))  # a signal is only noted, and does not end a sleep
