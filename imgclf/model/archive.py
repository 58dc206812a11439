"""Reading model files: a zip archive, opened member by member, never extracted, never trusted.

Members: `config.json`, `metadata.json` and `model.weights.h5` are Keras's; ours are
`imgclf/manifest.json` and `imgclf/model.tflite`, which Keras ignores.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from imgclf.errors import ModelFileError, nearest_match
from imgclf.model.manifest import FORMAT_VERSION, Manifest

MODELS_DIRECTORY = Path("models")

MANIFEST = "imgclf/manifest.json"
TWIN = "imgclf/model.tflite"
WEIGHTS = "model.weights.h5"
CONFIG = "config.json"

# Sizes beyond which a member is no manifest or model of ours, but an attempt to fill memory.
_CAPS = {MANIFEST: 16 << 20, CONFIG: 16 << 20, TWIN: 2 << 30, WEIGHTS: 8 << 30}

# What `keras.models.load_model` may build. Its `safe_mode` is no boundary: whatever a module of
# Keras can import or download has been used against it, so the public ones are listed by name.
_TRUSTED_MODULES = {
    "builtins",
    "keras",
    "keras.activations",
    "keras.constraints",
    "keras.initializers",
    "keras.layers",
    "keras.losses",
    "keras.metrics",
    "keras.models",
    "keras.optimizers",
    "keras.optimizers.schedules",
    "keras.regularizers",
    "keras.src.models.functional",
    "keras.src.models.sequential",
}
_CODE_CLASSES = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}


class ModelArchive:
    """A model file that is open for reading; a context manager.

    Args:
        path: The `.keras` file.

    Raises:
        ModelFileError: Missing, not a `.keras` archive, or with members that don't belong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.suffix == ".h5":
            raise ModelFileError(
                f"{path}: HDF5 models can run code when they are opened, and are refused",
                "in Keras: keras.models.load_model(...).save('model.keras'), then imgclf adopt",
            )
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise ModelFileError(f"no model file {path}", _suggestion(path)) from None
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise ModelFileError(f"{path} is not a .keras model file: {error}") from error
        names = Counter(self._zip.namelist())
        doubled = [name for name, count in names.items() if count > 1]
        if doubled:
            self.close()
            raise ModelFileError(f"{path} is not to be trusted: it has two members {doubled[0]!r}")

    def __enter__(self) -> ModelArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def has(self, member: str) -> bool:
        """Whether there is a member of exactly this name."""
        return member in self._zip.NameToInfo

    def read(self, member: str) -> bytes:
        """The bytes of one member.

        Raises:
            ModelFileError: Not there, too large, or damaged.
        """
        if not self.has(member):
            raise ModelFileError(f"{self.path} has no {member} in it")
        info = self._zip.getinfo(member)
        if info.file_size > _CAPS[member]:
            raise ModelFileError(
                f"{self.path} is not to be trusted: {member} would take {info.file_size} bytes"
            )
        try:
            with self._zip.open(info) as stream:
                # One byte more than declared, since a bomb declares less than it holds.
                content = stream.read(info.file_size + 1)
        except Exception as error:  # zlib, struct, zip and OS errors all mean the same here
            raise ModelFileError(f"{self.path} is damaged: {member} can't be read") from error
        if len(content) != info.file_size:
            raise ModelFileError(f"{self.path} is damaged: {member} has the wrong size")
        return content

    def manifest(self) -> Manifest:
        """What the model says of itself.

        Raises:
            ModelFileError: It has no manifest, or one that this imgclf can't read.
        """
        if not self.has(MANIFEST):
            raise ModelFileError(
                f"{self.path} is a model, but not one of imgclf's: it doesn't say its classes",
                f"imgclf adopt {self.path} --classes FIRST,SECOND",
            )
        try:
            content = json.loads(self.read(MANIFEST))
            version = content.get("format_version")
            if isinstance(version, int) and version > FORMAT_VERSION:
                raise ModelFileError(
                    f"{self.path} was written by a newer imgclf (format {version}; "
                    f"this one reads up to {FORMAT_VERSION})",
                    "pip install --upgrade imgclf",
                )
            return Manifest.model_validate(content)
        except (ValueError, AttributeError, RecursionError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise ModelFileError(f"{self.path} is damaged: its manifest: {reason}") from error

    def twin(self, manifest: Manifest) -> bytes | None:
        """The LiteRT graph, or None if the model has none.

        Raises:
            ModelFileError: It is not the one that the manifest was written with.
        """
        if manifest.twin_sha256 is None:
            return None
        content = self.read(TWIN)
        if hashlib.sha256(content).hexdigest() != manifest.twin_sha256:
            raise ModelFileError(f"{self.path} is damaged: {TWIN} is not the graph it should be")
        return content

    def refuse_code(self) -> None:
        """Makes sure that opening this file with Keras runs no code of its author's.

        Raises:
            ModelFileError: A layer or function outside Keras's own, or one that holds code.
        """
        try:
            config = json.loads(self.read(CONFIG))
            _refuse_code(config, self.path)
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"{self.path} is damaged: its config can't be read") from error

    def verify_weights(self, manifest: Manifest) -> None:
        """Makes sure that the weights are those that the manifest was written with.

        Raises:
            ModelFileError: They are not.
        """
        if hashlib.sha256(self.read(WEIGHTS)).hexdigest() != manifest.weights_sha256:
            raise ModelFileError(f"{self.path} is damaged: its weights are not what they should be")


