"""What `check` found as a page: the findings with the pictures that they name, classes, sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from imgclf.data.dataset import DataSet
from imgclf.data.findings import Finding, count_pictures
from imgclf.data.picture_files import Picture
from imgclf.data.survey import Shape, upright_shape
from imgclf.errors import PictureError
from imgclf.report import charts
from imgclf.report.pages import thumbnail, write_page
from imgclf.report.size_chart import chart_sizes
from imgclf.system.threads import work_through

_SIZE: Final = 128
_OF_A_KIND: Final = 24
_OF_A_FINDING: Final = 6
"""Pictures of near copies and the like, of which there can be hundreds in one group."""
_SAMPLES: Final = 4
_SAMPLED: Final = 60
"""Classes of which samples are shown."""
_MEASURED: Final = 20_000


@dataclass(frozen=True)
class Shown:
    """A picture on the page.

    Attributes:
        label: Its class; None if it takes no part.
        part: What it is for; None likewise.
        jpeg: A small file of it; None if it can't be read.
    """

    path: str
    name: str
    label: str | None
    part: str | None
    jpeg: bytes | None


@dataclass(frozen=True)
class ShownFinding:
    """A finding with the first of its pictures.

    Attributes:
        message: What it is; None where the pictures say it with their labels and parts.
        more: How many pictures are not shown.
    """

    message: str
    pictures: tuple[Shown, ...]
    more: int


@dataclass(frozen=True)
class ShownKind:
    """Findings of a kind, of which the first are shown.

    Attributes:
        grave: It makes a score or a label a lie.
        count: How many there are.
    """

    kind: str
    grave: bool
    count: int
    shown: tuple[ShownFinding, ...]


def write_check_page(
    target: Path, name: str, data: DataSet, findings: Sequence[Finding], said: Sequence[str]
) -> None:
    """Writes the page.

    Args:
        target: The page.
        name: Of the config.
        data: Its pictures.
        findings: About them.
        said: What else there is to say of the config, in sentences.

    Raises:
        WriteError: It can't be written.
    """
    kinds = [
        (kind, list(members))
        for kind, members in groupby(sorted(findings, key=_weight), lambda one: one.kind)
    ]
    samples = _samples(data)
    wanted = [
        path
        for _, members in kinds
        for one in members[:_OF_A_KIND]
        for path in one.pictures[:_OF_A_FINDING]
    ]
    wanted += [picture.path for pictures in samples.values() for picture in pictures]
    small = _Thumbnails(data, wanted)
    sizes = chart_sizes(
        _shapes([picture for part in data.parts for picture in part.pictures]), data.settings
    )
    write_page(
        target,
        "check.html.j2",
        {
            "name": name,
            "data": data,
            "said": said,
            "multi_label": data.folder.arrangement.multi_label,
            "counts": count_pictures(data),
            "kinds": [_shown(kind, members, small) for kind, members in kinds],
            "samples": {
                label: [small.of(one.path) for one in pictures]
                for label, pictures in samples.items()
            },
            "sizes": sizes,
            "frame": charts,
        },
    )


class _Thumbnails:
    """Small files of some pictures, made at once."""

    def __init__(self, data: DataSet, wanted: Iterable[Path]) -> None:
        self._folder = data.folder
        self._known = {
            picture.path: (picture.called(data.folder.class_names), part)
            for part, of_part in zip(("training", "validation", "test"), data.parts, strict=True)
            for picture in of_part.pictures
        }
        paths = list(dict.fromkeys(wanted))
        making = work_through(
            lambda path: thumbnail(path, _SIZE), paths, "making thumbnails", meanwhile="nothing"
        )
        with closing(making) as made:
            self._made = dict(zip(paths, made, strict=True))

    def of(self, path: Path) -> Shown:
        """As it is shown."""
        label, part = self._known.get(path, (None, None))
        return Shown(str(path), self._folder.relative(path), label, part, self._made.get(path))


def _weight(finding: Finding) -> tuple[int, str]:
    return finding.weight, finding.kind


def _shown(kind: str, findings: Sequence[Finding], small: _Thumbnails) -> ShownKind:
    return ShownKind(
        kind,
        findings[0].is_grave,
        len(findings),
        tuple(
            ShownFinding(
                one.message,
                tuple(small.of(path) for path in one.pictures[:_OF_A_FINDING]),
                max(0, len(one.pictures) - _OF_A_FINDING),
            )
            for one in findings[:_OF_A_KIND]
        ),
    )


def _samples(data: DataSet) -> dict[str, list[Picture]]:
    """Some training pictures of each of the first classes, drawn by lot."""
    part, found = data.training, {}
    random = np.random.default_rng(0)
    for label, name in enumerate(data.folder.class_names[:_SAMPLED]):
        of_class = [row for row, one in enumerate(part.pictures) if label in one.labels]
        rows = random.permutation(of_class)[:_SAMPLES]
        found[name] = [part.pictures[row] for row in sorted(rows.tolist())]
    return found


def _shapes(pictures: Sequence[Picture]) -> Counter[Shape]:
    """How often each (height, width) is there, of all pictures or so many drawn by lot."""
    rows = np.random.default_rng(0).permutation(len(pictures))[:_MEASURED]
    some = [pictures[row] for row in rows.tolist()]
    measuring = work_through(_shape, some, "measuring pictures", meanwhile="nothing")
    with closing(measuring) as shapes:
        return Counter(_there(shapes))


def _there(shapes: Iterable[Shape | None]) -> Iterator[Shape]:
    return (shape for shape in shapes if shape is not None)


def _shape(picture: Picture) -> Shape | None:
    try:
        return upright_shape(picture.path)
    except (PictureError, OSError, ValueError, SyntaxError):  # it was there a moment ago
        return None
