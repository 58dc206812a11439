"""What was seen of a data set, for people."""

from __future__ import annotations

from collections.abc import Iterator

from imgclf.data.left_out import by_reason, counted
from imgclf.data.survey import Shape, Survey

_LISTED = 20


def survey_lines(seen: Survey, image_size: Shape, resize: str) -> Iterator[str]:
    """Classes, sizes and what was left out, and what the config makes of them."""
    folder = seen.folder
    counts = [f"{name} {count}" for name, count in seen.counts.items()]
    more = f" and {len(counts) - _LISTED} more" if len(counts) > _LISTED else ""
    yield (
        f"{sum(seen.counts.values())} pictures of {len(counts)} classes: "
        f"{', '.join(counts[:_LISTED])}{more}"
    )
    yield (
        f"{len(folder.training)} to train on, {len(folder.validation)} to validate on, "
        f"{len(folder.test)} to test on"
    )
    (height, width), (rows, columns) = seen.typical_shape, image_size
    yield (f"typically {width} x {height} pixels; the network sees {columns} x {rows} ({resize})")
    yield from folder.notes
    if folder.arrangement.classes == "leaves":
        yield "each folder of pictures is a class; for those at the top: data.classes: folders"
    if folder.arrangement.table is not None:
        yield f"what they are stands in {folder.arrangement.table}"
    if folder.skipped:
        yield f"left out {counted(by_reason(folder.skipped))} (imgclf check names them)"
