"""What the trainer does, from the first connection to the last step. Its Keras runs on JAX."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from imgclf import backend
from imgclf.callbacks.declared import DeclaredCallbacks
from imgclf.config.network import declared_network
from imgclf.config.spec import Spec
from imgclf.data.batch_share import Share
from imgclf.data.dataset import DataSet, of_folder, read_config_dataset
from imgclf.data.given_labels import take_in
from imgclf.data.source import evenly_drawn
from imgclf.distribution.messages import Failure, Job, Task
from imgclf.distribution.processes import Processes
from imgclf.errors import ImgclfError, UsageError
from imgclf.runs.commit_settings import commit_settings
from imgclf.runs.commits import Commit, latest_of_run, write_commit
from imgclf.runs.fingerprint import config_fingerprint
from imgclf.runs.folder import RunFolder, Settled
from imgclf.runs.pinned_labels import pinned_labels
from imgclf.system import console, signals
from imgclf.training.fit import Fitted, fit
from imgclf.training.role import Role
from imgclf.training.settings import training_settings
from imgclf.work_folders import RUNS_DIRECTORY

if TYPE_CHECKING:
    from imgclf.distribution.peers import Peers

Pipe: TypeAlias = "connection.Connection[Any, Any]"

_PR_SET_PDEATHSIG = 1  # of prctl(2)


def work(job: Job, pipe: Pipe) -> None:
    """What the process runs, from its beginning to its end.

    Args:
        job: What it is started with.
        pipe: Takes the launcher's `Task` in process 0; gives "done" or what came in between.
    """
    if sys.platform != "win32":
        os.setsid()  # Ctrl-C is the launcher's to hear
    signals.take_over()
    _end_with_launcher()
    # It ends without clean-up, and TensorFlow leaves what it generates; the launcher removes this.
    tempfile.tempdir = str(job.folder)
    console.use(_own_console(job))
    # Whoever imports Keras from here on gets the one on JAX.
    backend.choose("jax")
    logging.getLogger("jax").setLevel(logging.ERROR)
    from imgclf.distribution.jax_private import speaks_of_a_lost_process
    from imgclf.distribution.peers import Peers

    peers = Peers(job.processes)
    try:
        pipe.send(_train(job, pipe, peers) or "done")
        peers.leave()
    except KeyboardInterrupt:
        pipe.send("stopped")
        peers.leave()
    except ImgclfError as error:
        pipe.send(Failure.of(error))
        peers.leave()  # the others may have found the same, and have yet to say so
    except Exception as error:
        text = str(error)
        lost = job.processes.count > 1 and speaks_of_a_lost_process(text)
        pipe.send(("lost", text) if lost else ("fault", traceback.format_exc()))
    finally:
        # What JAX and TensorFlow do at the end of a process can wait for the lost forever.
        os._exit(0)


def _end_with_launcher() -> None:
    """Nobody is left to stop a trainer whose launcher was killed."""
    if sys.platform == "linux":
        # By the system, for a step that waits for another process may keep all threads waiting.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_wait_for_end_of_launcher, daemon=True).start()


def _wait_for_end_of_launcher() -> None:
    launcher = parent_process()
    assert launcher is not None
    connection.wait([launcher.sentinel])
    os._exit(1)


def _own_console(job: Job) -> console.Console:
    """A console on the launcher's stream, to which from here on nobody else can print."""
    stream = os.fdopen(os.dup(2), "w")
    log = os.open(job.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    return console.Console(stream, terminal=job.terminal, quiet=job.quiet)


def _train(job: Job, pipe: Pipe, peers: Peers) -> Failure | None:
    """Does what there is to do; what keeps all processes from it is returned in each of them."""
    peers.meet()
    pipe.send("met")
    if job.processes.first:
        peers.announce("task", msgspec.to_builtins(pipe.recv()))
    task = Task.read(peers.hear("task"))
    if task.what == "nothing" or task.failure is not None:
        return None if job.processes.first else task.failure
    ready, failure = None, None
    try:
        ready = _prepare(job, task)
    except ImgclfError as error:
        failure = Failure.of(error, f"process {job.processes.index}: ")
    failure = _first_failure(job.processes, failure, peers)
    if failure is not None or ready is None:
        return failure
    _say_how(ready, oversample=job.loaded.config.data.oversample)
    fitted = _fit(job, task, ready)
    if job.processes.first:
        _hand_over(fitted, job.folder)
    return None


@dataclass(frozen=True)
class _Ready:
    """What a process has before it begins."""

    data: DataSet
    share: Share
    commit: Commit | None
    settled: Settled


def _prepare(job: Job, task: Task) -> _Ready:
    """Reads the pictures and the commit, which must be those that process 0 has.

    Raises:
        DataError: The pictures can't be used.
        UsageError: They are others, or the run's folder is not there, or the batches don't divide.
    """
    config = job.loaded.config
    assert task.settled is not None
    share = _use_devices(job.processes, task.settled.batch_size)
    data = read_config_dataset(config.data, of_folder(task.data_fingerprint))
    given = pinned_labels(RunFolder(Path(task.run))) or ()
    data = take_in(data, given, config.data.cache).data
    if data.fingerprint != task.data_fingerprint:
        raise UsageError(
            f"{config.data.directory} holds other pictures than that of process 0",
            "give all processes the same pictures, and the same folder to work in",
        )
    for part, name in ((data.training, "train"), (data.validation, "validate")):
        if not share.usable(len(part)):
            raise UsageError(
                f"{len(part)} pictures to {name} on are fewer than {share.devices} devices"
            )
    commit = _commit(config.callbacks, task) if task.committed is not None else None
    return _Ready(data, share, commit, task.settled)


def _use_devices(processes: Processes, batch_size: int) -> Share:
    """Has Keras divide each batch among the devices of all processes."""
    import jax
    import tensorflow as tf

    from imgclf.backend import keras

    # TensorFlow only makes the batches here, and would take all the memory of the GPUs.
    tf.config.set_visible_devices([], "GPU")
    devices = jax.device_count()
    if jax.local_device_count() * processes.count != devices:
        raise UsageError(
            f"{jax.local_device_count()} devices are here, of {devices} in {processes.count} "
            "processes: each process must have as many as the others"
        )
    if batch_size % devices:
        nearest = max(1, round(batch_size / devices)) * devices
        raise UsageError(
            f"data.batch_size is {batch_size}, which {devices} devices don't divide",
            f"the nearest that they do: --set data.batch_size={nearest}",
        )
    # The source gives each process its share itself.
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    return Share(processes.index, processes.count, devices)


def _commit(callbacks: Sequence[Spec], task: Task) -> Commit:
    run = Path(task.run)
    settings = commit_settings(callbacks, run)
    assert settings is not None
    commit = latest_of_run(settings.directory, run.name)
    if commit is None or (commit.epoch, commit.batch) != task.committed:
        raise UsageError(
            f"{settings.directory} does not hold the state that process 0 goes on from",
            f"all processes must work in the same folder, so that they share {RUNS_DIRECTORY}/",
        )
    return commit


def _first_failure(processes: Processes, ours: Failure | None, peers: Peers) -> Failure | None:
    """What keeps one of the processes from beginning; waits until all have said."""
    peers.announce(f"ready/{processes.index}", {} if ours is None else asdict(ours))
    heard = [peers.hear(f"ready/{index}") for index in range(processes.count)]
    return next((Failure(**one) for one in heard if one), None)


def _say_how(ready: _Ready, *, oversample: bool) -> None:
    share, data, batch = ready.share, ready.data, ready.settled.batch_size
    console.note(
        f"{_counted(share.count, 'process', 'es')} with {_counted(share.devices, 'device')}: "
        f"{batch // share.devices} of each {batch} pictures go to each device"
    )
    drawn = evenly_drawn(data.training.labels) if oversample else len(data.training)
    left = [
        f"{count - share.usable(count)} of {count} {name} pictures"
        for count, name in ((drawn, "training"), (len(data.validation), "validation"))
        if share.usable(count) < count
    ]
    if left:
        console.note(f"left out of each epoch, so that the devices get the same: {', '.join(left)}")


def _counted(number: int, what: str, ending: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else ending}"


def _fit(job: Job, task: Task, ready: _Ready) -> Fitted:
    from imgclf.distribution.peers import StopTogether, TrainersStop

    us, config = job.processes, job.loaded.config
    stop = TrainersStop(alone=us.count == 1)
    return fit(
        declared_network(job.loaded, len(ready.data.folder.class_names)),
        ready.data,
        training_settings(config, ready.settled, summary=task.summary and us.first),
        DeclaredCallbacks(
            config.callbacks,
            job.loaded.file,
            Path(task.run),
            config_fingerprint(config),
        ),
        ready.commit,
        Role(
            share=ready.share,
            writes=us.first,
            stop=stop,
            callbacks=(StopTogether(stop),) if us.count > 1 else (),
        ),
    )


def _hand_over(fitted: Fitted, folder: Path) -> None:
    """Leaves the weights for the launcher, in the form of a commit, which is checked when read."""
    write_commit(
        folder / "fitted",
        Commit(
            epoch=fitted.published_epoch,
            batch=0,
            stopped=True,
            fingerprint={},
            variables={"weights": fitted.weights.arrays},
            callbacks={
                "History": {"history": fitted.history},
                "Fitted": {
                    "published_epoch": fitted.published_epoch,
                    "fine_tuned_after": fitted.fine_tuned_after,
                    "averaged": fitted.averaged,
                    "head_only": fitted.weights.head_only,
                    "cut": fitted.weights.cut,
                    "seconds": fitted.seconds,
                },
            },
        ),
    )
