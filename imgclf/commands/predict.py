"""Labels for pictures: read, decode in threads, run in batches, one row for each input."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from imgclf.data.decoder import DecoderSettings, Pixels, decode
from imgclf.data.file_walk import walk_files
from imgclf.data.formats import cannot_be_names
from imgclf.data.label_table import is_table, read_paths
from imgclf.data.left_out import LeftOut
from imgclf.errors import PictureError
from imgclf.model.engine import BATCH_SIZE, KerasEngine
from imgclf.model.prediction import Prediction
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.spelling import path_as_spelled
from imgclf.system.threads import map_in_threads

if TYPE_CHECKING:
    from imgclf.data.filing import Filing

Read: TypeAlias = Callable[[str, DecoderSettings], Pixels]
_Read = TypeVar("_Read")


def open_for_prediction(model: Path, callbacks: Sequence[str]) -> Classifier:
    """The model, ready to answer; with callbacks it runs on Keras, which takes seconds to start.

    Args:
        model: The model file.
        callbacks: `package.module:Class` or `path/file.py:Class` each; their predict hooks are
            called, with `self.model` set.

    Raises:
        ModelFileError: The model can't be read.
        UsageError: A callback can't be made.
    """
    if not callbacks:
        return open_classifier(model)
    from imgclf.backend import keras
    from imgclf.callbacks.user_code import make_custom_callback
    from imgclf.model_file.keras_io import load_keras_model

    made = [make_custom_callback(reference, {}) for reference in callbacks]
    keras_model = load_keras_model(model)
    hooks = keras.callbacks.CallbackList(made, model=keras_model)
    return Classifier(read_manifest(model), KerasEngine(keras_model, hooks))


def find_inputs(
    arguments: Iterable[str], standard_input: Iterable[str], left_out: LeftOut | None = None
) -> Iterator[str]:
    """Yields the paths of the pictures that arguments stand for.

    A folder stands for the pictures below it, a table for those that it names, `-` for a list on
    standard input, one path a line; everything else is a picture, whether or not it exists.

    Args:
        arguments: As they were typed.
        standard_input: Its lines.
        left_out: Gets what lies in folders and is no picture, or can't be looked into.

    Raises:
        DataError: A table can't be read, or has no column for the path.
    """
    left_out = LeftOut() if left_out is None else left_out
    for argument in arguments:
        if argument == "-":
            yield from (_spelled(line.rstrip("\r\n")) for line in standard_input if line.strip())
        elif Path(path := _spelled(argument)).is_dir():
            yield from map(str, walk_files(Path(path), left_out.add))
        elif is_table(Path(path)) and Path(path).is_file():
            yield from map(str, read_paths(Path(path)))
        else:
            yield path


def _spelled(argument: str) -> str:
    given = Path(argument)
    stored = path_as_spelled(given)
    return argument if stored is given else str(stored)


def picture_on(standard_input: io.BufferedReader) -> bytes | None:
    """The file of a picture, if that is what comes on standard input; None if it is a list.

    Its first bytes tell, and of a list nothing is read yet.
    """
    return standard_input.read() if cannot_be_names(standard_input.peek(64)) else None


def reader(piped: bytes | None) -> Read:
    """What reads pictures, and `-` as the one that came on standard input, if one did."""
    if piped is None:
        return decode
    return lambda path, settings: decode(piped if path == "-" else path, settings)


def predict(
    classifier: Classifier,
    paths: Iterable[str],
    min_confidence: Mapping[str, float] | None = None,
    read: Read = decode,
) -> Iterator[Prediction]:
    """Yields one prediction for each path, in order, as soon as its batch is done.

    Memory does not grow with the number of paths.

    Args:
        classifier: The model, from `open_for_prediction`.
        paths: Pictures.
        min_confidence: By class name, below which that label is `unsure`; None for no limits.
        read: What stands in for `decode`; called from several threads.
    """
    settings = classifier.manifest.decoder.settings()
    for batch in in_batches(paths, lambda path: read(path, settings)):
        yield from _answer(classifier, batch, min_confidence or {})
    classifier.engine.finish()


def in_batches(
    paths: Iterable[str], read: Callable[[str], _Read]
) -> Iterator[list[tuple[str, _Read | PictureError]]]:
    """Reads pictures in threads and yields them a few at a time, in order.

    Args:
        paths: The pictures.
        read: Called with each of them; what it raises of one that can't be read is yielded.
    """

    def try_to_read(path: str) -> tuple[str, _Read | PictureError]:
        try:
            return path, read(path)
        except PictureError as error:
            return path, error

    batch: list[tuple[str, _Read | PictureError]] = []
    for item in map_in_threads(try_to_read, paths, window=2 * BATCH_SIZE):
        batch.append(item)
        if len(batch) == BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch


def sort(predictions: Iterable[Prediction], directory: Path, how: Filing) -> Iterator[Prediction]:
    """Files each picture into `directory/LABEL/` and passes its prediction on.

    Pictures that can't be read stay where they are.

    Raises:
        DataError: A label can't be a folder's name, or the file system refuses.
    """
    from imgclf.data.filing import file_picture  # it hashes, which a prediction does without

    for prediction in predictions:
        if prediction.label is not None:
            file_picture(Path(prediction.path), directory, prediction.label, how)
        yield prediction


def _answer(
    classifier: Classifier,
    batch: list[tuple[str, Pixels | PictureError]],
    min_confidence: Mapping[str, float],
) -> Iterator[Prediction]:
    readable = [pixels for _, pixels in batch if not isinstance(pixels, PictureError)]
    answers = iter(_answers(classifier, np.stack(readable)) if readable else ())
    for path, pixels in batch:
        if isinstance(pixels, PictureError):
            yield Prediction.unreadable(path, pixels.message)
        else:
            row, unlike = next(answers)
            answer = Prediction.of(path, row, classifier.manifest.class_names, unlike)
            yield answer.or_unsure(min_confidence)


def _answers(classifier: Classifier, pixels: Pixels) -> Iterator[tuple[Probabilities, bool | None]]:
    """The probabilities of each picture, and whether it is unlike what the model knows."""
    probabilities, features = classifier.probabilities_and_features(pixels)
    unlike = classifier.unlike(features)
    said = [None] * len(pixels) if unlike is None else unlike.tolist()
    return zip(probabilities, said, strict=True)
