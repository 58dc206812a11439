"""Model files on Keras's side: writing one with its LiteRT graph, and loading one back."""

from __future__ import annotations

import copy
import hashlib
import math
import shutil
import warnings
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from imgclf.backend import keras
from imgclf.config.bounds import MOST_VALUES
from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError, WriteError, first_line
from imgclf.model.build import compile_as
from imgclf.model.without_weights import largest_output, number_of_weights, without_weights
from imgclf.model_file.archive import (
    CONFIG,
    FEATURES,
    HEAD,
    HELD_OUT,
    MANIFEST,
    METADATA,
    PICTURES_SEEN,
    WEIGHTS,
    WHOLE_GRAPH,
    ModelArchive,
)
from imgclf.model_file.first_opening import open_apart
from imgclf.model_file.held_out import PictureRecords
from imgclf.model_file.known_files import remember
from imgclf.model_file.litert_members import BesideHead, make_litert_members
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.other_formats import of_another_keras
from imgclf.model_file.screening import Contents, screen
from imgclf.system.disk import write_problems
from imgclf.system.files import atomic_path, temporary_files


def write_model_file(
    model: keras.Model,
    manifest: Manifest,
    path: Path,
    samples: Pixels,
    features_graph: bytes | None = None,
    beside: BesideHead | None = None,
    pictures: PictureRecords | None = None,
) -> Manifest:
    """Writes the model, its manifest and its LiteRT graph as one file that replaces `path`.

    The graph's outputs are compared with Keras's first; a model that LiteRT can't express is
    written without one, and the manifest says why. Of a model on a pretrained network the graph
    is split, into the graph of its features and a head for NumPy, if NumPy can do its head.

    Args:
        model: Compiled; takes float32 pictures.
        manifest: Its checksums and what it says of LiteRT are filled in here.
        path: Where to.
        samples: Pictures to compare with, uint8, shape (pictures, height, width, 3).
        features_graph: That of the model's features, if there is one already; it is made anew if
            the model turns out to have other features.
        beside: What its head says that Keras doesn't know.
        pictures: What it says of pictures.

    Returns:
        The manifest as written.

    Raises:
        WriteError: There is no room for it, or for what the converter writes on its way.
    """
    model = _as_graph(model)
    litert = make_litert_members(model, samples, features_graph, beside)
    size = sum(4 * math.prod(one.shape) for one in model.variables)
    members = dict(litert.members)
    if pictures is not None:
        members |= pictures.members()
    size += sum(map(len, members.values()))
    with atomic_path(path, size) as temporary:
        with ExitStack() as inside:  # Keras makes a folder for assets, of which there are none
            with write_problems(None):
                inside.enter_context(temporary_files())
            model.save(temporary)
        with ModelArchive(temporary) as archive:
            weights = archive.read(WEIGHTS)
        written = msgspec.structs.replace(
            manifest,
            format_version=3 if manifest.multi_label else 2 if FEATURES in members else 1,
            weights_sha256=hashlib.sha256(weights).hexdigest(),
            whole_graph_sha256=_digest(members.get(WHOLE_GRAPH)),
            features_sha256=_digest(members.get(FEATURES)),
            head_sha256=_digest(members.get(HEAD)),
            pictures_seen_sha256=_digest(members.get(PICTURES_SEEN)),
            held_out_sha256=_digest(members.get(HELD_OUT)),
            litert_note=litert.note,
        )
        with zipfile.ZipFile(temporary, "a") as archive_file:
            archive_file.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(written)))
            for name, content in members.items():
                archive_file.writestr(name, content)
    remember(path)
    return written


def _as_graph(model: keras.Model) -> keras.Model:
    """A chain of layers as the graph that it is: what corrections add goes beside the chain."""
    if not isinstance(model, keras.Sequential):
        return model
    graph = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    # Its layers may be in other models too; those of a config are in none.
    again = keras.Model.from_config(graph.get_config())
    again.set_weights(model.get_weights())
    compile_as(again, model.get_compile_config())
    return again


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def load_keras_model(path: Path) -> keras.Model:
    """The Keras model inside a model file of ours, compiled.

    Raises:
        ModelFileError: It is damaged, or opening it would run somebody's code.
    """
    with ModelArchive(path) as archive:
        manifest = archive.manifest()
        archive.verify_weights(manifest)
        open_apart(path, "network")
        contents = screen(archive)
    model = load_checked(path, contents)
    _require_fit(path, model, manifest)
    return model


def _require_fit(path: Path, model: keras.Model, manifest: Manifest) -> None:
    """Keras loads networks that it can't run: of some layers only the first picture shows it."""
    picture = np.zeros((1, manifest.decoder.height, manifest.decoder.width, 3), np.float32)
    try:
        outputs = model(picture, training=False)
    except Exception as error:  # whatever its layers raise
        raise ModelFileError(f"{path}: Keras can't run it: {first_line(error)}") from error
    shape = getattr(outputs, "shape", None)
    if shape != (1, manifest.units):
        gives = "several outputs" if shape is None else f"{tuple(shape[1:])}"
        raise ModelFileError(
            f"{path} is damaged: its network gives {gives} for a picture, where its manifest says "
            f"({manifest.units},)"
        )


def load_checked(path: Path, contents: Contents, *, compiled: bool = True) -> keras.Model:
    """Loads a file that `screen` has let pass, or its graph, for which `screen_graph` is enough.

    Args:
        path: The file.
        contents: What was found in it.
        compiled: With its optimizer, loss and metrics.

    Raises:
        ModelFileError: Keras can't load it, or it would fill the memory.
        WriteError: There is no room for temporary files, which Keras needs.
    """
    try:
        _refuse_giant(path, contents)
        with warnings.catch_warnings():
            # That the optimizer starts anew: its moments are left out of the file on purpose.
            warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
            with write_problems(None), temporary_files() as folder:  # Keras unpacks our files
                file = _with_config(path, contents.config, folder) if contents.cut else path
                return keras.models.load_model(file, safe_mode=True, compile=compiled)
    except (ModelFileError, WriteError):
        raise
    except Exception as error:  # Keras raises whatever the damaged part happens to raise
        reason, written_by = first_line(error), contents.written_by
        other = None if written_by is None else of_another_keras(path, written_by, reason)
        raise other or ModelFileError(f"{path}: Keras can't load it: {reason}") from error


def _with_config(path: Path, config: dict[str, Any], folder: Path) -> Path:
    """A copy for Keras, which would else compile the models inside of the model."""
    copied = folder / "graph.keras"
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(copied, "w") as made:
        made.writestr(CONFIG, msgspec.json.encode(config))
        for name in (METADATA, WEIGHTS):
            with given.open(name) as source, made.open(name, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target)
    return copied


def _refuse_giant(path: Path, contents: Contents) -> None:
    """Builds the network without its weights, to see what it would take.

    A config of a few bytes can ask for a layer that fills the memory long before Keras finds
    that there are no weights for it.
    """
    with without_weights():
        # A copy, for Keras takes configs apart while it builds from them.
        config = copy.deepcopy(contents.config) | {"compile_config": None}
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        asked = number_of_weights(model)
        largest = largest_output(model)
    if asked > contents.numbers:
        raise ModelFileError(
            f"{path} is damaged or not to be trusted: its layers ask for {asked} weights, and "
            f"there are {contents.numbers} in it"
        )
    if largest > MOST_VALUES:
        raise ModelFileError(
            f"{path} is not to be trusted: it makes {largest} numbers of one picture in one layer"
        )
