"""Predictions gathered for a page on which people look at them and correct them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import DecoderSettings, Pixels, Within, decode_with_thumbnail
from imgclf.data.picture_files import Picture
from imgclf.model.prediction import Prediction
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.classifier import Classifier
from imgclf.report.explanations import Explanations as Explanations
from imgclf.report.explanations import Why, explained
from imgclf.report.pages import THUMBNAIL_SIZE, as_jpeg
from imgclf.report.review import ReviewItem, write_review
from imgclf.report.scores import interval_in_words
from imgclf.system import console


class Thumbnails:
    """Small JPEG files of the pictures that `predict` reads, some 5 KB each."""

    def __init__(self) -> None:
        self._by_path: dict[str, bytes] = {}

    def read(self, path: str, settings: DecoderSettings) -> Pixels:
        """What `decode` returns; a thumbnail of the same picture is kept.

        Raises:
            PictureError: The picture can't be read whole.
        """
        pixels, small = decode_with_thumbnail(path, settings, Within(THUMBNAIL_SIZE))
        self._by_path[path] = as_jpeg(small)
        return pixels

    def of(self, path: str) -> bytes | None:
        """That of a picture; None if it wasn't read."""
        return self._by_path.get(path)


def review(
    predictions: Iterable[Prediction],
    thumbnails: Thumbnails,
    target: Path,
    class_names: Sequence[str],
    model_name: str,
    command: str,
    why: Callable[[str], Why | None] = lambda _: None,
) -> Iterator[Prediction]:
    """Passes predictions on, and when they are all through writes the review page.

    The page shows first what is unlike the model's training pictures, then the least certain, and
    what can't be read last.

    Args:
        predictions: Of pictures that were read by `thumbnails.read`.
        thumbnails: Those that were kept while the pictures were read.
        target: The page; further ones are named `NAME-2.html` and so on.
        class_names: The model's.
        model_name: For the page's heading.
        command: What to type once corrections are saved.
        why: What explains the answer for a picture that could be read; asked for each in turn.

    Raises:
        UsageError: A further page would replace something else.
        WriteError: A page can't be written.
    """
    items = []
    for prediction in predictions:
        explained = why(prediction.path) if prediction.error is None else None
        items.append(_as_item(prediction, thumbnails, explained))
        yield prediction
    items.sort(key=lambda item: (not item.unlike, _certainty(item)))
    first = "Unlike its training pictures first, then the least certain."
    note = first if any(item.unlike for item in items) else "Least certain first."
    title = f"{_counted(len(items), 'picture')}, as {model_name} sees them"
    pages = write_review(target, items, class_names, title, note, command)
    _say_what_to_do(target, len(pages), command)


def why_of(
    explanations: Explanations | None, chosen: Sequence[Prediction] | None
) -> Callable[[str], Why | None]:
    """What explains answers, asked for each in turn.

    Args:
        explanations: Of the model; None if it has none.
        chosen: Answers of which the page shows these alone; None if it shows all, in the order in
            which they are given.
    """
    if explanations is None:
        return lambda _: None
    if chosen is None:
        return lambda _: explanations.following()
    return explanations.of_files([one.path for one in chosen]).get


def review_mistakes(
    target: Path,
    pictures: Sequence[Picture],
    labels: NDArray[np.int64],
    probabilities: Probabilities,
    command: str,
    classifier: Classifier,
    model: Path,
) -> None:
    """Writes a page of the pictures that a model has wrong, the most confident answers first.

    Args:
        target: The page.
        pictures: That the model was judged by.
        labels: What they are, as positions in the model's classes.
        probabilities: Shape (pictures, classes).
        command: What to type once corrections are saved.
        classifier: The model, which explains the first of its mistakes.
        model: Its file.

    Raises:
        UsageError: A further page would replace something else.
        WriteError: A page can't be written.
    """
    manifest = classifier.manifest
    names = manifest.class_names
    given = probabilities.argmax(axis=1)
    confidences = probabilities[np.arange(len(given)), given]
    wrong = np.flatnonzero(given != labels)
    ranked = wrong[np.argsort(-confidences[wrong], kind="stable")]
    why = explained(classifier, model, [str(pictures[place].path) for place in ranked.tolist()])
    items = [
        ReviewItem(
            str(pictures[place].path),
            names[given[place]],
            float(confidences[place]),
            truth=names[labels[place]],
            why=why.get(str(pictures[place].path)),
        )
        for place in ranked.tolist()
    ]
    title = f"{_counted(len(items), 'mistake')} of {manifest.name} in {len(labels):,}"
    right = len(labels) - len(wrong)
    share = f"{right / max(len(labels), 1):.1%} are right{interval_in_words(right, len(labels))}. "
    note = "Most confident first. The label is the model's answer, below it is the data set's."
    note = share + note
    pages = write_review(target, items, names, title, note, command)
    _say_what_to_do(target, len(pages), command)


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def _say_what_to_do(target: Path, pages: int, command: str) -> None:
    also = f" and {pages - 1} more" if pages > 1 else ""
    console.note(f"{target}{also}: to look at in a browser, and to correct; then:")
    console.note(f"  {command}")


def _as_item(prediction: Prediction, thumbnails: Thumbnails, why: Why | None) -> ReviewItem:
    return ReviewItem(
        prediction.path,
        prediction.label,
        prediction.confidence,
        error=prediction.error,
        thumbnail=thumbnails.of(prediction.path),
        unlike=bool(prediction.unlike),
        why=why,
    )


def _certainty(item: ReviewItem) -> float:
    """What can't be read comes last, after what a broken model is NaN sure of."""
    if item.confidence is None:
        return 3.0
    return 2.0 if math.isnan(item.confidence) else item.confidence
