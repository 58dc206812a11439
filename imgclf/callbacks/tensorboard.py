"""TensorBoard, whose event files go on after an interruption as if there had been none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs
from imgclf.system.disk import write_problems

_COUNTERS = ("_global_train_batch", "_global_test_batch")


class TensorBoard(keras.callbacks.TensorBoard):  # type: ignore[misc]
    """Keras's TensorBoard, with every argument of it.

    A resumed training repeats what came after its last commit, and TensorBoard would show that
    twice. So a commit holds the length of each event file, and a resume cuts them back.

    Args:
        log_dir: Where the event files go.
        mark: Part of the names of the files that this training writes, which tells them from
            those of others in the same folder.
        options: The other arguments of `keras.callbacks.TensorBoard`.
    """

    def __init__(self, log_dir: str | Path, mark: str, options: dict[str, Any]) -> None:
        super().__init__(log_dir=str(log_dir), **options)
        self._mark = f".{mark}"
        self._earlier: set[Path] = set()
        self._failure: Exception | None = None

    def get_state(self) -> dict[str, Any]:
        """The steps, and how long each event file is."""
        with self._writing():
            for writer in self._writers.values():
                writer.flush()
        root = Path(self.log_dir)
        sizes = {str(file.relative_to(root)): file.stat().st_size for file in self._event_files()}
        return {"sizes": sizes, **{name: getattr(self, name) for name in _COUNTERS}}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on counting, and takes away what was written after the commit."""
        for name in _COUNTERS:
            setattr(self, name, state[name])
        for file in self._earlier:
            size = state["sizes"].get(str(file.relative_to(self.log_dir)))
            if size is None:
                file.unlink(missing_ok=True)
            elif file.stat().st_size > size:
                os.truncate(file, size)
        self._earlier = set()

    def set_model(self, model: Any) -> None:
        """Looks which event files there are before Keras opens one for the graph."""
        self._earlier = set(self._event_files())
        with self._writing():
            super().set_model(model)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Removes what a run wrote that was killed before its first commit."""
        for file in self._earlier:
            file.unlink(missing_ok=True)
        self._earlier = set()
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Leaves out metrics with a value for each class: Keras takes all for single numbers."""
        # By default no batch is written, but Keras would make its summary: a millisecond a step.
        written = {} if self.update_freq == "epoch" else _single_numbers(logs)
        with self._writing():
            super().on_train_batch_end(batch, written)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Likewise."""
        with self._writing():
            super().on_test_end(_single_numbers(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Likewise."""
        with self._writing():
            super().on_epoch_end(epoch, _single_numbers(logs))

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the writers; a later phase of the training opens others."""
        with self._writing():
            super().on_train_end(logs)
        self._writers.clear()

    def close(self) -> None:
        """Ends the writers when an exception kept `on_train_end` from doing it.

        That one is told, and not what fails now as well.
        """
        while self._prev_summary_state:
            self._pop_writer()
        self._close_writers()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """TensorFlow's errors say nothing to people, and Keras takes one for the end of data."""
        with write_problems(Path(self.log_dir)):
            yield
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure

    def _event_files(self) -> list[Path]:
        found = Path(self.log_dir).glob("*/events.out.tfevents.*")
        return sorted(file for file in found if file.name.endswith(self._mark))

    @property
    def _train_writer(self) -> Any:
        return self._writer("train", self._train_dir)

    @property
    def _val_writer(self) -> Any:
        return self._writer("val", self._val_dir)

    def _writer(self, key: str, directory: str) -> Any:
        if key not in self._writers:
            writer = self.summary.create_file_writer(directory, filename_suffix=self._mark)
            writer.flush = self._later(writer.flush)
            self._writers[key] = writer
        return self._writers[key]

    def _later(self, flush: Callable[[], object]) -> Callable[[], None]:
        """Raised at once, an error would keep TensorFlow from leaving the writer behind."""

        def flush_and_remember() -> None:
            try:
                flush()
            except Exception as error:
                self._failure = self._failure or error

        return flush_and_remember


def _single_numbers(logs: Logs | None) -> Logs:
    return {name: value for name, value in (logs or {}).items() if np.ndim(value) == 0}
