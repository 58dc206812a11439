"""What the launcher does: starts the trainer, hears signals, and says how it ended."""

from __future__ import annotations

import importlib.util
import multiprocessing
import re
import signal
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from imgclf.config.loaded import LoadedConfig
from imgclf.data.dataset import DataSet
from imgclf.distribution.messages import START_ALL, Failure, Job, Task
from imgclf.distribution.processes import Processes
from imgclf.errors import LostError, UsageError
from imgclf.runs.commit_settings import commit_settings
from imgclf.runs.commits import load_latest, remove_commits
from imgclf.runs.resume import Plan
from imgclf.system import console
from imgclf.system.files import temporary_files
from imgclf.system.signals import StopRequest, TerminateSignal
from imgclf.training.fit import Fitted
from imgclf.training.networks import TrainedWeights
from imgclf.training.settings import TrainingSettings

_EXTRA = "pip install 'imgclf[distributed]'"
_KEPT = "what was committed is kept"
# What JAX writes when it ends the process, and the number of whoever it misses.
_FATAL = "JAX distributed service detected fatal errors"
_MISSED = re.compile(r"task[:/](\d+)[^.]*(?:unhealthy|heartbeat|disconnect)|/task:(\d+)")
_PATIENCE = 10.0  # seconds


class TrainerProcess:
    """The process that trains, beside this one; JAX may end it at any time.

    Args:
        loaded: What is trained.
        processes: Which of the processes this is.

    Raises:
        UsageError: JAX is not installed.
    """

    def __init__(self, loaded: LoadedConfig, processes: Processes) -> None:
        if importlib.util.find_spec("jax") is None:
            raise UsageError("training.distribution: data_parallel needs JAX", _EXTRA)
        self._loaded = loaded
        self._processes = processes

    def __enter__(self) -> TrainerProcess:
        with ExitStack() as opened:
            self._folder = opened.enter_context(temporary_files())
            self._start()
            self._opened = opened.pop_all()
        return self

    def _start(self) -> None:
        from imgclf.distribution.trainer import work

        # Not forked: JAX and TensorFlow can't be, and the one must not see the other's Keras.
        context = multiprocessing.get_context("spawn")
        self._pipe: Any  # a Connection, which has another class on Windows
        self._pipe, theirs = context.Pipe()
        ours = console.current()
        quiet = ours.quiet or not self._processes.first
        job = Job(self._loaded, self._processes, self._folder, quiet, ours.terminal)
        self._process = context.Process(target=work, args=(job, theirs), name="imgclf trainer")
        self._process.start()
        theirs.close()
        self._asked = self._met = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not self._asked and self._processes.first:
            self._pass_on(error)
        if not isinstance(error, KeyboardInterrupt):
            self._process.join(_PATIENCE)  # it may have to see that the others have heard
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._pipe.close()
        self._opened.close()

    def fit(self, plan: Plan, data: DataSet, settings: TrainingSettings) -> Fitted:
        """Has all processes train; see `training.fit`. For the first process.

        Raises:
            LostError: Another process is gone, or the trainer itself.
            KeyboardInterrupt: Somebody asked one of the processes to stop.
        """
        commit = plan.commit
        self._ask(
            Task(
                "train",
                run=str(plan.run.path),
                data_fingerprint=data.fingerprint,
                settled=settings.settled,
                committed=None if commit is None else (commit.epoch, commit.batch),
                summary=settings.summary,
            )
        )
        self._wait()
        return self._fitted(plan)

    def do_nothing(self) -> None:
        """Has all processes end, for there is nothing to do. For the first process."""
        self._ask(Task("nothing"))
        self._wait()

    def take_part(self) -> None:
        """Does as the first process says. For the others."""
        self._wait()

    def _ask(self, task: Task) -> None:
        self._asked = True
        try:
            self._pipe.send(task)
        except OSError:
            self._wait()  # which says why it is gone

    def _pass_on(self, error: BaseException) -> None:
        """Tells the others why process 0 ends before it has begun."""
        try:
            self._pipe.send(Task("failed", failure=Failure.of(error, "process 0 has ended: ")))
        except OSError:
            return

    def _wait(self) -> None:
        """Until the trainer has done its part; the first signal is passed on, the second raises."""
        stop, told = StopRequest(), False
        with stop.listening():
            while True:
                if stop.signal is not None and not told:
                    self._process.terminate()
                    told = True
                if not self._pipe.poll(0.2):
                    continue
                try:
                    message = self._pipe.recv()
                except (EOFError, OSError):  # it is gone
                    self._process.join()
                    stop.obey()
                    raise self._lost(None) from None
                match message:
                    case "met":
                        self._met = True
                    case "done":
                        break
                    case "stopped":
                        stop.obey()
                        raise TerminateSignal  # somebody asked another process
                    case Failure() as failure:
                        raise failure.error()
                    case ("lost", text):
                        raise self._lost(text)
                    case ("fault", text):
                        raise RuntimeError(f"in the process that trains:\n{text}")

    def _lost(self, reason: str | None) -> LostError:
        us = self._processes
        if not self._met and us.count > 1:
            return LostError(
                f"the {us.count} processes did not come together at {us.address}",
                START_ALL,
            )
        log = (self._folder / "log").read_text(errors="replace")
        code = self._process.exitcode or 0
        if reason is None and us.count > 1 and _FATAL in log:
            reason = log
        if reason is None:
            how = signal.Signals(-code).name if code < 0 else f"status {code}"
            hint = "; the system does that where memory runs out" if how == "SIGKILL" else ""
            message = f"the worker of process {us.index} was ended by {how}{hint}"
        else:
            missed = self._missed(reason + log)
            who = "another process" if missed is None else f"process {missed}"
            message = f"{who} of {us.count} is gone, so process {us.index} has ended"
        return LostError(f"{message}; {_KEPT}", "to go on, start all processes again, as before")

    def _missed(self, text: str) -> int | None:
        """Which process JAX says it misses; of two, the other."""
        if self._processes.count == 2:
            return 1 - self._processes.index
        if "Failed to send RPC to coordination service" in text and not self._processes.first:
            return 0
        numbers = {int(one or other) for one, other in _MISSED.findall(text)}
        numbers.discard(self._processes.index)
        return numbers.pop() if len(numbers) == 1 else None

    def _fitted(self, plan: Plan) -> Fitted:
        """What the trainer has left."""
        result = load_latest(self._folder / "fitted")
        if result is None:
            raise RuntimeError("the process that trains has left no weights")
        told = result.callbacks["Fitted"]
        return Fitted(
            TrainedWeights(list(result.variables["weights"]), told["head_only"], told["cut"]),
            None,  # all of the augmentation is shown as Keras does it
            result.history,
            told["published_epoch"],
            told["fine_tuned_after"],
            told["averaged"],
            told["seconds"],
            lambda: self._finished(plan),
        )

    def _finished(self, plan: Plan) -> None:
        settings = commit_settings(self._loaded.config.callbacks, plan.run.path)
        if settings is not None and settings.delete_at_end:
            remove_commits(settings.directory)
