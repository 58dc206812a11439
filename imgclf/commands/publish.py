"""Publishing: what a training made becomes the model in use, and the one before is kept."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from imgclf.config.choices import Replace
from imgclf.corrections.feature_memory import (
    FeatureMemory,
    forget_features,
    load_features,
    save_features,
)
from imgclf.corrections.replay_memory import ReplayMemory, forget_memory, load_memory, save_memory
from imgclf.corrections.split_learner import keep_responses
from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError
from imgclf.model.engine import LiteRTFeatures
from imgclf.model.familiar import Familiar
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.held_out import PictureRecords
from imgclf.model_file.lookup import history_directory
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.restamp import copy_with_manifest
from imgclf.model_file.successor import Candidate, compare
from imgclf.model_file.versions import keep_version, next_version
from imgclf.runs.folder import Publication, Refusal, RunFolder, RunRecord
from imgclf.system import console
from imgclf.system.clock import time_with_zone
from imgclf.system.lock import lock

if TYPE_CHECKING:
    from imgclf.backend import keras

# A training that took hours waits a while for somebody who is correcting the model just now.
_PATIENCE = 600.0


@dataclass(frozen=True)
class Made:
    """What a training made.

    Attributes:
        model: What to write.
        manifest: See `imgclf.commands.describe`.
        samples: Pictures to compare the LiteRT graph on, uint8, shape (pictures, height, width, 3).
        candidate: How it does on held-out pictures.
        memory: Pictures to keep for corrections; None for none.
        features_graph: The LiteRT graph of the model's backbone, if there is one already.
        features: Features to keep for corrections; None for none.
        familiar: Gives what features are familiar to it.
    """

    model: keras.Model
    manifest: Manifest
    samples: Pixels
    candidate: Candidate
    memory: ReplayMemory | None
    features_graph: bytes | None
    features: FeatureMemory | None
    familiar: Callable[[LiteRTFeatures], Familiar | None]


def publish(
    made: Made, path: Path, run: RunFolder, record: RunRecord, rule: Replace
) -> tuple[Manifest, RunRecord]:
    """Replaces the model in use, if the new one is not worse; the one before is kept.

    It can be done again after having been cut short, and makes no second version then. If the new
    one is refused, it is written into the run's folder, for `publish_refused`.

    Args:
        made: What to publish.
        path: The model file.
        run: Told which version it becomes, before anything of the model is written.
        record: What the run says of itself.
        rule: Whether the new one is compared with the one in use.

    Returns:
        The manifest as written, and the record with the version in it, or with the refusal.

    Raises:
        BusyError: Somebody has been at work on the model for ten minutes.
        ModelFileError: The model in use is damaged, so its version isn't known.
        WriteError: There is no room for the model.
    """
    with lock(path, _PATIENCE):
        ours = _is_ours(path, record.publication)
        publication = _settle(path, record.publication, ours)
        refusal = None
        if path.exists() and not ours and rule == "if_not_worse":
            refusal = _refusal(path, made.candidate)
        record = replace(
            record,
            publication=publication if refusal is None else None,
            refusal=refusal,
            model=str(path if refusal is None else run.refused_model),
        )
        run.write(record)
        if refusal is not None:
            return _write(made, publication, run.refused_model), record
        made = dataclasses.replace(
            made, manifest=replace(made.manifest, replaced=_replaced(path, ours))
        )
        if not ours:
            keep_version(path)
        manifest = _write(made, publication, path)
    _remove_refused(run)
    return manifest, record


def publish_refused(path: Path, run: RunFolder, record: RunRecord) -> RunRecord:
    """Replaces the model in use by one that was refused, whatever it is like.

    It can be done again after having been cut short, and makes no second version then.

    Args:
        path: The model file.
        run: The training that made it.
        record: What the run says of itself.

    Returns:
        The record with the version in it.

    Raises:
        BusyError: Somebody has been at work on the model for ten minutes.
        ModelFileError: One of both is damaged, or the refused one is gone.
        WriteError: There is no room for the model.
    """
    refused = run.refused_model
    with lock(path, _PATIENCE):
        manifest = read_manifest(refused)
        ours = _is_ours(path, record.publication)
        publication = _settle(path, record.publication, ours)
        record = replace(record, publication=publication)
        run.write(record)
        if not ours:
            replaced = _replaced(path, ours)
            keep_version(path)
            manifest = replace(manifest, **asdict(publication), replaced=replaced)
            copy_with_manifest(refused, manifest, path)
        _keep_beside(path, load_memory(refused), load_features(refused, manifest))
        record = replace(record, refusal=None, model=str(path))
        run.write(record)
    _remove_refused(run)
    return record


def _refusal(path: Path, candidate: Candidate) -> Refusal | None:
    """Why the model in use stays; None if it may go, with a warning if that can't be judged."""
    try:
        found = compare(path, candidate)
    except ModelFileError as error:  # a damaged model is not worth keeping in use
        found = error.message
    if isinstance(found, str):
        console.warning(f"published without a comparison with {path}: {found}")
        return None
    if not found.refused:
        return None
    return Refusal(found.version, found.pictures, found.before, found.after, found.classes)


def _write(made: Made, publication: Publication, path: Path) -> Manifest:
    """Writes the model and what lies beside it."""
    from imgclf.model_file.keras_io import write_model_file
    from imgclf.model_file.litert_members import BesideHead

    manifest = write_model_file(
        made.model,
        replace(made.manifest, **asdict(publication)),
        path,
        made.samples,
        made.features_graph,
        BesideHead(familiar=made.familiar),
        PictureRecords(made.candidate.seen.to_bytes(), made.candidate.judged()),
    )
    _keep_beside(path, made.memory, made.features)
    return manifest


def _keep_beside(path: Path, memory: ReplayMemory | None, features: FeatureMemory | None) -> None:
    if memory is None:
        forget_memory(path)
    else:
        save_memory(path, memory)
    if features is None:
        forget_features(path)
        if memory is not None:  # corrections are neurons then
            keep_responses(path, memory)
    else:
        save_features(path, features)


def _remove_refused(run: RunFolder) -> None:
    """What an earlier attempt of this run has left, if it was refused."""
    run.refused_model.unlink(missing_ok=True)
    shutil.rmtree(history_directory(run.refused_model), ignore_errors=True)


def _replaced(path: Path, ours: bool) -> int | None:
    """The version that the new one takes the place of; None if there is none."""
    in_use = read_manifest(path) if path.exists() else None
    if in_use is None:
        return None
    return in_use.replaced if ours else in_use.version


def _is_ours(path: Path, publication: Publication | None) -> bool:
    """Whether the model in use is what an earlier attempt has published."""
    if publication is None or not path.exists():
        return False
    in_use = read_manifest(path)
    return (in_use.version, in_use.created) == (publication.version, publication.created)


def _settle(path: Path, earlier: Publication | None, ours: bool) -> Publication:
    number = next_version(path)
    if earlier is not None and (ours or earlier.version == number):
        return earlier
    return Publication(number, time_with_zone())
