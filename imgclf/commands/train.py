"""Training: read the config and the pictures, fit, publish the best epoch's model."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from imgclf.backbones.views import without_a_part
from imgclf.backend import keras_importing
from imgclf.callbacks.declared import DeclaredCallbacks
from imgclf.commands.describe import describe
from imgclf.commands.fit_in_memory import fit_in_memory
from imgclf.commands.publish import Made, publish, publish_refused
from imgclf.commands.report_training import report_training
from imgclf.commands.training_corrections import Watched, doubts, take_in_corrections, watch
from imgclf.commands.training_pictures import read_pictures, warn_of_the_worst
from imgclf.config.callback_catalogue import output_of
from imgclf.config.class_weight import check_class_weight
from imgclf.config.load import load_config
from imgclf.config.loaded import LoadedConfig
from imgclf.config.network import Network, declared_network
from imgclf.config.overrides import as_overrides
from imgclf.config.schema import Config
from imgclf.corrections.familiar_pictures import FeaturesOfSome
from imgclf.corrections.feature_memory import FeatureMemory, choose_features
from imgclf.corrections.replay_memory import DEFAULT_BYTES, choose_memory
from imgclf.data.configured_folder import require_folder
from imgclf.data.dataset import DataSet
from imgclf.distribution.launcher import TrainerProcess
from imgclf.distribution.taking_part import trainer_process
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.scorings import note_scoring
from imgclf.model_file.versions import versions
from imgclf.report.gather import Outcome
from imgclf.runs.earlier import look_back
from imgclf.runs.fingerprint import config_fingerprint
from imgclf.runs.folder import RunFolder, RunRecord, failure_noted
from imgclf.runs.pinned_labels import pin_labels
from imgclf.runs.resume import plan_training
from imgclf.runs.written_before import refuse_to_replace
from imgclf.system import console, time_limit
from imgclf.system.lock import lock
from imgclf.system.signals import end_explained
from imgclf.system.time_limit import TimeLimit, within
from imgclf.training.auto import settle
from imgclf.training.lower_maps import lower_maps
from imgclf.training.memory_needed import refuse_beyond_memory
from imgclf.training.networks import published_network
from imgclf.training.settings import training_settings
from imgclf.training.settled_config import settled_config
from imgclf.training.transfer import FrozenFeatures, frozen_features, head_outputs
from imgclf.work_folders import MODELS_DIRECTORY, RUNS_DIRECTORY

# `imgclf runs` holds the lock for a moment to see whether somebody trains.
_PATIENCE = 1.0
# Pictures on which the published model's LiteRT graph is compared with Keras.
_COMPARED = 4


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        outcome: "unchanged" if there was nothing to do, "published" if that was all.
        record: What was run and what it scores.
        model: The published model file, or that in the run's folder if it was refused, which
            the record then says.
        seconds: What fitting took; 0 if there was nothing to do.
        tensorboard: Where its files are; None if it is turned off, or there was nothing to do.
        replaced: The version that was in use before; None if there was none.
        watched: What it says of the pictures that people corrected.
    """

    outcome: Literal["trained", "resumed", "published", "unchanged"]
    run: RunFolder
    record: RunRecord
    model: Path
    seconds: float = 0.0
    tensorboard: Path | None = None
    replaced: Manifest | None = None
    watched: Watched = field(default_factory=Watched)


def train(
    config: str | Path,
    overrides: Sequence[str] | Mapping[str, object] = (),
    *,
    fresh: bool = False,
    replay_memory: int = DEFAULT_BYTES,
    summary: bool = False,
    began: float | None = None,
) -> Trained:
    """Trains the model that a config declares; as repeatable as make.

    An interrupted training goes on where it was; if nothing has changed since a finished one,
    nothing is done; a finished one that is given more epochs is extended; otherwise it is a new
    run. See `runs.resume`.

    Args:
        config: The YAML file.
        overrides: `{"training.epochs": 5}`, or `key=value` each as on the command line; before the
            file's values.
        fresh: Start a new run whatever there is.
        replay_memory: Bytes of pictures to keep beside the model for corrections; 0 for none.
        summary: Note the network's layers before training.
        began: Since when a time budget runs, as `time.monotonic()` counts; None since now.

    Returns:
        What came of it: `model` is where the model lies, `record.scores` how it does on the
        validation pictures, `record.refusal` why it did not replace the one in use.

    Raises:
        ConfigError: With all the problems there are.
        DataError: The pictures can't be used.
        BusyError: The same config is being trained by another process.
        LostError: A process that trains along is gone.
        UsageError: The interrupted run was another training than this; or the loss is no number
            any more, or the memory or the time does not suffice.
        WriteError: The disk is full, say; the same command goes on later.
        KeyboardInterrupt: Ctrl-C; what was committed is kept, and the same call goes on. For the
            command line it is `Interrupted`, or `Terminated` for SIGTERM.
    """
    began = time.monotonic() if began is None else began
    return train_loaded(
        load_config(Path(config), as_overrides(overrides)),
        fresh=fresh,
        replay_memory=replay_memory,
        summary=summary,
        began=began,
    )


