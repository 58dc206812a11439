"""Fitting with as large a batch as the memory takes."""

from __future__ import annotations

import dataclasses
import time

from msgspec.structs import replace

from imgclf.callbacks.declared import DeclaredCallbacks
from imgclf.config.network import Network
from imgclf.data.dataset import DataSet
from imgclf.errors import OutOfMemoryError
from imgclf.runs.folder import RunRecord
from imgclf.runs.resume import Plan, latest_commit
from imgclf.system import console
from imgclf.training.fit import Fitted, fit
from imgclf.training.out_of_memory import forget_attempt
from imgclf.training.role import Role
from imgclf.training.settings import TrainingSettings


def fit_in_memory(
    network: Network,
    data: DataSet,
    settings: TrainingSettings,
    callbacks: DeclaredCallbacks,
    plan: Plan,
    record: RunRecord,
) -> tuple[Fitted, RunRecord]:
    """Trains; with `batch_size: auto`, goes on with half as many pictures where memory ends.

    Args:
        network: What is trained.
        data: Its pictures.
        settings: How.
        callbacks: As the config declares them.
        plan: From which commit on, and the run, which is told of another batch size.
        record: What the run says of itself.

    Returns:
        What it came to, and the record with the batch size that it ended with.

    Raises:
        OutOfMemoryError: The memory doesn't suffice for the batch size that the config gives, or
            for one picture.
    """
    role, commit, before = Role(), plan.commit, 0.0
    while True:
        began = time.monotonic()
        try:
            fitted = fit(network, data, settings, callbacks, commit, role)
            return dataclasses.replace(fitted, seconds=before + fitted.seconds), record
        except OutOfMemoryError:
            if not settings.may_halve:
                raise
        before += time.monotonic() - began
        too_many, settings = settings.settled.batch_size, settings.with_half_the_batch()
        commit = latest_commit(callbacks.specs, plan.run)
        console.warning(
            f"the memory does not suffice for batches of {too_many} pictures; "
            f"{'starting over' if commit is None else 'going on'} with "
            f"{settings.settled.batch_size}"
        )
        record = replace(record, settled=settings.settled)
        plan.run.write(record)
        forget_attempt()
