"""Which process does what: whether one trains along, or has one beside it that trains."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

from imgclf.config.loaded import LoadedConfig
from imgclf.distribution.launcher import TrainerProcess
from imgclf.distribution.processes import find_processes
from imgclf.system.signals import ended_by


def take_part(loaded: LoadedConfig) -> bool:
    """Trains along with a process that does the rest, if the environment says so.

    Args:
        loaded: What is trained.

    Returns:
        Whether it did; else this is the process that does the rest, or the only one.

    Raises:
        UsageError: See `find_processes` and `TrainerProcess`.
        LostError: Another process is gone.
    """
    if loaded.config.training.distribution == "none":
        return False
    processes = find_processes(os.environ)
    if processes.first:
        return False
    try:
        with TrainerProcess(loaded, processes) as trainer:
            trainer.take_part()
    except KeyboardInterrupt as error:
        raise ended_by(error, "; what was trained is kept") from None
    return True


def trainer_process(loaded: LoadedConfig) -> AbstractContextManager[TrainerProcess | None]:
    """The process that trains, if the training is one for several devices or processes.

    Args:
        loaded: What is trained.

    Raises:
        UsageError: See `find_processes` and `TrainerProcess`.
    """
    if loaded.config.training.distribution == "none":
        return nullcontext()
    return TrainerProcess(loaded, find_processes(os.environ))