def train_loaded(
    loaded: LoadedConfig,
    *,
    fresh: bool = False,
    replay_memory: int = DEFAULT_BYTES,
    summary: bool = False,
    began: float | None = None,
) -> Trained:
    """As `train`, for who has read the config already."""
    budget = loaded.config.training.time_budget
    limit = None
    if budget is not None:
        limit = TimeLimit(budget, time.monotonic() if began is None else began)
    command = _command(loaded, replay_memory)
    with (
        end_explained("; what was trained is kept", f"to go on: {command}"),
        trainer_process(loaded) as trainer,
        lock(RUNS_DIRECTORY / loaded.name, _PATIENCE),
        ExitStack() as until_done,
        within(limit),
    ):
        return _train(loaded, command, trainer, fresh, replay_memory, summary, until_done)


def _train(
    loaded: LoadedConfig,
    command: str,
    trainer: TrainerProcess | None,
    fresh: bool,
    replay_memory: int,
    summary: bool,
    until_done: ExitStack,
) -> Trained:
    """Reads, plans, fits, publishes, reports."""
    config, path = loaded.config, MODELS_DIRECTORY / f"{loaded.name}.keras"
    require_folder(loaded)
    refuse_to_replace(loaded)
    # Not while files are only read, if it may turn out that there is nothing to do.
    earlier = None if fresh else look_back(loaded.name, config)
    with keras_importing(needed=earlier is None or earlier.is_another):
        data = read_pictures(config.data, earlier)
        taken = take_in_corrections(config, data, path, earlier)
        data = taken.data
    classes = len(data.folder.class_names)
    network = declared_network(loaded, classes)
    check_class_weight(loaded, data.folder.class_names)
    refuse_beyond_memory(network)
    _refuse_itself(loaded, path)

    pictures = data.fingerprint
    plan = plan_training(loaded.name, config, earlier, pictures, published=path.exists())
    limit = time_limit.current()
    if limit is not None and plan.commit is not None:
        limit.count(plan.commit.seconds_of_budget)
    warn_of_the_worst(loaded, data)
    if plan.what == "nothing" and plan.record is not None:
        if trainer is not None:
            trainer.do_nothing()
        return _already_trained(config, plan.run, plan.record, path)
    features = None
    if network.backbone is not None:
        with keras_importing(needed=True):
            features = frozen_features(network, data, mirrored=limit is None)
        if config.training.fine_tune is None:
            _say_what_has_no_part(network)
    settled = plan.settled(config.data.first_batch_size) or settle(
        network, config, data, None if features is None else features.network
    )
    if trainer is not None and features is not None and settled.cut is not None:
        # Where the graph is gone, Keras on JAX can't make it.
        lower_maps(network, data, features.network, settled.cut)
    config = settled_config(config, settled)
    network = declared_network(dataclasses.replace(loaded, config=config), classes)
    record = plan.begin(loaded, pictures, command, settled)
    pin_labels(plan.run, taken.given)
    until_done.enter_context(failure_noted(plan.run))

    settings = training_settings(config, settled, summary=summary)
    if trainer is not None:
        fitted = trainer.fit(plan, data, settings)
    else:
        callbacks = DeclaredCallbacks(
            config.callbacks, loaded.file, plan.run.path, config_fingerprint(loaded.config)
        )
        fitted, record = fit_in_memory(network, data, settings, callbacks, plan, record)

    with console.track("writing the model, its LiteRT graph and pictures to replay"):
        model = published_network(network, fitted.weights)
        outputs = None if features is None else head_outputs(network, features, fitted.weights)
        described = describe(model, data, loaded.name, loaded.config, outputs)
        manifest = replace(described.manifest, trained_in=settings.settled.precision)
        memory = None
        if replay_memory and not manifest.multi_label:  # which nobody can correct
            names, seed = data.folder.class_names, config.data.seed
            memory = choose_memory(data.training, data.validation, names, seed, replay_memory)
        samples = next(data.validation.batches(_COMPARED))
        graph, remembered, looked_at = None, None, None
        if features is not None and fitted.weights.head_only:  # else they are another network's
            graph = features.network.graph
            looked_at = features.training, features.validation
            if not manifest.multi_label:
                remembered = _features_to_keep(features, data, config.data.seed, replay_memory)
        candidate = described.candidate(data)
        some = FeaturesOfSome(data, config.data.seed, looked_at)
        made = Made(model, manifest, samples, candidate, memory, graph, remembered, some.familiar)
        manifest, record = publish(made, path, plan.run, record, config.training.replace)
    record = replace(
        record,
        status="finished",
        epochs_run=len(fitted.history["loss"]),
        seconds=plan.seconds_in_all(fitted.seconds),
        published_epoch=fitted.published_epoch,
        fine_tuned_after=fitted.fine_tuned_after,
        averaged=fitted.averaged,
        scores=manifest.scores,
        test_scores=described.test_scores(data.test),
    )
    if record.test_scores is not None:
        note_scoring(path, manifest, data.test.pictures, record.test_scores.accuracy, "train")
    looked_at_some = some if network.backbone is not None else None
    outcome = Outcome(
        record, manifest, fitted.history, described.validation, doubts(taken), looked_at_some
    )
    report_training(loaded, data, fitted, model, plan.run, outcome)
    plan.run.write(record)
    fitted.finished()
    watched = watch(Path(record.model or path), taken, plan.run)

    return Trained(
        "trained" if plan.commit is None else "resumed",
        plan.run,
        record,
        Path(record.model or path),
        fitted.seconds,
        _tensorboard(config, plan.run),
        None if record.refusal else _version_before(path, manifest.version),
        watched,
    )


