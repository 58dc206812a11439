"""Model files on Keras's side: writing one with its LiteRT twin, and loading one back."""

from __future__ import annotations

import hashlib
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np

from imgclf.backend import keras
from imgclf.data.cache import Pixels
from imgclf.errors import ModelFileError
from imgclf.files import atomic_path
from imgclf.model.archive import MANIFEST, TWIN, WEIGHTS, ModelArchive
from imgclf.model.engine import KerasEngine, LiteRTEngine
from imgclf.model.manifest import Manifest
from imgclf.quiet import quiet_stderr

# The twin and Keras sum in different orders. Measured differences are near 1e-7; a graph that
# computes something else is off by far more than this.
TWIN_TOLERANCE = 1e-4


def write_model_file(
    model: keras.Model, manifest: Manifest, path: Path, samples: Pixels
) -> Manifest:
    """Writes the model, its manifest and its LiteRT twin as one file that replaces `path`.

    The twin's outputs are compared with Keras's first; a model that LiteRT can't express is
    written without one, and the manifest says why.

    Args:
        model: Compiled; takes float32 pictures.
        manifest: Its checksums and twin fields are filled in here.
        path: Where to.
        samples: Pictures to compare with, uint8, shape (pictures, height, width, 3).

    Returns:
        The manifest as written.
    """
    graph, note = _make_twin(model, samples)
    with atomic_path(path) as temporary:
        model.save(temporary)
        with ModelArchive(temporary) as archive:
            weights = archive.read(WEIGHTS)
        written = manifest.model_copy(
            update={
                "weights_sha256": hashlib.sha256(weights).hexdigest(),
                "twin_sha256": None if graph is None else hashlib.sha256(graph).hexdigest(),
                "twin_note": note,
            }
        )
        with zipfile.ZipFile(temporary, "a") as archive_file:
            archive_file.writestr(MANIFEST, written.model_dump_json(indent=1))
            if graph is not None:
                archive_file.writestr(TWIN, graph)
    return written


def load_keras_model(path: Path) -> keras.Model:
    """The Keras model inside a model file of ours, compiled.

    Raises:
        ModelFileError: It is damaged, or opening it would run somebody's code.
    """
    with ModelArchive(path) as archive:
        archive.verify_weights(archive.manifest())
        archive.refuse_code()
    return load_checked(path)


def load_checked(path: Path) -> keras.Model:
    """Loads a file that `ModelArchive.refuse_code` has let pass.

    Raises:
        ModelFileError: Keras can't load it.
    """
    try:
        with warnings.catch_warnings():
            # That the optimizer starts anew: its moments are left out of the file on purpose.
            warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
            return keras.models.load_model(path, safe_mode=True)
    except Exception as error:  # Keras raises whatever the damaged part happens to raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelFileError(f"{path}: Keras can't load it: {reason}") from error


def _make_twin(model: keras.Model, samples: Pixels) -> tuple[bytes | None, str | None]:
    try:
        with tempfile.TemporaryDirectory() as folder, quiet_stderr():
            file = Path(folder, "twin.tflite")
            model.export(file, format="litert", verbose=False)
            graph = file.read_bytes()
        found = LiteRTEngine(graph).run(samples)
    except Exception as error:  # the converter raises its own kinds, and none of them is ours
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return None, f"LiteRT can't express this model: {reason}"
    expected = KerasEngine(model).run(samples)
    difference = float(np.max(np.abs(found - expected), initial=0.0))
    if not difference <= TWIN_TOLERANCE:
        return None, f"LiteRT's outputs differ from Keras's by {difference:.1e}"
    return graph, None
