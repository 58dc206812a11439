"""Predictions gathered for a page on which people look at them and correct them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from imgclf.data.decoder import DecoderSettings, Pixels, Within, decode_with_thumbnail
from imgclf.model.prediction import Prediction
from imgclf.report.pages import THUMBNAIL_SIZE, as_jpeg
from imgclf.report.review import ReviewItem, refuse_target, write_review
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
) -> Iterator[Prediction]:
    """Passes predictions on, and when they are all through writes the review page.

    The page shows the least certain first and what can't be read last.

    Args:
        predictions: Of pictures that were read by `thumbnails.read`.
        thumbnails: Those that were kept while the pictures were read.
        target: The page; further ones are named `NAME-2.html` and so on.
        class_names: The model's.
        model_name: For the page's heading.
        command: What to type once corrections are saved.

    Raises:
        WriteError: The page can't be written, which is found out before the first prediction.
        UsageError: It would replace something else; likewise.
    """
    refuse_target(target)
    items = []
    for prediction in predictions:
        items.append(_as_item(prediction, thumbnails))
        yield prediction
    items.sort(key=_certainty)
    counted = "1 picture" if len(items) == 1 else f"{len(items):,} pictures"
    title = f"{counted}, as {model_name} sees them"
    pages = write_review(target, items, class_names, title, "Least certain first.", command)
    also = f" and {len(pages) - 1} more" if len(pages) > 1 else ""
    console.note(f"{target}{also}: to look at in a browser, and to correct; then:")
    console.note(f"  {command}")


def _as_item(prediction: Prediction, thumbnails: Thumbnails) -> ReviewItem:
    return ReviewItem(
        prediction.path,
        prediction.label,
        prediction.confidence,
        error=prediction.error,
        thumbnail=thumbnails.of(prediction.path),
    )


def _certainty(item: ReviewItem) -> float:
    """What can't be read comes last, after what a broken model is NaN sure of."""
    if item.confidence is None:
        return 3.0
    return 2.0 if math.isnan(item.confidence) else item.confidence
