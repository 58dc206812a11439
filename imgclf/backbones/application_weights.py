"""Weights for the networks of `keras.applications`: Keras's own, or those of a file."""

from __future__ import annotations

import io
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from imgclf.backbones.applications import construct
from imgclf.backbones.weight_files import keras_file
from imgclf.backend import keras
from imgclf.config.backbone import IMAGENET
from imgclf.errors import ImgclfError, ModelFileError, first_line
from imgclf.model.without_weights import number_of_weights, without_weights
from imgclf.model_file.weights_screening import count_numbers
from imgclf.system import console
from imgclf.system.disk import write_problems
from imgclf.system.lock import lock

_SILENCE = 30.0  # seconds without a byte after which a download is given up
_PATIENCE = 3600.0  # seconds for which another process may be downloading the same file

_AGAIN = "delete it, and it is downloaded again"


def imagenet_network(name: str, image_size: tuple[int, int]) -> keras.Model:
    """A network as Keras builds it, with the weights that it has in its cache or downloads into it.

    Args:
        name: Of `keras.applications`.
        image_size: (height, width) in pixels.

    Raises:
        ModelFileError: They can't be downloaded, or what is in the cache is not to be used.
        WriteError: There is no room for them.
        BusyError: Another process has been downloading them for an hour.
    """
    path = keras_file(name, image_size)
    if path.is_file():
        _refuse_all_but_numbers(path, _AGAIN)
        return _construct(name, image_size, path)
    size = _size(name, image_size)
    console.note(f"downloading the weights of {name}, {size}, to {path}")
    with lock(path, _PATIENCE):  # Keras writes to the file itself
        return _construct(name, image_size, path)


def load_weights_file(network: keras.Model, name: str, path: Path) -> None:
    """Gives a network the weights of a file that Keras wrote.

    Args:
        network: As Keras builds it, without its head.
        name: Which one it is.
        path: The file, ending in `.weights.h5` or `.h5`.

    Raises:
        ModelFileError: It can't be read, holds more than numbers, or is another network's.
    """
    if path.suffix != ".h5":
        raise ModelFileError(
            f"{path} is no file of weights that Keras can load",
            f"a file of the weights of {name} without its head ends in .weights.h5 or .h5",
        )
    _refuse_all_but_numbers(path)
    try:
        with warnings.catch_warnings():
            # Of each part that the file has nothing for, before the error that counts them.
            warnings.simplefilter("ignore", UserWarning)
            network.load_weights(path)
    except Exception as error:  # Keras raises whatever the part that doesn't fit happens to raise
        raise ModelFileError(
            f"{path} doesn't hold the weights of {name} without its head: {first_line(error)}"
        ) from error


def _construct(name: str, image_size: tuple[int, int], path: Path) -> keras.Model:
    try:
        with write_problems(path), _downloading():
            return construct(name, image_size, IMAGENET)
    except ImgclfError:
        raise
    except Exception as error:  # Keras raises a bare Exception for whatever keeps it from it
        if path.is_file():
            raise ModelFileError(f"{path} can't be used: {first_line(error)}", _AGAIN) from error
        raise ModelFileError(
            f"the weights of {name} are not here and can't be downloaded: {first_line(error)}",
            f"put {path.name} ({_size(name, image_size)}) into {path.parent}: nothing else is "
            "needed; or take EfficientNetLite0, whose weights come with pip",
        ) from error


def _refuse_all_but_numbers(path: Path, hint: str | None = None) -> None:
    """Looks at a file of weights before Keras does."""
    try:
        with path.open("rb") as stream:
            count_numbers(stream, path)
    except OSError as error:
        raise ModelFileError(f"{path} can't be read: {error.strerror}", hint) from None
    except ModelFileError as error:
        raise ModelFileError(error.message, hint) from error


@contextmanager
def _downloading() -> Iterator[None]:
    """Without Keras's bar on stdout, where results are, and without waiting for a dead line."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(before)


def _size(name: str, image_size: tuple[int, int]) -> str:
    """How large the file is, but for some kilobytes of names."""
    with without_weights():
        network = construct(name, image_size, None)
    return f"about {max(round(4 * number_of_weights(network) / 1e6), 1)} MB"
