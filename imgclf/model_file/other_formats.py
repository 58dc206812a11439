"""What a file is that is no `.keras` archive, told by what is in it, and the way on from there."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TypeAlias

from imgclf.errors import ModelFileError

_Told: TypeAlias = tuple[str, str | None]  # what it is, and the way on

_ADOPT = "imgclf adopt {made} --classes FIRST,SECOND"
_FROM_HDF5 = (
    "with Keras 3, if you trust it: "
    f"keras.models.load_model('{{hdf5}}', compile=False).save('{{made}}'); then: {_ADOPT}"
)
_FROM_KERAS_2 = (
    "with Keras 2, as it was made: "
    f"keras.models.load_model('{{path}}', compile=False).save('{{hdf5}}'); {_FROM_HDF5}"
)
_FROM_WEIGHTS = (
    "in Keras, build the same layers; model.load_weights('{path}'); model.save('{made}'); "
    f"then: {_ADOPT}"
)
_FROM_GRAPH = "adopt the .keras file that it was made from; a graph can't be made a model again"
_NOT_KERAS = "imgclf adopts models of Keras; one of your own pictures: imgclf init FOLDER"

_GRAPH = "is a graph for {}, without the layers of a model"
_WEIGHTS = "holds weights alone, without the layers that they belong to"

# What a file begins with. HDF5 is looked into.
_HDF5 = b"\x89HDF\r\n\x1a\n"
_BEGINNINGS: tuple[tuple[bytes, _Told], ...] = (
    (rb"....TFL3", (_GRAPH.format("LiteRT"), _FROM_GRAPH)),
    (rb"version https://git-lfs", ("is what Git LFS puts in a file's place", "git lfs pull")),
    (rb"\s*<(!doctype|html)", ("is a web page, as failed downloads are", "download it again")),
    (rb"\x80[\x02-\x05]", ("is a pickle, as PyTorch writes; opening one runs code", _NOT_KERAS)),
    (rb".{8}\{\"", ("holds weights alone, of PyTorch perhaps (safetensors)", _NOT_KERAS)),
    (rb"\s*\{", ("is JSON, and holds no weights", None)),
    (rb"\Z", ("is empty", None)),
)
# What a file is called whose beginning says nothing.
_ENDINGS: dict[str, _Told] = {
    ".onnx": (_GRAPH.format("ONNX"), _FROM_GRAPH),
    ".pb": (_GRAPH.format("TensorFlow"), _FROM_GRAPH),
    ".index": (_WEIGHTS, _FROM_WEIGHTS),
    ".parts": ("is what is new in a version; imgclf rollback puts it together", "imgclf history"),
}


def refusal_of(path: Path, members: Collection[str] = ()) -> ModelFileError | None:
    """The error that says what a file or folder is instead of a `.keras` file.

    Args:
        path: What can't be opened as one; it need not be there.
        members: What lies in it, if it is a zip archive.

    Returns:
        None if nothing is known of it.
    """
    try:
        told = _archive(members) if members else _look_at(path)
    except OSError:
        return None
    if told is None:
        return None
    what, hint = told
    return ModelFileError(f"{path} {what}", None if hint is None else _filled(hint, path))


def of_another_keras(path: Path, version: str, reason: str) -> ModelFileError | None:
    """The error for a `.keras` file that the Keras here can't build because it is of another.

    Args:
        path: The file.
        version: Of the Keras that wrote it.
        reason: What the Keras here stumbles over.

    Returns:
        None if it was written by this one, or by one like it.
    """
    from importlib.metadata import version as installed  # 30 ms, which a prediction should not pay

    here = installed("keras")
    message = f"{path} was written by Keras {version}, and the one here, {here}, can't build it"
    if version.startswith("2."):
        return ModelFileError(f"{message}: {reason}", _filled(_FROM_KERAS_2, path))
    if _parts(version) > _parts(here):
        return ModelFileError(f"{message}: {reason}", "pip install --upgrade keras")
    return None


def _parts(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


def as_version(found: object) -> str | None:
    """A version as a file gives it, if it is one and fit to be shown."""
    text = found.decode("ascii", "replace") if isinstance(found, bytes) else str(found)
    return text if re.fullmatch(r"\d[\w.+-]{0,30}", text) else None


def _filled(hint: str, path: Path) -> str:
    stem = path.name.split(".")[0] or "model"
    made = path.parent / f"{stem}{'-3' * (path.suffix == '.keras')}.keras"
    # Keras tells the kind of a file by its name.
    hdf5 = path if path.suffix in (".h5", ".hdf5") else path.parent / f"{stem}.h5"
    return hint.format(path=path, made=made, hdf5=hdf5)


def _look_at(path: Path) -> _Told | None:
    if path.is_dir():
        return _folder(path)
    if path.name == "saved_model.pb":
        return _folder(path.parent)
    if not path.exists():
        checkpoint = path.parent / f"{path.name}.index"
        return (_WEIGHTS, _FROM_WEIGHTS) if checkpoint.exists() else None
    with path.open("rb") as file:
        beginning = file.read(512)
    if beginning.startswith(_HDF5):
        return _hdf5(path)
    found = (told for start, told in _BEGINNINGS if re.match(start, beginning, re.S | re.I))
    return next(found, _ENDINGS.get(path.suffix))


def _folder(path: Path) -> _Told:
    if (path / "keras_metadata.pb").exists():
        return "is a SavedModel folder that Keras 2 wrote", _FROM_KERAS_2
    if (path / "saved_model.pb").exists():
        return _GRAPH.format("TensorFlow") + " (SavedModel)", _FROM_GRAPH
    if (path / "config.json").exists():
        return (
            "is a folder with what was in a .keras file",
            "put it together again: (cd {path} && zip -0 -r ../{made.name} .)",
        )
    return "is a folder, and a model is one file", None


def _archive(members: Collection[str]) -> _Told:
    if any(name.endswith("/data.pkl") for name in members):
        return "is a file of PyTorch; opening one runs code", _NOT_KERAS
    models = [name for name in members if name.endswith((".keras", ".h5", "saved_model.pb"))]
    if models and models != ["model.weights.h5"]:
        return "is an archive with a model in it", "unzip {path}"
    return "is an archive, but no model of Keras: it has no config.json in it", None


def _hdf5(path: Path) -> _Told:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            whole = "model_config" in file.attrs
            version = as_version(file.attrs.get("keras_version", ""))
    except Exception:  # h5py raises all kinds
        return "is damaged HDF5", None
    if not whole:
        return _WEIGHTS, _FROM_WEIGHTS
    renamed = "mv {path} {hdf5}; " if path.suffix not in (".h5", ".hdf5") else ""
    by = f" of Keras {version}" if version else ""
    return (
        f"is an HDF5 model{by}; opening one can run code, so imgclf doesn't",
        renamed + _FROM_HDF5,
    )
