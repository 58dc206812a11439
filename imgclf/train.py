"""Training: read the config and the pictures, fit, publish the best epoch's model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml
from msgspec.structs import replace

from imgclf.config import Head, LoadedConfig, load_config, resolve_head
from imgclf.corrections.memory import choose_memory, save_memory
from imgclf.data.dataset import DataSet, Part, read_config_dataset
from imgclf.data.feed import Feed, encode_labels
from imgclf.errors import Interrupted, UsageError
from imgclf.files import atomic_write_text
from imgclf.lock import lock
from imgclf.model.archive import MODELS_DIRECTORY
from imgclf.model.calibration import fit_temperature
from imgclf.model.engine import Classifier, KerasEngine, open_classifier
from imgclf.model.manifest import Decoder, Manifest, Scores, TrainedOn, installed_versions
from imgclf.model.scoring import accuracy_scores
from imgclf.model.versions import keep_version, next_version
from imgclf.report.curves import draw_curves
from imgclf.run_folder import RUNS_DIRECTORY, RunFolder, RunRecord, latest_run, new_run
from imgclf.talk import Talk

if TYPE_CHECKING:
    from imgclf.backend import keras
    from imgclf.callbacks.committed_state import Start
    from imgclf.callbacks.stack import Stack


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        outcome: "unchanged" if there was nothing to do.
        model: The published model file.
        test_scores: On the data set's test part; None if it has none.
        seconds: What fitting took; 0 if there was nothing to do.
    """

    outcome: Literal["trained", "resumed", "unchanged"]
    run: RunFolder
    record: RunRecord
    model: Path
    seconds: float


def train(
    config_path: Path,
    talk: Talk,
    overrides: Sequence[str] = (),
    *,
    fresh: bool = False,
    show_summary: Callable[[str], None] | None = None,
) -> Trained:
    """Trains the model that a config declares; as repeatable as make.

    An interrupted training goes on where it was; if nothing has changed since a finished one,
    nothing is done; otherwise it is a new run.

    Args:
        config_path: The YAML file.
        talk: Where notes and progress go.
        overrides: `key=value` each, before the file's values.
        fresh: Start a new run whatever there is.
        show_summary: Is given `model.summary()` before training.

    Raises:
        ConfigError: With all the problems there are.
        DataError: The pictures can't be used.
        BusyError: The same config is being trained by another process.
        UsageError: The interrupted run was another training than this.
        Interrupted: Ctrl-C; the epochs that were finished are kept.
    """
    loaded = load_config(config_path, overrides)
    model_path = MODELS_DIRECTORY / f"{loaded.name}.keras"
    with lock(RUNS_DIRECTORY / loaded.name):
        data = _read_pictures(loaded, talk)
        head = resolve_head(loaded, len(data.folder.class_names))
        found = None if fresh else latest_run(loaded.name)
        record = found.read() if found else None
        if found and record:
            changed = _changes(loaded, data, found, record)
            if record.status == "finished" and not changed and model_path.exists():
                return Trained("unchanged", found, record, model_path, 0.0)
            if record.status == "running" and changed:
                raise UsageError(
                    f"{found.path} was interrupted, and since then there is another "
                    + ", ".join(changed),
                    f"start over: imgclf train {config_path} --fresh; or put it back as it was",
                )
        resumes = found is not None and record is not None and record.status == "running"
        run = found if resumes and found else new_run(loaded.name, datetime.now())
        try:
            return _fit_and_publish(loaded, head, data, run, model_path, talk, show_summary)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted; {run.path} keeps the epochs that were finished",
                f"to go on: imgclf train {config_path}",
            ) from None


def _read_pictures(loaded: LoadedConfig, talk: Talk) -> DataSet:
    found = read_config_dataset(loaded.config.data, talk)
    folder = found.folder
    talk.note(
        f"{len(folder.class_names)} classes ({', '.join(folder.class_names[:10])}"
        f"{', ...' if len(folder.class_names) > 10 else ''}): {len(found.training)} pictures to "
        f"train on, {len(found.validation)} to validate on"
        + (f", {len(found.test)} to test on" if len(found.test) else "")
    )
    for skipped in folder.skipped[:10]:
        talk.warning(f"left out {skipped.path}: {skipped.reason}")
    if len(folder.skipped) > 10:
        talk.warning(f"left out {len(folder.skipped) - 10} more files")
    return found


def _changes(loaded: LoadedConfig, data: DataSet, run: RunFolder, record: RunRecord) -> list[str]:
    """What differs between an earlier run and what is asked for now, for people to read."""
    changed: list[str] = []
    if run.config_resolved.read_text("utf-8") != loaded.resolved_yaml():
        before = yaml.safe_load(run.config_resolved.read_text("utf-8"))
        now = yaml.safe_load(loaded.resolved_yaml())
        sections = [key for key in now if now[key] != before.get(key)]
        changed.extend(f"config ({section})" for section in sections)
    if record.data_fingerprint != data.folder.fingerprint():
        changed.append("set of pictures")
    return changed


