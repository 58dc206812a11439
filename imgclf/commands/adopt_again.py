"""Adopting a model file of imgclf whose LiteRT graph can't be checked: its graph is made anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from imgclf.errors import UsageError
from imgclf.litert.check import CheckedGraph
from imgclf.litert.flatbuffer import GraphError
from imgclf.model_file.archive import MANIFEST, ModelArchive, read_manifest
from imgclf.model_file.held_out import PictureRecords, read_held_out
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.versions import keep_version, next_version
from imgclf.system import console
from imgclf.system.lock import lock

_SAMPLES = 4


def with_unknown_graph(source: Path) -> Manifest | None:
    """The manifest of a model file of imgclf with a graph that is not run, None of all others.

    Raises:
        ModelFileError: It can't be read.
    """
    with ModelArchive(source) as archive:
        if not archive.has(MANIFEST):
            return None
        manifest = archive.manifest()
        for graph in (archive.whole_graph(manifest), archive.features_graph(manifest)):
            try:
                if graph is not None:
                    CheckedGraph(graph)
            except GraphError:
                return manifest
    return None


def make_graph_again(
    source: Path, manifest: Manifest, class_names: Sequence[str], target: Path
) -> Manifest:
    """Writes the same model with a graph made here, of what Keras reads in it.

    Args:
        source: The model file.
        manifest: Its own.
        class_names: Those that were given, which have to be its own.
        target: Where to; what is there is kept as an earlier version.

    Raises:
        UsageError: It has other classes.
        ModelFileError: Keras can't load it, or it is not to be trusted.
        BusyError: Another process is at work on the model.
    """
    from imgclf.model_file.keras_io import load_keras_model, write_model_file

    if tuple(class_names) != manifest.class_names:
        own = ",".join(manifest.class_names)
        raise UsageError(f"--classes: {source} has the classes {own}", f"--classes {own}")
    with lock(target), console.track(f"adopting {source}"):
        model = load_keras_model(source)
        with ModelArchive(source) as archive:
            seen, held_out = archive.pictures_seen(manifest), read_held_out(archive, manifest)
        shape = (_SAMPLES, manifest.decoder.height, manifest.decoder.width, 3)
        noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        replaced = read_manifest(target).version if target.exists() else None
        written = msgspec.structs.replace(
            manifest, name=target.stem, version=next_version(target), parent=replaced
        )
        keep_version(target)
        pictures = PictureRecords(seen, held_out)
        return write_model_file(model, written, target, noise, pictures=pictures)
