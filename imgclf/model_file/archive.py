"""Reading model files: a zip archive, opened member by member, never extracted, never trusted.

Members: `config.json`, `metadata.json` and `model.weights.h5` are Keras's; ours, which Keras
ignores, are `imgclf/manifest.json` and what answers without Keras: `imgclf/features.tflite` and
`imgclf/head.msgpack`, or `imgclf/model.tflite` of a model whose head NumPy can't do; and
`imgclf/pictures_seen.msgpack` and `imgclf/held_out.msgpack`, what it was trained on and how it did
on the rest, which no prediction reads.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import msgspec

from imgclf.config.bounds import MOST_WEIGHT_BYTES
from imgclf.errors import ModelFileError, nearest_match
from imgclf.model_file.lookup import MANIFEST as MANIFEST
from imgclf.model_file.lookup import models_in
from imgclf.model_file.manifest import FORMAT_VERSION, Manifest
from imgclf.model_file.other_formats import refusal_of
from imgclf.work_folders import MODELS_DIRECTORY

WHOLE_GRAPH = "imgclf/model.tflite"
FEATURES = "imgclf/features.tflite"
HEAD = "imgclf/head.msgpack"
PICTURES_SEEN = "imgclf/pictures_seen.msgpack"
HELD_OUT = "imgclf/held_out.msgpack"
WEIGHTS = "model.weights.h5"
CONFIG = "config.json"

METADATA = "metadata.json"

# All the members there may be, and sizes beyond which they are an attempt to fill the memory.
_CAPS = {
    MANIFEST: 16 << 20,
    WHOLE_GRAPH: 2 << 30,
    FEATURES: 2 << 30,
    HEAD: 1 << 29,
    PICTURES_SEEN: 1 << 28,
    HELD_OUT: 1 << 28,
    METADATA: 16 << 20,
    CONFIG: 16 << 20,
    WEIGHTS: MOST_WEIGHT_BYTES,
}
_WHAT = {
    WHOLE_GRAPH: "graph",
    FEATURES: "graph",
    HEAD: "head",
    PICTURES_SEEN: "list of pictures",
    HELD_OUT: "list of pictures",
}
# Keras and imgclf store members as they are. What unpacks to more than this many times its size
# is a bomb, unless it is small.
MOST_EXPANSION = 100
SMALL = 1 << 20


class _Format(msgspec.Struct):
    """What is the same in all versions of the manifest."""

    format_version: int


class ModelArchive:
    """A model file that is open for reading; a context manager.

    Args:
        path: The `.keras` file.

    Raises:
        ModelFileError: Missing, not a `.keras` archive, or with members that don't belong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # A version in parts ends as the archive does that it is of.
        refusal = refusal_of(path) if path.suffix == ".parts" else None
        if refusal is not None:
            raise refusal
        if path.exists() and not path.is_file() and not path.is_dir():
            # A pipe would be waited for, and no signal would end that.
            raise ModelFileError(f"{path} is no regular file", "name a model: --model FILE")
        try:
            self._zip = zipfile.ZipFile(path)
            self._size = path.stat().st_size
        except FileNotFoundError:
            missing = ModelFileError(f"no model file {path}", _suggestion(path))
            raise refusal_of(path) or missing from None
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            unknown = ModelFileError(f"{path} is not a .keras model file: {error}")
            raise refusal_of(path) or unknown from error
        names = Counter(self._zip.namelist())
        if not names.keys() & {CONFIG, MANIFEST}:
            self.close()
            raise refusal_of(path, names) or ModelFileError(f"{path} has no {CONFIG} in it")
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

    def members(self) -> list[str]:
        """The names of all members, in their order."""
        return self._zip.namelist()

    def size(self, member: str) -> int:
        """How many bytes a member has, 0 if there is none."""
        return self._zip.getinfo(member).file_size if self.has(member) else 0

    def read(self, member: str) -> bytes:
        """The bytes of one member.

        Raises:
            ModelFileError: Not there, too large, or damaged.
        """
        if not self.has(member):
            raise ModelFileError(f"{self.path} has no {member} in it")
        info = self._zip.getinfo(member)
        self._refuse_bomb(info)
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
        content = self.read(MANIFEST)
        try:
            version = msgspec.json.decode(content, type=_Format).format_version
            if version <= FORMAT_VERSION:
                return self._sound(msgspec.json.decode(content, type=Manifest))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ModelFileError(f"{self.path} is damaged: its manifest: {error}") from error
        raise ModelFileError(
            f"{self.path} was written by a newer imgclf (format {version}; "
            f"this one reads up to {FORMAT_VERSION})",
            "pip install --upgrade imgclf",
        )

    def _sound(self, manifest: Manifest) -> Manifest:
        classes = len(manifest.class_names)
        if len(manifest.label_thresholds) != (classes if manifest.multi_label else 0):
            raise ModelFileError(
                f"{self.path} is damaged: its manifest: {len(manifest.label_thresholds)} "
                f"thresholds for the {classes} classes of a head {manifest.head!r}"
            )
        if manifest.multi_label and manifest.corrections:
            raise ModelFileError(
                f"{self.path} is damaged: its manifest: a correction, which a model of several "
                "labels can't have"
            )
        for one in manifest.corrections:
            if one.label not in manifest.class_names:
                raise ModelFileError(
                    f"{self.path} is damaged: its manifest: a correction to {one.label!r}, which "
                    "is no class of it"
                )
        return manifest

    def whole_graph(self, manifest: Manifest) -> bytes | None:
        """The LiteRT graph of the whole network, or None if the model has none.

        Raises:
            ModelFileError: It is not the one that the manifest was written with.
        """
        return self._read_checked(WHOLE_GRAPH, manifest.whole_graph_sha256)

    def features_graph(self, manifest: Manifest) -> bytes | None:
        """The LiteRT graph of the features, or None if the model isn't split.

        Raises:
            ModelFileError: It is not the one that the manifest was written with.
        """
        return self._read_checked(FEATURES, manifest.features_sha256)

    def pictures_seen(self, manifest: Manifest) -> bytes | None:
        """What `PicturesSeen.to_bytes` wrote, or None if there is none.

        Raises:
            ModelFileError: It is not the one that the manifest was written with.
        """
        return self._read_checked(PICTURES_SEEN, manifest.pictures_seen_sha256)

    def held_out(self, manifest: Manifest) -> bytes | None:
        """What `HeldOut.to_bytes` wrote, or None if there is none.

        Raises:
            ModelFileError: It is not the one that the manifest was written with.
        """
        return self._read_checked(HELD_OUT, manifest.held_out_sha256)

    def verify_graphs(self, manifest: Manifest) -> None:
        """Makes sure that what is ours beside the manifest is what that was written with.

        Raises:
            ModelFileError: It is not.
        """
        self.whole_graph(manifest)
        self.features_graph(manifest)
        self._read_checked(HEAD, manifest.head_sha256)
        self.pictures_seen(manifest)
        self.held_out(manifest)

    def _read_checked(self, member: str, digest: str | None) -> bytes | None:
        if digest is None:
            return None
        content = self.read(member)
        if _sha256(content) != digest:
            raise ModelFileError(
                f"{self.path} is damaged: {member} is not the {_WHAT[member]} it should be"
            )
        return content

    def refuse_strange_members(self) -> None:
        """Makes sure that there are no members but those that belong, and none that is a bomb.

        Raises:
            ModelFileError: There is one.
        """
        for info in self._zip.infolist():
            if info.filename not in _CAPS:
                # With more than three members, Keras extracts all of them.
                raise ModelFileError(
                    f"{self.path} is not to be trusted: it has a member {info.filename!r}, which "
                    "doesn't belong in a model of pictures"
                )
            self._refuse_bomb(info)

    def _refuse_bomb(self, info: zipfile.ZipInfo) -> None:
        size, packed = info.file_size, min(info.compress_size, self._size)
        if size > _CAPS[info.filename] or (size > SMALL and size > MOST_EXPANSION * packed):
            raise ModelFileError(
                f"{self.path} is not to be trusted: {info.filename} would take {size} bytes"
            )

    def verify_weights(self, manifest: Manifest) -> None:
        """Makes sure that the weights are those that the manifest was written with.

        Raises:
            ModelFileError: They are not.
        """
        if _sha256(self.read(WEIGHTS)) != manifest.weights_sha256:
            raise ModelFileError(f"{self.path} is damaged: its weights are not what they should be")


def _sha256(content: bytes) -> str:
    import hashlib  # loads OpenSSL, 4 ms that a prediction can do without

    return hashlib.sha256(content).hexdigest()


def read_manifest(path: Path) -> Manifest:
    """The manifest of a model file.

    Raises:
        ModelFileError: It is missing, no model file of ours, or has a manifest that can't be read.
    """
    with ModelArchive(path) as archive:
        return archive.manifest()


def _suggestion(path: Path) -> str | None:
    """The nearest of the models beside the missing one and in models/; where to look if none is."""
    folders = {path.parent, MODELS_DIRECTORY}
    there = {str(model) for folder in folders for model in models_in(folder)}
    named = [str(MODELS_DIRECTORY / f"{path}.keras"), str(path)]
    near = next(filter(None, (nearest_match(name, there) for name in named)), None)
    if near:
        return f"did you mean {near}?"
    if there:
        return f"models there: {', '.join(sorted(there))}"
    elsewhere = "the path begins in the working directory; in another: imgclf -C FOLDER"
    return None if path.is_absolute() else elsewhere
