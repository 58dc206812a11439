"""The last callback of the stack: commits where the training stands, and goes on from there.

What takes the place of Keras's BackupAndRestore. A training that was killed and resumed ends
with the same weights, log and history, bit for bit, as one that never was.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.callbacks import callback_state
from imgclf.callbacks.epoch import Logs, SetEpoch
from imgclf.errors import UsageError
from imgclf.runs.commits import (
    Commit,
    remove_commits,
    remove_unfinished,
    write_commit,
)
from imgclf.runs.packing import Arrays
from imgclf.system import console


class CommittedState(keras.callbacks.Callback):  # type: ignore[misc]
    """Commits after every epoch and, if asked, every so many batches.

    Args:
        directory: Where the commits are written; see `commits`.
        callbacks: The others in the stack, whose states are part of a commit.
        set_epoch: Has the source leave out batches where an epoch is resumed in its middle, and
            knows which phase the training is in.
        fingerprint: What the training is made of; kept in each commit for who looks for
            one to go on from.
        every_batches: Commit also after each so many batches of an epoch.
        delete_at_end: Remove the commits when `finished` is called.
        writes: Whether this process writes the commits; of several that train together one does,
            and the others go on from what it has written.
    """

    def __init__(
        self,
        directory: Path,
        callbacks: Sequence[Any],
        *,
        set_epoch: SetEpoch,
        fingerprint: Mapping[str, str] | None = None,
        every_batches: int | None = None,
        delete_at_end: bool = False,
        writes: bool = True,
    ) -> None:
        super().__init__()
        self.directory = directory
        self.fingerprint = dict(fingerprint or {})
        self.every_batches = every_batches
        self.delete_at_end = delete_at_end
        self._writes = writes
        self._named = callback_state.names(list(callbacks))
        self._set_epoch = set_epoch
        self._resumed: Commit | None = None
        self._epoch = 0
        self._batches_before = 0
        self._batches_committed = 0
        self._began = time.monotonic()
        self._seconds_before: float | None = 0.0

    def restore(self, commit: Commit, model: Any) -> None:
        """Puts a commit's values into a compiled model; the callbacks follow when `fit` begins.

        Raises:
            UsageError: The model is not the one that was committed.
        """
        model.optimizer.build(model.trainable_variables)
        for group, variables in _variables(model).items():
            if group != "metrics":  # not built yet, and reset at the beginning of each epoch
                _assign(group, variables, commit.variables[group])
        self._resumed = commit
        self._seconds_before = commit.seconds

    def keep_state_of(self, callback: Any) -> None:
        """Has one more callback's state be a part of the commits."""
        self._named |= callback_state.names([callback])

    def finished(self) -> None:
        """To be called when the trained model is safe elsewhere.

        Not done in `on_train_end`, as Keras does: between it and the published model the
        commits are all there is.
        """
        if self.delete_at_end:
            remove_commits(self.directory)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Puts the callbacks' states back, after they have all reset themselves."""
        if self._writes:
            remove_unfinished(self.directory)
        if self._resumed is None:
            return
        for name, callback in self._named.items():
            if callback_state.forgets(callback):
                console.note(f"{name} offers no get_state and set_state, so it starts anew")
        self._set_callbacks(self._resumed)
        if self._resumed.batch == 0:
            self._resumed = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """In an epoch that is resumed in its middle, undoes what the others did at its beginning.

        They did it when the epoch first began; the learning rate, say, must not be lowered twice.
        """
        self._epoch = epoch
        self._batches_before = 0
        if self._resumed is not None:
            for group, variables in _variables(self.model).items():
                _assign(group, variables, self._resumed.variables[group])
            self._set_callbacks(self._resumed)
            self._batches_before = self._resumed.batch
            self._resumed = None
            self._set_epoch.skip(self._batches_before)
        self._batches_committed = self._batches_before

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Commits inside the epoch, but not at its last batch: its end is about to be committed."""
        self._set_epoch.end_if_done(batch)
        if self.every_batches is None:
            return
        done = self._batches_before + batch + 1
        if done // self.every_batches > self._batches_committed // self.every_batches:
            self.commit_inside_epoch(batch)

    def commit_inside_epoch(self, batch: int) -> int | None:
        """Commits after a batch, if the epoch can be gone on with there.

        Args:
            batch: As Keras counts it, from where the epoch was resumed.

        Returns:
            How many batches of the epoch are done; None if nothing was committed because the
            epoch is about to end.
        """
        steps = self.params["steps"]  # None if Keras can't know; then only epochs are committed
        done = self._batches_before + batch + 1
        if self.model.stop_training or steps is None or done >= steps:
            return None
        if done > self._batches_committed:
            self._batches_committed = done
            self.commit(self._epoch, done)
        return done

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Commits the epoch."""
        self.commit(epoch + 1, 0)

    def commit(self, epoch: int, batch: int) -> None:
        """Writes a commit, unless the weights are not all numbers: the one before is better.

        Args:
            epoch: The epoch to go on in.
            batch: How many of its batches are done.
        """
        if not self._writes:
            return
        variables: dict[str, Arrays] = {}
        for group, present in _variables(self.model).items():
            if group != "metrics" or batch > 0:
                variables[group] = [keras.ops.convert_to_numpy(one) for one in present]
        if not all(np.isfinite(weight).all() for weight in variables["weights"]):
            return
        before = self._seconds_before
        states = {name: callback_state.get_state(one) for name, one in self._named.items()}
        write_commit(
            self.directory,
            Commit(
                epoch=epoch,
                batch=batch,
                stopped=bool(self.model.stop_training),
                fingerprint=self.fingerprint,
                variables=variables,
                callbacks={name: state for name, state in states.items() if state is not None},
                phase=self._set_epoch.phase,
                phase_began=self._set_epoch.phase_began,
                seconds=None if before is None else before + time.monotonic() - self._began,
            ),
        )

    def _set_callbacks(self, commit: Commit) -> None:
        for name, callback in self._named.items():
            if name in commit.callbacks:
                callback_state.set_state(callback, commit.callbacks[name])


def _variables(model: Any) -> dict[str, list[Any]]:
    """All that training changes, in an order that is the same in the next process.

    Not by path: Keras numbers its names anew for each model in a process. The states of the
    seed generators are in `variables` but not in `weights`.
    """
    weights = model.weights
    known = {id(variable) for variable in weights}
    return {
        "weights": weights,
        "optimizer": model.optimizer.variables,
        "seeds": [variable for variable in model.variables if id(variable) not in known],
        "metrics": model.metrics_variables,
    }


def _assign(group: str, variables: list[Any], values: Arrays) -> None:
    present = [(tuple(one.shape), keras.backend.standardize_dtype(one.dtype)) for one in variables]
    committed = [(value.shape, value.dtype.name) for value in values]
    if present != committed:
        raise UsageError(
            f"the committed state is of another model: its {group} have other shapes",
            "start over with --fresh",
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
