"""The review page: pictures with what a model says of them, to be corrected by looking."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from imgclf.data.decoder import Within, decode
from imgclf.data.threads import map_in_threads
from imgclf.errors import PictureError
from imgclf.report.pages import THUMBNAIL_SIZE, as_jpeg, write_page

PER_PAGE: Final = 5_000
"""More pictures go to further pages: a browser holds about 35 MB for so many."""

_PER_CHUNK: Final = 50
"""Thumbnails in one element of the page: what is taken out of the text at once when one shows."""

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class ReviewItem:
    """A picture on the page.

    Attributes:
        path: The picture; if relative, to the working directory.
        label: What the model says it is; None if it can't be read.
        confidence: How sure the model is of that, 0 to 1; None likewise.
        given: What the data set says it is, where it has a label: then that is what a
            correction changes, and else `label`.
        error: Why it can't be read; None if it could.
        thumbnail: A small JPEG file of it; without one, the picture is read for it.
    """

    path: str
    label: str | None
    confidence: float | None
    given: str | None = None
    error: str | None = None
    thumbnail: bytes | None = None


def write_review(
    target: Path,
    items: Iterable[ReviewItem],
    class_names: Sequence[str],
    title: str,
    note: str = "",
) -> list[Path]:
    """Writes the page, or several that link to each other if there are more than `PER_PAGE`.

    The page saves `corrections.csv` with the columns path and label: the absolute paths of the
    pictures that were given another label.

    Args:
        target: The page; further ones are named `NAME-2.html` and so on.
        items: In the order of the page; of several with the same path the first counts.
        class_names: What a picture can be corrected to.
        title: The page's heading.
        note: A sentence below it.

    Returns:
        The files written.

    Raises:
        WriteError: A page can't be written.
    """
    unique: dict[str, ReviewItem] = {}
    for item in items:
        unique.setdefault(str(Path.cwd() / item.path), item)
    pages = [dict(page) for page in _batches(unique.items(), PER_PAGE)] or [{}]
    paths = [target] + [
        target.with_stem(f"{target.stem}-{number}") for number in range(2, len(pages) + 1)
    ]
    links = [quote(path.name, errors="surrogateescape") for path in paths]
    for number, (path, page) in enumerate(zip(paths, pages, strict=True)):
        values = {
            "title": title,
            "note": note,
            "pages": links,
            "current": number,
            "review": _as_data(page, class_names),
            "thumbnails": _thumbnails(page),
        }
        write_page(path, "review.html.j2", values)
    return paths


def _as_data(items: dict[str, ReviewItem], class_names: Sequence[str]) -> dict[str, object]:
    """What the page's script works on, by columns; labels as positions in `names`.

    The first `classes` of the names are the model's; others, such as `unsure`, can't be given.
    """
    used = [name for item in items.values() for name in (item.label, item.given) if name]
    names = list(dict.fromkeys([*class_names, *used]))
    position: dict[str | None, int | None] = {name: index for index, name in enumerate(names)}
    position[None] = None
    rows = items.values()
    columns = {
        "classes": len(class_names),
        "names": names,
        "paths": list(items),
        "labels": [position[item.label] for item in rows],
        "confidences": [
            None if item.confidence is None else round(item.confidence, 4) for item in rows
        ],
        "given": [position[item.given] for item in rows],
        "errors": {str(row): item.error for row, item in enumerate(rows) if item.error},
        "chunk": _PER_CHUNK,
    }
    # What the browser keeps a page's corrections by: the same pictures and answers, the same id.
    digest = hashlib.sha256(json.dumps(columns).encode()).hexdigest()
    return {"id": digest[:32], **columns}


def _thumbnails(items: dict[str, ReviewItem]) -> Iterator[str]:
    """Chunks of JPEG files in base64, one a line; an empty line for what can't be read."""
    for chunk in _batches(map_in_threads(_thumbnail, items.items()), _PER_CHUNK):
        yield "\n".join(base64.b64encode(jpeg).decode("ascii") for jpeg in chunk)


def _thumbnail(entry: tuple[str, ReviewItem]) -> bytes:
    path, item = entry
    if item.thumbnail is not None:
        return item.thumbnail
    if item.error is not None:
        return b""
    try:
        return as_jpeg(decode(path, Within(THUMBNAIL_SIZE)))
    except PictureError:
        return b""


def _batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
