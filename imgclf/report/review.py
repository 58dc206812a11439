"""The review page: pictures with what a model says of them, to be corrected by looking."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, TypeGuard, TypeVar
from urllib.parse import quote

from imgclf.model.prediction import UNLIKE
from imgclf.report.explanations import Why
from imgclf.report.pages import is_page, refuse_to_replace, thumbnail, write_page
from imgclf.system.threads import map_in_threads

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
        label: What the model says it is; None if it can't be read, or if nobody has said yet.
        confidence: How sure the model is of that, 0 to 1; None likewise.
        given: What the data set says it is, where that is what a correction changes, rather than
            `label`.
        truth: What the data set says it is, where a correction changes `label`.
        error: Why it can't be read; None if it could.
        thumbnail: A small JPEG file of it; without one, the picture is read for it.
        unlike: It is unlike the pictures that the model knows.
        why: What explains the model's answer.
    """

    path: str
    label: str | None
    confidence: float | None
    given: str | None = None
    truth: str | None = None
    error: str | None = None
    thumbnail: bytes | None = None
    unlike: bool = False
    why: Why | None = None


class Labelled(NamedTuple):
    """A line of a table of labels."""

    path: str
    label: str
    part: str


@dataclass(frozen=True)
class Labelling:
    """What a page saves on which pictures get their first label.

    Attributes:
        file: What the table is called.
        parts: What each of the page's pictures is labelled for, by its path.
        earlier: The lines that the table begins with, so that the latest one has all of them.
    """

    file: str
    parts: Mapping[str, str]
    earlier: Sequence[Labelled] = ()


def write_review(
    target: Path,
    items: Iterable[ReviewItem],
    class_names: Sequence[str],
    title: str,
    note: str = "",
    command: str = "imgclf retrain corrections.csv",
    labelling: Labelling | None = None,
) -> list[Path]:
    """Writes the page, or several that link to each other if there are more than `PER_PAGE`.

    The page saves `corrections.csv` with the columns path and label: the absolute paths of the
    pictures that were given another label. One for first labels saves a table of its own name,
    with a column for the part.

    Args:
        target: The page; further ones are named `NAME-2.html` and so on.
        items: In the order of the page; of several with the same path the first counts.
        class_names: What a picture can be corrected to.
        title: The page's heading.
        note: A sentence below it.
        command: What to type once the table is saved.
        labelling: Where pictures get their first label.

    Returns:
        The files written.

    Raises:
        UsageError: A further page would replace a file that is none of imgclf's.
        WriteError: A page can't be written.
    """
    unique: dict[str, ReviewItem] = {}
    for item in items:
        unique.setdefault(str(Path.cwd() / item.path), item)
    pages = [dict(page) for page in _batches(unique.items(), PER_PAGE)] or [{}]
    paths = [target] + [
        target.with_stem(f"{target.stem}-{number}") for number in range(2, len(pages) + 1)
    ]
    for path in paths[1:]:
        refuse_to_replace("--review", path, "review")
    links = [quote(path.name, errors="surrogateescape") for path in paths]
    for number, (path, page) in enumerate(zip(paths, pages, strict=True)):
        values = {
            "title": title,
            "note": note,
            "pages": links,
            "current": number,
            "command": command,
            "review": _as_data(page, class_names)
            | _as_table(page, labelling, command)
            | {"why": _as_reasons(page)},
            "thumbnails": _thumbnails(page),
        }
        write_page(path, "review.html.j2", values)
    _remove_earlier(target, len(paths))
    return paths


def _remove_earlier(target: Path, count: int) -> None:
    """Removes the further pages of an earlier review that had more of them."""
    number = count + 1
    while is_page(later := target.with_stem(f"{target.stem}-{number}"), "review"):
        later.unlink()
        number += 1


def _as_data(items: dict[str, ReviewItem], class_names: Sequence[str]) -> dict[str, object]:
    """What the page's script works on, by columns; labels as positions in `names`.

    The first `classes` of the names are the model's; others, such as `unsure`, can't be given.
    """
    said = [name for item in items.values() for name in (item.label, item.given, item.truth)]
    used = [name for name in said if name]
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
            round(item.confidence, 4) if _is_number(item.confidence) else None for item in rows
        ],
        "given": [position[item.given] for item in rows],
        "truths": [position[item.truth] for item in rows],
        "notes": {str(row): UNLIKE for row, item in enumerate(rows) if item.unlike},
        "errors": {str(row): item.error for row, item in enumerate(rows) if item.error},
        "chunk": _PER_CHUNK,
    }
    # What the browser keeps a page's corrections by: the same pictures and answers, the same id.
    digest = hashlib.sha256(json.dumps(columns).encode()).hexdigest()
    return {"id": digest[:32], **columns}


def _as_table(
    items: dict[str, ReviewItem], labelling: Labelling | None, command: str
) -> dict[str, object]:
    """What is saved, and what to type then."""
    if labelling is None:
        return {"command": command, "file": "corrections.csv", "labelling": None}
    parts = [labelling.parts[item.path] for item in items.values()]
    lines = {"parts": parts, "earlier": labelling.earlier}
    return {"command": command, "file": labelling.file, "labelling": lines}


def _as_reasons(items: dict[str, ReviewItem]) -> dict[str, object] | None:
    """What explains the answers, by row; None if there is nothing.

    Training pictures are in it once, and a row names them by their places.
    """
    known: dict[tuple[str, bytes], int] = {}
    rows, looked = {}, None
    for row, item in enumerate(items.values()):
        if item.why is None:
            continue
        alike = [
            (known.setdefault((one.label, one.jpeg), len(known)), round(one.similarity, 3))
            for one in item.why.alike
        ]
        looked = item.why.looked or looked
        rows[str(row)] = (None if item.why.looked is None else item.why.looked.as_data(), alike)
    if not known and looked is None:
        return None
    return {
        "rows": rows,
        "known": [(label, base64.b64encode(jpeg).decode("ascii")) for label, jpeg in known],
        "view": None if looked is None else looked.view(),
    }


def _is_number(confidence: float | None) -> TypeGuard[float]:
    """Whether there is one: a broken model says NaN, which JSON can't say."""
    return confidence is not None and math.isfinite(confidence)


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
    return thumbnail(path) or b""


def _batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
