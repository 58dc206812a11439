"""Progress: a bar and metrics on a terminal, one plain line an epoch otherwise."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs, SetEpoch
from imgclf.system import console

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


_BETWEEN = " - "


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Says how the training goes; what ProgbarLogger means in a config.

    Each epoch ends in a line such as

        epoch 3/30 - 11.2 s - accuracy 0.7312 - loss 0.5401 - val_accuracy 0.7050 - ...

    or, on a terminal that is too narrow for it, in two or more; and there a bar below shows the
    step, the time left until the last epoch of the last phase, and the metrics so far.

    Args:
        set_epoch: Knows of the phases.
    """

    def __init__(self, set_epoch: SetEpoch) -> None:
        super().__init__()
        self._set_epoch = set_epoch
        self._bars: Bars | None = None
        self._task: TaskID | None = None
        self._epoch = 0
        self._epoch_began = 0.0
        self._clock_began = 0.0
        self._steps_timed = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Draws the bar, on a terminal."""
        self._steps_timed = -1
        if not console.current().terminal:
            return
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars

        text = [TextColumn(f"{{task.{name}}}") for name in ("description", "fields[notes]")]
        rich = console.current().rich
        bar = BarColumn(bar_width=24 if rich.width >= 100 else 10)  # the metrics matter more
        columns = (text[0], bar, MofNCompleteColumn(), text[1])
        # stdout is redirected already, by whoever holds the stack's `running`.
        self._bars = Bars(*columns, console=rich, transient=True, redirect_stdout=False)
        self._task = self._bars.add_task("", total=None, notes="")
        self._bars.start()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the epoch's clock."""
        self._epoch = epoch
        self._epoch_began = time.monotonic()
        self._show(description=self._title(), completed=0, total=self.params["steps"], notes="")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Moves the bar on."""
        if self._bars is None:
            return
        self._steps_timed += 1
        if self._steps_timed == 0:  # the first step compiles, and says nothing about the others
            self._clock_began = time.monotonic()
        notes = " ".join(f"{name} {_number(name, value)}" for name, value in (logs or {}).items())
        left = self._seconds_left(batch + 1)
        if left is not None:
            notes = f"{self._left_in_words(left)}  {notes}"
        self._show(completed=batch + 1, notes=notes)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """The bar stands still meanwhile, so it says why."""
        self._show(notes="validating")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """The line that stays."""
        seconds = time.monotonic() - self._epoch_began
        # Keras sorts the names; the learning rate, which is set and not measured, comes last.
        measured = sorted((logs or {}).items(), key=lambda item: item[0].startswith("learning_"))
        metrics = [f"{name} {_number(name, value)}" for name, value in measured]
        said = console.current()
        width = said.rich.width if said.terminal else None
        for line in epoch_lines([self._title(), f"{seconds:.1f} s", *metrics], width):
            console.note(line)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Takes the bar away."""
        self.close()

    def close(self) -> None:
        """Takes the bar away, also when an exception kept `on_train_end` from doing it."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _title(self) -> str:
        return f"epoch {self._epoch + 1}/{self.params['epochs']}"

    def _seconds_left(self, steps_done: int) -> float | None:
        """Until the phase's last epoch, validation included, if nothing ends it earlier."""
        steps = self.params["steps"]
        if self._steps_timed < 1 or steps is None:
            return None
        seconds_per_step = (time.monotonic() - self._clock_began) / self._steps_timed
        steps_left = (self.params["epochs"] - self._epoch) * steps - steps_done
        return float(seconds_per_step * steps_left)

    def _left_in_words(self, left: float) -> str:
        """With what comes in later phases, where that is known."""
        after = self._set_epoch.seconds_after
        most = "at most " if self._set_epoch.may_end_early else ""
        if after is None:
            return f"{most}{_duration(left)} left of this phase"
        return f"{most}{_duration(left + after)} left"

    def _show(self, **changes: Any) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, **changes)


def epoch_lines(parts: Sequence[str], width: int | None) -> list[str]:
    """An epoch in one line, or in as few as let no terminal break it.

    Args:
        parts: The epoch, its time and its metrics.
        width: Columns that there are; None for as many as it takes.
    """
    lines = [_BETWEEN.join(parts)]
    if width is None or len(lines[0]) <= width:
        return lines
    first = next((n for n, part in enumerate(parts) if part.startswith("val_")), len(parts))
    lines = []
    for group in (parts[:first], parts[first:]):  # as people compare them, one below the other
        line = ""
        for part in group:
            longer = f"{line}{_BETWEEN}{part}" if line else f"{'  ' if lines else ''}{part}"
            if line and len(longer) > width:
                lines.append(line)
                longer = f"  {part}"
            line = longer
        lines += [line] if line else []
    return lines


def _number(name: str, value: Any) -> str:
    if not isinstance(value, float | int):
        return str(value)
    if name.startswith("learning_rate") or 0 < abs(value) < 1e-3:
        return f"{value:.4g}"
    return f"{value:.4f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
