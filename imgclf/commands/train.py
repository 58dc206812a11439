"""Training: read the config and the pictures, fit, publish the best epoch's model."""

from __future__ import annotations

import dataclasses
import os
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from imgclf.commands.publish import Published, publish, score_test_part
from imgclf.config.load import load_config
from imgclf.config.loaded import LoadedConfig
from imgclf.config.network import Network, declared_network
from imgclf.corrections.replay_memory import DEFAULT_BYTES
from imgclf.data.dataset import DataSet, read_config_dataset
from imgclf.distribution.launcher import Worker
from imgclf.distribution.processes import find_processes
from imgclf.errors import ImgclfError, OutOfMemoryError
from imgclf.model_file.archive import MODELS_DIRECTORY
from imgclf.model_file.versions import versions
from imgclf.report.curves import draw_curves
from imgclf.report.run_facts import gather_facts
from imgclf.report.run_page import write_report
from imgclf.runs.folder import RUNS_DIRECTORY, RunFolder, RunRecord
from imgclf.runs.resume import Plan, begins_anew, latest_commit, plan_training
from imgclf.system import console
from imgclf.system.lock import lock
from imgclf.system.signals import StopRequest, ended_by
from imgclf.training.fit import Fitted, fit, forget_attempt, settle

if TYPE_CHECKING:
    from imgclf.model_file.manifest import Manifest

