"""What callbacks remember from one phase of a training to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks import callback_state
from imgclf.callbacks.epoch import Logs


class CarryOver(keras.callbacks.Callback):  # type: ignore[misc]
    """Has the others go on where they were when the next phase begins.

    Each phase is a `fit` of its own, at whose beginning callbacks forget all they know: CSVLogger
    would empty the log. Those whose memory is about one phase (EarlyStopping waits for this phase's
    loss) do begin anew.

    Args:
        callbacks: The others in the stack.
    """

    def __init__(self, callbacks: Sequence[Any]) -> None:
        super().__init__()
        self._carried = [one for one in callbacks if not callback_state.begins_anew(one)]
        self._states: list[Any] | None = None

    def keep(self) -> None:
        """To be called between two phases."""
        self._states = [callback_state.get_state(one) for one in self._carried]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Puts the states back, after the callbacks have all reset themselves."""
        if self._states is not None:
            for callback, state in zip(self._carried, self._states, strict=True):
                if state is not None:
                    callback_state.set_state(callback, state)
            self._states = None