def _fit_and_publish(
    loaded: LoadedConfig,
    head: Head,
    data: DataSet,
    run: RunFolder,
    model_path: Path,
    talk: Talk,
    show_summary: Callable[[str], None] | None,
) -> Trained:
    # Keras's import takes seconds, which a config error or "nothing to do" should not cost.
    from imgclf.backend import keras
    from imgclf.callbacks.stack import build_stack
    from imgclf.model.build import build_model

    training = loaded.config.training
    num_classes = len(data.folder.class_names)
    seed = loaded.config.data.seed if training.seed is None else training.seed
    keras.utils.set_random_seed(seed)
    model = build_model(loaded, head)
    if show_summary is not None:
        model.summary(print_fn=lambda line, line_break=True: show_summary(line))
    feed = _feed(loaded, data.training, head, num_classes, shuffle_seed=seed)
    stack = build_stack(loaded, run.path, talk, feed=feed)
    start = _resume(model, stack, talk)
    first_epoch = 0 if start is None else training.epochs if start.stopped else start.epoch
    _write_beginning(loaded, data, run)

    started = time.monotonic()
    with stack.running():
        history = model.fit(
            feed.dataset(),
            validation_data=_feed(loaded, data.validation, head, num_classes).dataset(),
            epochs=training.epochs,
            initial_epoch=first_epoch,
            callbacks=stack.callbacks,
            shuffle=False,  # the feed shuffles; True makes Keras warn that it can't
            verbose=0,
        ).history
    seconds = time.monotonic() - started

    epochs_run = len(history["loss"])
    published_epoch = epochs_run
    if training.publish == "best" and stack.best.epoch is not None:
        model.set_weights(stack.best.weights)
        published_epoch = stack.best.epoch + 1
    with talk.track("writing the model, its LiteRT twin and its replay memory"):
        manifest = _publish(loaded, data, model, head, model_path)
    record = RunRecord(
        status="finished",
        data_fingerprint=data.folder.fingerprint(),
        epochs_run=epochs_run,
        published_epoch=published_epoch,
        scores=manifest.scores,
        test_scores=_test_scores(model_path, data.test, talk),
        model=str(model_path),
    )
    draw_curves(history, run.curves, published_epoch)
    run.write(record)
    if stack.committed_state is not None:
        stack.committed_state.finished()
    return Trained("trained" if start is None else "resumed", run, record, model_path, seconds)


def _feed(
    loaded: LoadedConfig, part: Part, head: Head, num_classes: int, shuffle_seed: int | None = None
) -> Feed:
    labels = encode_labels(part.labels, head.label_mode, num_classes)
    batch_size = loaded.config.data.batch_size
    return Feed(part.pixels, part.rows, labels, batch_size, shuffle_seed)


def _resume(model: keras.Model, stack: Stack, talk: Talk) -> Start | None:
    """Puts back what an interrupted training committed; None if there is nothing to go on with."""
    state = stack.committed_state
    commit = state.latest() if state is not None else None
    if state is None or commit is None:
        return None
    start = state.restore(commit, model)
    batch = f", batch {start.batch}" if start.batch else ""
    talk.note(f"going on after epoch {start.epoch}{batch}")
    return start


def _write_beginning(loaded: LoadedConfig, data: DataSet, run: RunFolder) -> None:
    atomic_write_text(run.config_as_written, loaded.text)
    atomic_write_text(run.config_resolved, loaded.resolved_yaml())
    run.write(RunRecord(data_fingerprint=data.folder.fingerprint()))


def _publish(
    loaded: LoadedConfig, data: DataSet, trained: keras.Model, head: Head, path: Path
) -> Manifest:
    """Replaces the model in use; the one before is kept among the versions."""
    from imgclf.model.build import build_model, output_activation
    from imgclf.model.keras_file import write_model_file

    # Anew, so that the optimizer's moments, twice the size of the weights, stay out of the file.
    model = build_model(loaded, head)
    model.set_weights(trained.get_weights())
    height, width = loaded.config.data.image_size
    folder = data.folder
    manifest = Manifest(
        name=loaded.name,
        version=next_version(path),
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        class_names=folder.class_names,
        decoder=Decoder(height=height, width=width, resize=loaded.config.data.resize),
        head=output_activation(model),
        config=loaded.config.written(),
        data=TrainedOn(
            directory=str(folder.directory.resolve()),
            fingerprint=folder.fingerprint(),
            training=len(data.training),
            validation=len(data.validation),
        ),
        made_with=installed_versions(),
    )
    classifier = Classifier(manifest, KerasEngine(model))
    probabilities = classifier.probabilities_of(data.validation.batches())
    manifest = replace(
        manifest,
        temperature=fit_temperature(probabilities, data.validation.labels),
        scores=accuracy_scores(probabilities, data.validation.labels, folder.class_names),
    )
    samples = next(data.validation.batches())
    keep_version(path)
    manifest = write_model_file(model, manifest, path, samples)
    save_memory(path, choose_memory(data.training, data.validation, loaded.config.data.seed))
    return manifest


def _test_scores(model: Path, test: Part, talk: Talk) -> Scores | None:
    if not len(test):
        return None
    classifier = open_classifier(model, talk.warning)
    probabilities = classifier.probabilities_of(test.batches())
    return accuracy_scores(probabilities, test.labels, classifier.manifest.class_names, "test")
