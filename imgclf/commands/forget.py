"""Undoing corrections: the model goes back, or learns again what stays, as a new version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from imgclf.corrections.copy_features import CopyFeatures
from imgclf.corrections.feature_memory import load_features
from imgclf.corrections.forgetting import Said, find_said
from imgclf.corrections.guard import Judged
from imgclf.corrections.journal import Entry, append_to_journal, read_journal
from imgclf.corrections.judged_pictures import judged_features
from imgclf.corrections.learners import open_learner
from imgclf.corrections.replay_sources import find_memory
from imgclf.errors import UsageError
from imgclf.model.engine import SplitEngine
from imgclf.model_file.archive import ModelArchive
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.model_file.last_layer import read_last_layer, write_last_layer
from imgclf.model_file.manifest import Correction, Manifest, installed_versions
from imgclf.model_file.versions import keep_version, next_version, versions, write_again
from imgclf.spelling import on_one_line
from imgclf.system import console
from imgclf.system.clock import time_with_zone
from imgclf.system.lock import lock
from imgclf.system.signals import raise_again

_COMPARED = 4  # pictures on which a new version's LiteRT graph is compared with Keras


@dataclass(frozen=True)
class Forgotten:
    """What forgetting came to.

    Attributes:
        outcome: Only "forgotten" changed anything.
        version: Of the model in use afterwards; the same as before if none was in force.
        corrections: What was said of the pictures.
        judged: Accuracy on the held-out pictures; None if nothing had to be learned.
        same_as: The earlier version that the model's network is again; None if it is none.
    """

    outcome: Literal["forgotten", "refused", "dry run"]
    model: Path
    version: int
    corrections: tuple[Said, ...]
    judged: Judged | None = None
    same_as: int | None = None


def forget(
    model: Path,
    pictures: Sequence[str],
    *,
    max_drop: float | None = None,
    data: Path | None = None,
    dry_run: bool = False,
) -> Forgotten:
    """Undoes corrections.

    If an earlier version has just those that stay, the model becomes what that was. Else the last
    layer is solved again without what is forgotten, or its neurons are taken out, under the same
    guard as ever. The journal says of each that it is forgotten, and so the next training
    doesn't learn it; that holds for what is no longer in force as well.

    Args:
        model: The model file.
        pictures: See `find_said`.
        max_drop: Of accuracy, between 0 and 1; None for what chance explains.
        data: Class folders to replay and to judge by, for neurons; None for the replay memory.
        dry_run: Change nothing.

    Raises:
        UsageError: There is no such correction, or it can't be undone.
        DataError: Nothing is there to judge by.
        ModelFileError: The model can't be read.
        BusyError: Another process is at work on the model.
    """
    with lock(model):
        classifier = open_classifier(model)
        manifest = classifier.manifest
        said = tuple(find_said(pictures, manifest, read_journal(model)))
        gone = {one.digest for one in said}
        stay = tuple(one for one in manifest.corrections if one.digest not in gone)
        version, change = manifest.version, None
        if len(stay) < len(manifest.corrections):
            line = _line(model, manifest)
            change = _as_before(model, line, stay) or _learned_again(
                model, classifier, line, stay, max_drop, data
            )
            if change.write is None:
                return Forgotten("refused", model, version, said, change.judged)
            version = version if dry_run else next_version(model)
        if not dry_run:
            # The journal first: killed in between, the same command does the rest.
            append_to_journal(model, [_entry(one, version) for one in said])
            if change is not None and change.write is not None:
                raise_again()
                keep_version(model)
                change.write(_next(manifest, change, version))
    return Forgotten(
        "dry run" if dry_run else "forgotten",
        model,
        version,
        said,
        None if change is None else change.judged,
        None if change is None else change.same_as,
    )


@dataclass(frozen=True)
class _Change:
    """How the model gets rid of corrections.

    Attributes:
        manifest: What it will say of itself, but for what is new in every version.
        judged: Accuracy on held-out pictures; None if that was measured before.
        write: Replaces the model; None if it would do harm.
        same_as: See `Forgotten`.
    """

    manifest: Manifest
    judged: Judged | None
    write: Callable[[Manifest], object] | None
    same_as: int | None = None


def _line(model: Path, manifest: Manifest) -> list[Manifest]:
    """The version in use and those that it was made from by corrections, newest first."""
    there = {one.version: one for one in versions(model)}
    line = [manifest]
    while line[-1].parent in there and line[-1].parent < line[-1].version:
        line.append(there[line[-1].parent])
    return line


def _as_before(model: Path, line: Sequence[Manifest], stay: Sequence[Correction]) -> _Change | None:
    """To an earlier version that has just the corrections that stay."""
    wanted = {(one.digest, one.label) for one in stay}
    for one in line[1:]:
        if {(kept.digest, kept.label) for kept in one.corrections} == wanted:
            return _Change(one, None, partial(write_again, model, one.version), one.version)
    return None


def _learned_again(
    model: Path,
    classifier: Classifier,
    line: Sequence[Manifest],
    stay: Sequence[Correction],
    max_drop: float | None,
    data: Path | None,
) -> _Change:
    """The last layer solved again without them, or their neurons taken out, if that does no harm.

    Raises:
        UsageError: No such way, because of how something to be forgotten was learned.
    """
    with console.track(f"correcting {model}"):
        return _by_last_layer(model, classifier, stay, max_drop) or _by_neurons(
            model, classifier, line, stay, max_drop, data
        )


def _by_last_layer(
    model: Path,
    classifier: Classifier,
    stay: Sequence[Correction],
    max_drop: float | None,
) -> _Change | None:
    """None if the model has no layer that could be solved again."""
    from imgclf.corrections.refit import Refit

    manifest, engine = classifier.manifest, classifier.engine
    memory = load_features(model, manifest)
    if memory is None or not isinstance(engine, SplitEngine):
        return None
    without = replace(manifest, corrections=tuple(stay))
    with ModelArchive(model) as archive:
        layer = read_last_layer(archive, manifest)
    if layer is None:
        return None
    features = CopyFeatures(model, memory.graph, engine.features)
    found = Refit(model, without, layer, memory, features, max_drop).learn([], without.class_names)
    if found is None:
        return _Change(without, None, None)

    def write(after: Manifest) -> None:
        with ModelArchive(model) as archive:
            held_out = judged_features(archive, manifest, found.judge, found.right)
            left = layer.corrected_by([one.digest for one in stay], {})
            write_last_layer(
                archive, after, left, found.kernel, found.bias, found.trained, held_out
            )

    without = replace(without, corrections=found.kept, temperature=found.temperature)
    return _Change(without, found.judged, write)


def _by_neurons(
    model: Path,
    classifier: Classifier,
    line: Sequence[Manifest],
    stay: Sequence[Correction],
    max_drop: float | None,
    data: Path | None,
) -> _Change:
    manifest = classifier.manifest
    staying = {one.digest for one in stay}
    forgotten = [one for one in manifest.corrections if one.digest not in staying]
    for one in forgotten:
        if one.by != "neuron":
            raise _no_way(one, line, "the last layer, which neurons have been added to since")
        if one.label not in line[-1].class_names:
            raise _no_way(one, line, "--new-class, along with all pictures of its class")
    memory, _ = find_memory(model, manifest, data)
    samples = memory.judge.pixels_at(slice(_COMPARED))
    learner = open_learner(model, classifier, memory, max_drop, samples)
    by_neuron = [one for one in manifest.corrections if one.by == "neuron"]
    owned = learner.neurons.keys[:, len(learner.neurons) - len(by_neuron) :]
    for one, key in zip(by_neuron, owned.T, strict=True):
        if one in forgotten and not key.any():
            raise _no_way(one, line, "--unguarded, which changed the whole network")
    learned = learner.forget({one.digest for one in forgotten})
    without = replace(manifest, corrections=tuple(stay))
    if learned is None:
        return _Change(without, None, None)
    return _Change(without, learned.judged, lambda after: learner.write(after, learned))


def _no_way(one: Correction, line: Sequence[Manifest], by: str) -> UsageError:
    before = max((other.version for other in line if other.version < one.version), default=None)
    return UsageError(
        on_one_line(f"{one.path} ({one.label}) was learned by {by}: it can't be forgotten alone"),
        None if before is None else f"go back to before it: imgclf rollback {before}",
    )


def _next(manifest: Manifest, change: _Change, version: int) -> Manifest:
    """What the next version says of itself."""
    judged = change.judged
    after = replace(
        change.manifest,
        version=version,
        parent=manifest.version,
        replaced=None,
        created=time_with_zone(),
        scores_before=None,
        made_with=installed_versions(),
    )
    if judged is not None:
        scores, before = judged.scores("after"), judged.scores("before")
        after = replace(after, scores=scores, scores_before=before)
    return after


def _entry(said: Said, version: int) -> Entry:
    return Entry(
        time_with_zone(), said.path, said.digest, said.was, said.label, "forgotten", version
    )
