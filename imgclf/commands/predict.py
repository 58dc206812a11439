"""Labels for pictures: which are meant, the model that answers, where they are filed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from imgclf.data.decoder import DecoderSettings, Pixels, decode
from imgclf.data.file_walk import walk_files
from imgclf.data.formats import cannot_be_names
from imgclf.data.label_table import is_table, read_paths
from imgclf.data.left_out import LeftOut
from imgclf.model.engine import KerasEngine
from imgclf.model.prediction import Prediction
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import Classifier, Picture, open_classifier
from imgclf.model_file.lookup import find_model
from imgclf.spelling import path_as_spelled

if TYPE_CHECKING:
    from imgclf.data.filing import Filing

Read: TypeAlias = Callable[[str, DecoderSettings], Pixels]


def load(model: str | Path, callbacks: Sequence[str] = ()) -> Classifier:
    """A model, ready to answer; with callbacks it runs on Keras, which takes seconds to start.

    Args:
        model: A model file, or its name in models/.
        callbacks: `package.module:Class` or `path/file.py:Class` each; their predict hooks are
            called, with `self.model` set.

    Raises:
        ModelFileError: The model can't be read.
        UsageError: A callback can't be made.
    """
    file = find_model(Path(model), None)
    if not callbacks:
        return open_classifier(file)
    from imgclf.backend import keras
    from imgclf.callbacks.user_code import make_custom_callback
    from imgclf.model_file.keras_io import load_keras_model

    made = [make_custom_callback(reference, {}) for reference in callbacks]
    keras_model = load_keras_model(file)
    hooks = keras.callbacks.CallbackList(made, model=keras_model)
    return Classifier(read_manifest(file), KerasEngine(keras_model, hooks))


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
        else:
            yield from _stands_for(argument, left_out)


def _stands_for(argument: str, left_out: LeftOut) -> Iterator[str]:
    path = Path(spelled := _spelled(argument))
    if path.is_dir():
        yield from map(str, walk_files(path, left_out.add))
    elif is_table(path) and path.is_file():
        yield from map(str, read_paths(path))
    else:
        yield spelled


def _spelled(argument: str) -> str:
    given = Path(argument)
    stored = path_as_spelled(given)
    return argument if stored is given else str(stored)


def picture_on(standard_input: io.BufferedReader) -> bytes | None:
    """The file of a picture, if that is what comes on standard input; None if it is a list.

    Its first bytes tell, and of a list nothing is read yet.
    """
    return standard_input.read() if cannot_be_names(standard_input.peek(64)) else None


def reader(piped: bytes | None) -> Read | None:
    """What reads `-` as the picture that came on standard input; None if none did."""
    if piped is None:
        return None
    return lambda path, settings: decode(piped if path == "-" else path, settings)


def predict(
    model: str | Path | Classifier,
    pictures: Iterable[Picture] | Picture,
    min_confidence: float | Mapping[str, float] = 0.0,
) -> list[Prediction]:
    """What pictures show.

    One path stands for what it does in the command: a folder for the pictures below it, a table
    for those that it names. Several are taken as they are, and there is an answer for each. For
    very many, `Classifier.stream` yields the same.

    Args:
        model: A model file, or its name in models/; or one that is loaded.
        pictures: Paths, or whatever else is a `Picture`.
        min_confidence: See `Classifier.predict`.

    Raises:
        ModelFileError: The model can't be read.
        DataError: A table can't be read, or has no column for the path.
        UsageError: `min_confidence` names no class of the model, or is no share.
    """
    classifier = model if isinstance(model, Classifier) else load(model)
    if isinstance(pictures, str | Path):
        left_out = LeftOut()
        answers = classifier.predict(_stands_for(str(pictures), left_out), min_confidence)
        left_out.say()
        return answers
    return classifier.predict(pictures, min_confidence)


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