# `imgclf runs` holds the lock for a moment to see whether somebody trains.
_PATIENCE = 1.0


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        outcome: "unchanged" if there was nothing to do.
        record: What was run and what it scores.
        model: The published model file.
        seconds: What fitting took; 0 if there was nothing to do.
        tensorboard: Where its files are; None if it is turned off, or there was nothing to do.
        replaced: The version that was in use before; None if there was none.
    """

    outcome: Literal["trained", "resumed", "unchanged"]
    run: RunFolder
    record: RunRecord
    model: Path
    seconds: float = 0.0
    tensorboard: Path | None = None
    replaced: Manifest | None = None


def train(
    config_path: Path,
    overrides: Sequence[str] = (),
    *,
    fresh: bool = False,
    replay_memory: int = DEFAULT_BYTES,
    show_summary: Callable[[str], None] | None = None,
) -> Trained:
    """Trains the model that a config declares; as repeatable as make.

    An interrupted training goes on where it was; if nothing has changed since a finished one,
    nothing is done; a finished one that is given more epochs is extended; otherwise it is a new
    run. See `resuming`.

    Args:
        config_path: The YAML file.
        overrides: `key=value` each, before the file's values.
        fresh: Start a new run whatever there is.
        replay_memory: Bytes of pictures to keep beside the model for corrections; 0 for none.
        show_summary: Is given `model.summary()` before training.

    Raises:
        ConfigError: With all the problems there are.
        DataError: The pictures can't be used.
        BusyError: The same config is being trained by another process.
        LostError: A process that trains along is gone.
        UsageError: The interrupted run was another training than this; or the loss is no number
            any more, or the memory does not suffice.
        WriteError: The disk is full, say; the same command goes on later.
        Interrupted: Ctrl-C; what was trained is kept.
        Terminated: SIGTERM; likewise.
    """
    loaded = load_config(config_path, overrides)
    model_path = MODELS_DIRECTORY / f"{loaded.name}.keras"
    options = "".join(f" --set {shlex.quote(override)}" for override in overrides)
    if replay_memory != DEFAULT_BYTES:
        options += f" --replay-memory {replay_memory}"
    command = f"imgclf train {shlex.quote(str(config_path))}{options}"
    try:
        with _front(loaded) as worker, lock(RUNS_DIRECTORY / loaded.name, _PATIENCE):
            data = _read_pictures(loaded, anew=begins_anew(loaded, fresh=fresh))
            network = declared_network(loaded, len(data.folder.class_names))
            prints = data.folder.fingerprint()
            plan = plan_training(loaded, prints, fresh=fresh, published=model_path.exists())
            if plan.what == "nothing" and plan.record is not None:
                if worker is not None:
                    worker.do_nothing()
                return Trained("unchanged", plan.run, plan.record, model_path)
            settled = plan.settled(loaded) or settle(loaded, network, data)
            record = plan.begin(loaded, prints, command, settled)
            if worker is not None:
                fitted = worker.fit(plan, network, data, settled, show_summary)
            else:
                fitted, record = _fit(loaded, network, data, plan, record, show_summary)
            with console.track("writing the model, its LiteRT twin and its replay memory"):
                published = publish(
                    loaded,
                    data,
                    fitted.model,
                    network,
                    model_path,
                    run=plan.run,
                    record=record,
                    replay_memory=replay_memory,
                )
            record = replace(
                published.record,
                status="finished",
                epochs_run=len(fitted.history["loss"]),
                seconds=plan.seconds_in_all(fitted.seconds),
                published_epoch=fitted.published_epoch,
                scores=published.manifest.scores,
                test_scores=score_test_part(model_path, data.test),
                model=str(model_path),
            )
            _report(loaded, data, fitted, plan.run, record, published)
            plan.run.write(record)
            fitted.finished()
    except KeyboardInterrupt as error:
        raise ended_by(error, "; what was trained is kept", f"to go on: {command}") from None
    outcome: Literal["trained", "resumed"] = "trained" if plan.commit is None else "resumed"
    board = _tensorboard(loaded, plan.run)
    earlier = [one for _, one in versions(model_path) if one.version < published.manifest.version]
    replaced = earlier[-1] if earlier else None
    return Trained(outcome, plan.run, record, model_path, fitted.seconds, board, replaced)


def take_part(config_path: Path, overrides: Sequence[str] = ()) -> bool:
    """Trains along with a process that does the rest, if the environment says so.

    Args:
        config_path: As for `train`.
        overrides: As for `train`.

    Returns:
        Whether it did; else this is the process that does the rest, or the only one.

    Raises:
        ConfigError, UsageError: See `train`, `find_processes` and `Worker`.
        LostError: Another process is gone.
    """
    loaded = load_config(config_path, overrides)
    if loaded.config.training.distribution == "none":
        return False
    processes = find_processes(os.environ)
    if processes.first:
        return False
    try:
        with Worker(loaded, processes) as worker:
            worker.take_part()
    except KeyboardInterrupt as error:
        raise ended_by(error, "; what was trained is kept") from None
    return True


def _front(loaded: LoadedConfig) -> AbstractContextManager[Worker | None]:
    """The worker, if the training is one for several devices or processes."""
    if loaded.config.training.distribution == "none":
        return nullcontext()
    return Worker(loaded, find_processes(os.environ))


def _tensorboard(loaded: LoadedConfig, run: RunFolder) -> Path | None:
    if loaded.config.callback_off("TensorBoard"):
        return None
    named = (spec.arguments.get("log_dir") for spec in loaded.config.callbacks_named("TensorBoard"))
    given = next(filter(None, named), None)
    return run.tensorboard if given is None else Path(given).expanduser()


def _read_pictures(loaded: LoadedConfig, *, anew: bool) -> DataSet:
    """Reads them; imports Keras meanwhile, unless it may turn out that there is nothing to do."""
    found = read_config_dataset(loaded.config.data, _import_keras, surely=anew)
    folder = found.folder
    console.note(
        f"{len(folder.class_names)} classes ({', '.join(folder.class_names[:10])}"
        f"{', ...' if len(folder.class_names) > 10 else ''}): {len(found.training)} pictures to "
        f"train on, {len(found.validation)} to validate on"
        + (f", {len(found.test)} to test on" if len(found.test) else "")
    )
    for skipped in folder.skipped[:10]:
        console.warning(f"left out {skipped.path}: {skipped.reason}")
    if len(folder.skipped) > 10:
        console.warning(f"left out {len(folder.skipped) - 10} more files")
    return found


def _import_keras() -> None:
    """Seconds on one core, which threads that decode leave idle half of the time."""
    from imgclf.backend import keras  # noqa: F401


def _fit(
    loaded: LoadedConfig,
    network: Network,
    data: DataSet,
    plan: Plan,
    record: RunRecord,
    show_summary: Callable[[str], None] | None,
) -> tuple[Fitted, RunRecord]:
    """Trains; with `batch_size: auto`, goes on with half as many pictures where memory ends."""
    stop, run, commit, before = StopRequest(), plan.run, plan.commit, 0.0
    while True:
        assert record.settled is not None
        began = time.monotonic()
        try:
            fitted = fit(
                loaded,
                network,
                data,
                run.path,
                commit,
                record.settled,
                stop,
                show_summary=show_summary,
            )
            return dataclasses.replace(fitted, seconds=before + fitted.seconds), record
        except OutOfMemoryError:
            if loaded.config.data.batch_size != "auto" or record.settled.batch_size == 1:
                raise
        before += time.monotonic() - began
        half = record.settled.batch_size // 2
        commit = latest_commit(loaded, run)
        console.warning(
            f"the memory does not suffice for batches of {record.settled.batch_size} pictures; "
            f"{'starting over' if commit is None else 'going on'} with {half}"
        )
        record = replace(record, settled=replace(record.settled, batch_size=half))
        run.write(record)
        forget_attempt()
        show_summary = None


def _report(
    loaded: LoadedConfig,
    data: DataSet,
    fitted: Fitted,
    run: RunFolder,
    record: RunRecord,
    published: Published,
) -> None:
    """Draws and writes what people look at; the model is safe by now, and stays so."""
    draw_curves(fitted.history, run.curves, fitted.published_epoch)
    try:
        facts = gather_facts(
            loaded,
            data,
            fitted.model,
            fitted.resampling,
            run=run,
            record=record,
            manifest=published.manifest,
            history=fitted.history,
            probabilities=published.probabilities,
        )
        write_report(facts)
    except ImgclfError:
        raise
    except Exception as error:  # the training is none the worse for a page that can't be made
        console.warning(f"no report: {type(error).__name__}: {error}")
