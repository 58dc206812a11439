"""Adopting a plain Keras model: look at it, fit it to pictures, write it as a file of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgclf.commands.adopt_again import make_graph_again, with_unknown_graph
from imgclf.commands.adopt_checks import refuse_misfits, require_outputs, require_size
from imgclf.config.choices import Resize
from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError, UsageError
from imgclf.model.probabilities import Activation
from imgclf.model_file.archive import MANIFEST, ModelArchive, read_manifest
from imgclf.model_file.first_opening import open_apart
from imgclf.model_file.manifest import Decoder, Manifest, installed_versions
from imgclf.model_file.screening import Contents, screen_graph
from imgclf.model_file.versions import keep_version, next_version
from imgclf.spelling import composed
from imgclf.system import console
from imgclf.system.clock import time_with_zone
from imgclf.system.lock import lock
from imgclf.work_folders import MODELS_DIRECTORY

if TYPE_CHECKING:
    from imgclf.backend import keras

_SAMPLES = 4


@dataclass(frozen=True)
class Adopted:
    """What became of a plain model.

    Attributes:
        model: The new model file.
        manifest: What it says of itself.
    """

    model: Path
    manifest: Manifest


@dataclass(frozen=True)
class _Network:
    """A network that fits, what its outputs are, and what had to be guessed of it.

    Attributes:
        guessed: It ends without an activation, and nothing says that this makes logits.
        scaled: Something scales its input.
        uncorrectable: Why it can't be corrected, and what to do, if it can't.
        unread: Why a part of what it was compiled with is left unread, if one is.
    """

    model: keras.Model
    head: Activation
    guessed: bool
    scaled: bool
    uncorrectable: ModelFileError | None
    unread: str | None


def adopt(
    source: Path,
    class_names: Sequence[str],
    *,
    image_size: tuple[int, int] | None = None,
    resize: Resize = "stretch",
    scale: float | None = None,
    offset: float = 0.0,
    name: str | None = None,
) -> Adopted:
    """Makes a model file of a `.keras` file that was made elsewhere, which stays as it is.

    Of a model file of imgclf with a LiteRT graph that is not run, it makes the graph anew.

    If there is a model of that name, it is kept as an earlier version. An adopted model has no
    replay memory: it can't be corrected without pictures to judge by.

    Args:
        source: The `.keras` file.
        class_names: In the order of the network's outputs.
        image_size: Height and width, for a network that takes any.
        resize: How pictures are brought to that size.
        scale: Multiplies values from 0 to 255 first, for a network that was given others.
        offset: Is added then.
        name: Of the model in models/; the source's if None.

    Raises:
        UsageError: Classes, size or name don't fit the network, or another model is in the way.
        ModelFileError: The file can't be read or is not to be trusted, or is no classifier of
            colour pictures.
        BusyError: Another process is at work on the model.
    """
    class_names = [composed(name) for name in class_names]
    _require_classes(class_names)
    if scale == 0:
        raise UsageError("--scale 0 would make all pictures alike", "for example: --scale 1/255")
    if scale is None and offset:
        raise UsageError("--offset goes with --scale", "for example: --scale 1/127.5 --offset -1")
    target = _target(source, name)
    ours = with_unknown_graph(source)
    if ours is not None:
        return Adopted(target, make_graph_again(source, ours, class_names, target))
    contents = _look_inside(source)
    refuse_misfits(source, contents.config, class_names, image_size)
    with lock(target):
        replaced = _require_place(source, target)
        with console.track(f"adopting {source}"):
            network = _fit(source, contents, class_names, image_size, scale, offset)
            height, width, _ = network.model.input_shape[1:]
            manifest = Manifest(
                name=target.stem,
                version=next_version(target),
                parent=None if replaced is None else replaced.version,
                created=time_with_zone(),
                class_names=tuple(class_names),
                decoder=Decoder(height=height, width=width, resize=resize),
                head=network.head,
                made_with=installed_versions(),
            )
            keep_version(target)
            manifest = _write(network, manifest, target)
    _warn(network, manifest)
    return Adopted(target, manifest)


def _require_classes(class_names: Sequence[str]) -> None:
    for name in class_names:
        if not name or name != name.strip() or "/" in name or not name.isprintable():
            raise UsageError(f"--classes: {name!r} is no class name", "for example: cat,dog")
    doubled = [name for name in class_names if list(class_names).count(name) > 1]
    if doubled:
        raise UsageError(f"--classes: {doubled[0]} is there twice")
    if len(class_names) < 2:
        raise UsageError("--classes: a classifier has at least two", "for example: cat,dog")


def _target(source: Path, name: str | None) -> Path:
    chosen = source.stem if name is None else name.removesuffix(".keras")
    if not chosen or chosen.startswith(".") or Path(chosen).name != chosen:
        raise UsageError(f"--name {chosen}: a plain name is wanted", "for example: --name catdog")
    return MODELS_DIRECTORY / f"{chosen}.keras"


def _look_inside(source: Path) -> Contents:
    with ModelArchive(source) as archive:
        if archive.has(MANIFEST):
            names = ", ".join(archive.manifest().class_names)
            raise UsageError(
                f"{source} is a model file of imgclf already, with the classes {names}",
                f"use it as it is: imgclf predict PICTURE --model {source}",
            )
        open_apart(source, "weights")
        return screen_graph(archive)


def _require_place(source: Path, target: Path) -> Manifest | None:
    """The manifest of the model that is to be replaced, if there is one."""
    if not target.exists():
        return None
    try:
        return read_manifest(target)
    except ModelFileError as error:
        what = "the file to adopt" if target.samefile(source) else "no readable model of imgclf"
        raise UsageError(
            f"{target} is {what}, and would be replaced", "choose another name: --name NAME"
        ) from error


def _fit(
    source: Path,
    contents: Contents,
    class_names: Sequence[str],
    image_size: tuple[int, int] | None,
    scale: float | None,
    offset: float,
) -> _Network:
    """The network as one graph that takes what the decoder gives, and what its outputs are."""
    open_apart(source, "plain", image_size)
    from imgclf.model_file import dense_end, plain_keras  # Keras, which takes seconds

    original = plain_keras.load_plain(source, contents)
    height, width = require_size(source, original.input_shape, image_size)
    require_outputs(source, original.output_shape, class_names)
    model = plain_keras.as_flat_graph(source, original, height, width, scale, offset)
    scaled = scale is not None or plain_keras.scales_its_input(model)
    uncorrectable = None
    try:
        model = dense_end.with_dense_end(model)
    except ModelFileError as error:
        uncorrectable = error
    head = plain_keras.read_head(model)
    plain_keras.require_same_answers(source, original, model, _noise(height, width), scale, offset)
    declared = contents.compiled_with
    plain_keras.compile_as_declared(model, declared, head)
    guessed = head.endswith("_logits") and not _says_from_logits(declared)
    return _Network(model, head, guessed, scaled, uncorrectable, contents.unread)


def _write(network: _Network, manifest: Manifest, target: Path) -> Manifest:
    from imgclf.model_file.keras_io import write_model_file

    noise = _noise(manifest.decoder.height, manifest.decoder.width)
    return write_model_file(network.model, manifest, target, noise)


def _noise(height: int, width: int) -> Pixels:
    shape = (_SAMPLES, height, width, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def _warn(network: _Network, manifest: Manifest) -> None:
    if network.unread:
        console.note(
            "a part of what it was compiled with is left unread, and no classifier needs it: "
            f"{network.unread}"
        )
    if network.guessed:
        console.warning("its last layer has no activation: its outputs are taken for logits")
    if not network.scaled:
        console.warning(
            "nothing in it scales its input, and it will get values from 0 to 255; if it was "
            "trained on 0 to 1, adopt it with --scale 1/255, and if on -1 to 1, with "
            "--scale 1/127.5 --offset -1"
        )
    if network.uncorrectable is not None:
        console.warning(
            "it predicts, but can't be corrected: "
            f"{network.uncorrectable.message}; {network.uncorrectable.hint}"
        )
    if manifest.litert_note:
        console.warning(f"{manifest.litert_note}: predictions will take seconds to start")


def _says_from_logits(declared: Any) -> bool:
    loss = declared.get("loss") if isinstance(declared, dict) else None
    config = loss.get("config") if isinstance(loss, dict) else None
    return isinstance(config, dict) and config.get("from_logits") is True