def read_manifest(path: Path) -> Manifest:
    """The manifest of a model file.

    Raises:
        ModelFileError: See `ModelArchive`.
    """
    with ModelArchive(path) as archive:
        return archive.manifest()


def find_model(given: Path | None, environment: str | None) -> Path:
    """The model that a command is about.

    Args:
        given: What `--model` says: a file, or a name such as `catdog`.
        environment: What `$IMGCLF_MODEL` says; used if nothing is given.

    If neither says anything, and one model lies in models/, that is it.

    Raises:
        ModelFileError: None there, or several, with what to type.
    """
    wanted = given if given is not None else Path(environment) if environment else None
    if wanted is not None:
        named = MODELS_DIRECTORY / f"{wanted}.keras"
        return named if not wanted.exists() and named.exists() else wanted
    models = sorted(MODELS_DIRECTORY.glob("*.keras"))
    if len(models) == 1:
        return models[0]
    if not models:
        raise ModelFileError(
            f"no model in {MODELS_DIRECTORY}/",
            "train one: imgclf train CONFIG; or name one: --model FILE",
        )
    listed = ", ".join(str(model) for model in models)
    raise ModelFileError(f"several models: {listed}", f"choose one: --model {models[0]}")


def _refuse_code(node: Any, path: Path) -> None:
    if isinstance(node, list):
        for child in node:
            _refuse_code(child, path)
    elif isinstance(node, dict):
        name, module = node.get("class_name"), node.get("module")
        if name in _CODE_CLASSES or name == "__lambda__":
            raise ModelFileError(f"{path} is not to be trusted: its {name} layer holds code")
        if module is not None and module not in _TRUSTED_MODULES:
            raise ModelFileError(
                f"{path} is not to be trusted: it asks for {name} of {module!r}, not Keras's own"
            )
        for child in node.values():
            _refuse_code(child, path)


def _suggestion(path: Path) -> str | None:
    """The models beside the missing one and in models/, the nearest of them first."""
    folders = {path.parent, MODELS_DIRECTORY}
    there = {str(model) for folder in folders for model in sorted(folder.glob("*.keras"))}
    named = [str(MODELS_DIRECTORY / f"{path}.keras"), str(path)]
    near = next(filter(None, (nearest_match(name, there) for name in named)), None)
    if near:
        return f"did you mean {near}?"
    return f"models there: {', '.join(sorted(there))}" if there else None
