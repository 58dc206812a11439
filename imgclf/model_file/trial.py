"""The process in which a stranger's model file is opened first; see `first_opening`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from imgclf.errors import ModelFileError
from imgclf.litert.check import CheckedGraph, allowed_bytes
from imgclf.litert.flatbuffer import GraphError
from imgclf.model_file.archive import FEATURES, HEAD, MANIFEST, WEIGHTS, WHOLE_GRAPH, ModelArchive
from imgclf.model_file.classifier import graphs_in, open_quickly
from imgclf.system.own_process import Answers

if TYPE_CHECKING:
    from imgclf.backend import keras

Picture: TypeAlias = tuple[int, int] | None

# Bytes beside what follows from the file. A thread has a stack of 8 MB, and LiteRT as much to
# work in for each; Keras traces and compiles functions, which has been seen to take 270 MB.
_ANYWAY, _A_THREAD, _KERAS_ANYWAY = 128 << 20, 16 << 20, 512 << 20

# What is read is there as bytes, as the library's own, packed anew for its kernels, and for a
# moment once more; Keras has HDF5's copy and the one that it compares shapes with as well.
_COPIES, _KERAS_COPIES = 4, 8

_GREY = 127


def main(arguments: Sequence[str]) -> None:
    """Opens one part of a file as a command would, within limits, and has it answer for a picture.

    Args:
        arguments: Seconds, the part, the file, and height and width for a network that takes any.
    """
    seconds, part, path, *sides = arguments
    answers = Answers(float(seconds))
    prepare, open_it = _PARTS[part]
    prepare()
    answers.ready()
    try:
        open_it(Path(path), answers, (int(sides[0]), int(sides[1])) if sides else None)
    except MemoryError:
        answers.refuse(_too_large(path, answers))
    except ModelFileError as error:
        if any(isinstance(cause, MemoryError) for cause in _causes(error)):
            answers.refuse(_too_large(path, answers))
        answers.refuse(error.message, error.hint)
    except Exception:
        if answers.short_of_memory:  # which libraries say in many ways
            answers.refuse(_too_large(path, answers))
        answers.give_up()  # whoever asked meets it likewise, and says what it is
    answers.done()


def _too_large(path: str, answers: Answers) -> str:
    return (
        f"{path} is not to be trusted: it takes more memory than its weights and a picture call "
        f"for, which is {answers.megabytes} MB"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _start_litert() -> None:
    with suppress(ImportError):  # else Keras answers, and is tried by itself
        import ai_edge_litert.interpreter  # noqa: F401


def _try_graph(path: Path, answers: Answers, _: Picture) -> None:
    with ModelArchive(path) as archive:
        room = _ANYWAY + _A_THREAD * (os.cpu_count() or 1)
        room += _COPIES * sum(map(archive.size, (WHOLE_GRAPH, FEATURES, HEAD)))
        answers.limit_memory(room)
        manifest = archive.manifest()
        members = graphs_in(archive, manifest)
    try:
        answers.limit_memory(room + CheckedGraph(members[0]).memory)
        classifier = open_quickly(path, manifest, members)
    except GraphError:
        answers.give_up()  # it is not run, so that nothing is known of it
    height, width = manifest.decoder.height, manifest.decoder.width
    classifier.probabilities(np.full((1, height, width, 3), _GREY, np.uint8))


def _start_hdf5() -> None:
    import h5py  # noqa: F401


def _try_weights(path: Path, answers: Answers, _: Picture) -> None:
    from imgclf.model_file.screening import screen_graph
    from imgclf.model_file.weights_screening import count_numbers

    with ModelArchive(path) as archive:
        answers.limit_memory(_ANYWAY + _COPIES * archive.size(WEIGHTS))
        if archive.has(MANIFEST):
            count_numbers(archive.read(WEIGHTS), path)
        else:
            screen_graph(archive)


def _start_keras() -> None:
    from imgclf.backend import keras

    _start_hdf5()
    # Which starts its threads, too.
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.predict_on_batch(np.zeros((1, 1), np.float32))


def _try_network(path: Path, answers: Answers, _: Picture) -> None:
    from imgclf.model_file.keras_io import load_keras_model

    room = _room_for_weights(path, answers)
    _run(load_keras_model(path), None, answers, room)


def _try_plain(path: Path, answers: Answers, picture: Picture) -> None:
    from imgclf.model_file.keras_io import load_checked
    from imgclf.model_file.screening import screen_graph

    room = _room_for_weights(path, answers)
    with ModelArchive(path) as archive:
        contents = screen_graph(archive)
    _run(load_checked(path, contents, compiled=False), picture, answers, room)


def _room_for_weights(path: Path, answers: Answers) -> int:
    with ModelArchive(path) as archive:
        room = _KERAS_ANYWAY + _A_THREAD * (os.cpu_count() or 1)
        room += _KERAS_COPIES * archive.size(WEIGHTS)
    answers.limit_memory(room)
    return room


def _run(model: keras.Model, picture: Picture, answers: Answers, room: int) -> None:
    """One picture, where it takes pictures, of a size that is known."""
    shape: Any = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3:
        return
    height, width = (
        given if side is None else side
        for side, given in zip(shape[1:3], picture or (None, None), strict=True)
    )
    if height is None or width is None:
        return
    answers.limit_memory(room + 2 * allowed_bytes(height * width))
    try:
        model.predict_on_batch(np.full((1, height, width, 3), _GREY, np.float32))
    except MemoryError:
        raise
    except Exception:  # which is told where the network is looked at for what it is
        return


_PARTS: Mapping[str, tuple[Callable[[], None], Callable[[Path, Answers, Picture], None]]] = {
    "graph": (_start_litert, _try_graph),
    "weights": (_start_hdf5, _try_weights),
    "network": (_start_keras, _try_network),
    "plain": (_start_keras, _try_plain),
}
"""How the libraries of each part are started, and how it is opened."""
