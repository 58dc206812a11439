"""What the trainers of one training tell each other, beside the gradients.

All of it goes through the service that JAX starts in process 0; see `jax_private`.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs
from imgclf.distribution import jax_private
from imgclf.distribution.messages import START_ALL
from imgclf.distribution.processes import Processes
from imgclf.errors import LostError, first_line
from imgclf.system.signals import StopRequest

# JAX's 100 s would break the promise that a lost process ends the others within a minute.
_SILENCE = 20  # seconds
_FOR_ALL_TO_COME = 300  # seconds; machines may have to be started first
_FOR_WORK = 24 * 3600 * 1000  # milliseconds; process 0 may have to decode very many pictures


class Peers:
    """The trainers of one training, of which this process is one.

    Args:
        processes: Who it is, and how many there are.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._said: dict[str, dict[str, Any]] = {}  # to oneself

    def meet(self) -> None:
        """Waits until all are there.

        Raises:
            LostError: They did not come.
        """
        us = self._processes
        if us.count == 1:
            return
        jax_private.run_one_step_at_a_time()
        try:
            # Not by `keras.distribution.initialize`, which has no argument for the silence.
            jax.distributed.initialize(
                us.address,
                us.count,
                us.index,
                cluster_detection_method="deactivate",  # it warns where it finds half a cluster
                initialization_timeout=_FOR_ALL_TO_COME,
                heartbeat_timeout_seconds=_SILENCE,
                shutdown_timeout_seconds=_SILENCE,
            )
        except (RuntimeError, ValueError) as error:  # JAX's own is a RuntimeError
            raise LostError(
                f"the {us.count} processes did not come together at {us.address} "
                f"({first_line(error)[:200]})",
                START_ALL,
            ) from error

    def announce(self, name: str, message: Mapping[str, Any]) -> None:
        """Tells all of them something, once."""
        if self._processes.count == 1:
            self._said[name] = dict(message)
            return
        jax_private.tell(f"imgclf/{name}", json.dumps(message))

    def hear(self, name: str) -> dict[str, Any]:
        """What somebody announced, or will."""
        if self._processes.count == 1:
            return self._said[name]
        heard: dict[str, Any] = json.loads(jax_private.wait_for(f"imgclf/{name}", _FOR_WORK))
        return heard

    def leave(self) -> None:
        """Waits until all are ready to leave, so that nobody takes the first one for lost."""
        if self._processes.count > 1:
            jax.distributed.shutdown()


class TrainersStop(StopRequest):
    """In a trainer: the launcher has heard the signal, and has said so.

    Args:
        alone: There are no others to agree with.
    """

    def __init__(self, *, alone: bool) -> None:
        super().__init__(says_so=False)
        self._alone = alone

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listens for SIGTERM, unless JAX does."""
        if not self._alone:
            yield
            return
        with super().listening():
            yield


class StopTogether(keras.callbacks.Callback):  # type: ignore[misc]
    """Has all processes stop after the same step, whichever of them was asked to.

    Args:
        stop: Told when that step is done.
    """

    def __init__(self, stop: StopRequest) -> None:
        super().__init__()
        self._stop = stop
        self._step = 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Asks after each step."""
        self._ask()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """The validation is a step, too."""
        self._ask()

    def _ask(self) -> None:
        self._step += 1
        if jax_private.stop_is_agreed(self._step):
            self._stop.signal = signal.SIGTERM
