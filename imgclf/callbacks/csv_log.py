"""CSVLogger: one row an epoch, none missing and none doubled over an interruption."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs, SetEpoch
from imgclf.callbacks.monitoring import log_names
from imgclf.errors import UsageError
from imgclf.spelling import on_one_line
from imgclf.system.disk import write_problems
from imgclf.system.files import atomic_write_bytes

_MOST_OF_A_HEADER = 1 << 16  # bytes


class CSVLogger(keras.callbacks.CSVLogger):  # type: ignore[misc]
    """Writes epoch (from 0), metrics and learning rate to a file, a row at a time.

    Args:
        filename: The file; its folder is made.
        separator: Between the columns.
        append: Add to the rows that the file has already, which must have the same columns.
            Keras would write other columns under the old header.
        set_epoch: Knows which phase the training is in, from 0, which is a column where there are
            several; None if there is but one.

    Raises:
        UsageError: `append`, and the file has other columns.
    """

    def __init__(
        self,
        filename: str | Path,
        separator: str = ",",
        append: bool = False,
        set_epoch: SetEpoch | None = None,
    ) -> None:
        super().__init__(str(filename), separator, append)
        self._set_epoch = set_epoch if set_epoch is not None and set_epoch.phases > 1 else None
        self._path = Path(filename)
        self._bytes_before = 0
        self._written = ""

    def get_state(self) -> dict[str, Any]:
        """All that this training wrote: a log of a thousand epochs has some 100 KB."""
        return {"keys": self.keys, "bytes_before": self._bytes_before, "written": self._written}

    def set_state(self, state: dict[str, Any]) -> None:
        """Makes the file what it was at that moment, whatever happened to it since."""
        self.keys, self._written = state["keys"], state["written"]
        kept = self._present()[: state["bytes_before"]]
        self._bytes_before = len(kept)
        atomic_write_bytes(self._path, kept + self._written.encode())

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Empties the file, or sees whether its columns fit."""
        self.keys, self._written = None, ""
        present = self._present() if self.append else b""
        self._bytes_before = len(present)
        header = self._header()
        wanted = ["epoch", *(log_names(self.model) or [])]
        missing = [name for name in wanted if name not in header]
        if header and missing:  # told now, and not after the first epoch
            raise self._other_columns(header, f"without {', '.join(missing)}")
        if present and not present.endswith(b"\n"):
            present += b"\n"
            self._bytes_before += 1
        atomic_write_bytes(self._path, present)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds the row, after the header if it is the first."""
        logs = dict(logs or {})
        if self._set_epoch is not None:
            logs["phase"] = self._set_epoch.phase + 1
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                # Epochs without validation may come first (validation_freq); Keras does so too.
                measured = [key for key in self.keys if not key.startswith("learning_rate")]
                self.keys += [f"val_{key}" for key in measured]
            columns, header = ["epoch", *self.keys], self._header()
            if not header:
                self._add(columns)
            elif header != columns:
                raise self._other_columns(header, f"not {self.sep.join(columns)}")
        self._add([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Nothing is left to do: no file is kept open."""

    def _present(self) -> bytes:
        return self._path.read_bytes() if self._path.exists() else b""

    def _header(self) -> list[str]:
        """The columns of the file that is appended to; none if it is new."""
        if not self._bytes_before:
            return []
        with self._path.open("rb") as file:
            line = file.readline(_MOST_OF_A_HEADER).decode("utf-8", "replace")
        return next(csv.reader([line.replace("\0", "")], delimiter=self.sep), [])

    def _other_columns(self, header: list[str], instead: str) -> UsageError:
        shown = self.sep.join(header)[:200]
        return UsageError(
            f"CSVLogger: {self._path} has the columns {on_one_line(shown)}, {instead}",
            "give another filename, or append: false to begin the file anew",
        )

    def _add(self, cells: list[Any]) -> None:
        row = io.StringIO()
        csv.writer(row, delimiter=self.sep, lineterminator="\n").writerow(cells)
        content = row.getvalue().encode()
        with write_problems(self._path, len(content)), self._path.open("ab") as file:
            file.write(content)
        self._written += row.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray) and np.ndim(value) > 0:
        return f"[{', '.join(map(str, value))}]"
    return value