def _already_trained(config: Config, run: RunFolder, record: RunRecord, path: Path) -> Trained:
    """Nothing is left to do, unless the model was refused and is to be published anyway."""
    # Where a version is settled, that was asked for and cut short.
    anyway = config.training.replace == "always" or record.publication is not None
    if record.refusal is None or not anyway:
        return Trained("unchanged", run, record, Path(record.model or path))
    with console.track("publishing the model that was refused"):
        record = publish_refused(path, run, record)
    assert record.publication is not None
    before = _version_before(path, record.publication.version)
    return Trained("published", run, record, path, replaced=before)


def _version_before(path: Path, version: int) -> Manifest | None:
    replaced = [one for one in versions(path) if one.version < version]
    return replaced[-1] if replaced else None


def _refuse_itself(loaded: LoadedConfig, published: Path) -> None:
    """A model that is built on itself would be another training each time."""
    backbone = loaded.config.model.backbone
    if backbone is None or not backbone.is_file:
        return
    if Path(backbone.name).expanduser().resolve() == published.resolve():
        raise loaded.file.refusal(
            "model.backbone",
            "this is the model that the training will replace; give the config another name",
            received=backbone.name,
            allowed=f"name: {loaded.name}-2, say, or another model",
        )


def _features_to_keep(
    features: FrozenFeatures, data: DataSet, seed: int, size: int
) -> FeatureMemory | None:
    if features.network.graph is None:
        return None
    return choose_features(
        (data.training, features.training.values[features.training.rows[0]]),
        (data.validation, features.validation.values[features.validation.rows[0]]),
        features.network.graph,
        data.folder.class_names,
        seed,
        size,
    )


def _say_what_has_no_part(network: Network) -> None:
    names = without_a_part(network.augmentation)
    if names:
        console.note(
            f"augmentation: {', '.join(names)} of no effect while the backbone is not trained; "
            "what it sees of each picture is computed once (training.fine_tune trains it)"
        )


def _command(loaded: LoadedConfig, replay_memory: int) -> str:
    """What to type to go on."""
    options = "".join(f" --set {shlex.quote(override)}" for override in loaded.overrides)
    if replay_memory != DEFAULT_BYTES:
        options += f" --replay-memory {replay_memory}"
    return f"imgclf train {shlex.quote(str(loaded.file.path))}{options}"


def _tensorboard(config: Config, run: RunFolder) -> Path | None:
    declared = config.callbacks_named("TensorBoard")
    if not declared:
        return None if config.callback_off("TensorBoard") else run.tensorboard
    output = output_of("TensorBoard")
    places = [output.place(spec.arguments, run.path) for spec in declared]
    return next((place for place in places if place != run.tensorboard), run.tensorboard)
