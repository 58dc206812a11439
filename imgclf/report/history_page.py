"""The versions of a model as a page: what each scored, and what it was corrected by."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgclf.corrections.corrected_pictures import kept_file
from imgclf.model_file.manifest import Correction
from imgclf.model_file.versions import Version
from imgclf.report import charts
from imgclf.report.charts import BOTTOM, Tick, across, round_numbers, up
from imgclf.report.pages import thumbnail, write_page
from imgclf.system.threads import work_through

_SIZE: Final = 128
_SHOWN: Final = 240
"""Pictures of corrections; the newest."""
_OF_A_VERSION: Final = 24
_LABELS: Final = 12


@dataclass(frozen=True)
class Point:
    """What a version scored.

    Attributes:
        low: Where the interval ends; None if it isn't known.
        high: Likewise, above.
        same: On the pictures that the others were scored on, too.
    """

    x: float
    y: float
    low: float | None
    high: float | None
    same: bool
    title: str


@dataclass(frozen=True)
class Bar:
    """How many corrections are in force in a version."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class HistoryChart:
    """Scores, or corrections, of the versions from left to right."""

    points: tuple[Point, ...]
    bars: tuple[Bar, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class ShownCorrection:
    """A picture that a version was corrected by.

    Attributes:
        jpeg: A small file of it; None if it is gone.
    """

    correction: Correction
    name: str
    jpeg: bytes | None


@dataclass(frozen=True)
class ShownVersion:
    """A version with the pictures that it was corrected by."""

    version: Version
    corrections: tuple[ShownCorrection, ...]

    @property
    def more(self) -> int:
        """New corrections that are not shown."""
        return len(self.version.new) - len(self.corrections)


def write_history_page(target: Path, model: Path, found: Sequence[Version]) -> None:
    """Writes the page.

    Args:
        target: The page.
        model: The model file, beside which the corrected pictures are kept.
        found: Its versions, oldest first; at least one.

    Raises:
        WriteError: It can't be written.
    """
    newest_first = list(reversed(found))
    write_page(
        target,
        "history.html.j2",
        {
            "model": model,
            "used": next(one for one in found if one.in_use),
            "versions": _shown(model, newest_first),
            "scores": _scores(found),
            "corrections": _corrections(found),
            "frame": charts,
        },
    )


def _shown(model: Path, versions: Sequence[Version]) -> list[ShownVersion]:
    room, chosen = _SHOWN, list[list[Correction]]()
    for one in versions:
        chosen.append(list(one.new[: min(room, _OF_A_VERSION)]))
        room -= len(chosen[-1])
    wanted = list(dict.fromkeys(one for of_version in chosen for one in of_version))

    def small(one: Correction) -> bytes | None:
        kept = kept_file(model, one.digest)
        return thumbnail(kept if kept is not None else Path(one.path), _SIZE)

    with closing(work_through(small, wanted, "making thumbnails", meanwhile="nothing")) as made:
        jpegs = dict(zip(wanted, made, strict=True))
    return [
        ShownVersion(
            version,
            tuple(ShownCorrection(one, Path(one.path).name, jpegs[one]) for one in corrections),
        )
        for version, corrections in zip(versions, chosen, strict=True)
    ]


def _scores(found: Sequence[Version]) -> HistoryChart | None:
    """Accuracies with their intervals; None if none was measured."""
    scored = [one for one in found if one.score is not None]
    if not scored:
        return None
    ends = [one.score for one in scored if one.score is not None]
    ends += [
        end
        for one in scored
        if one.score_interval is not None
        for end in (one.score_interval.low, one.score_interval.high)
    ]
    marks = round_numbers(min(ends), max(ends))

    def y(value: float) -> float:
        return up((value - marks[0]) / (marks[-1] - marks[0]))

    points = tuple(
        Point(
            _place(place, len(found)),
            y(one.score),
            None if one.score_interval is None else y(one.score_interval.low),
            None if one.score_interval is None else y(one.score_interval.high),
            one.same_pictures,
            f"version {one.version}: {one.score:.4f}"
            + ("" if one.pictures is None else f" on {one.pictures} pictures"),
        )
        for place, one in enumerate(found)
        if one.score is not None
    )
    ticks = tuple(Tick(y(mark), f"{mark:.4g}") for mark in marks)
    return HistoryChart(points, (), _versions(found), ticks)


def _corrections(found: Sequence[Version]) -> HistoryChart | None:
    """How many are in force; None if there never were any."""
    most = max(one.corrections for one in found)
    if not most:
        return None
    marks = round_numbers(0, max(most, 4))
    width = round(0.6 * (across(1) - across(0)) / max(len(found), 4), 1)

    def bar(place: int, one: Version) -> Bar:
        top = up(one.corrections / marks[-1])
        title = f"version {one.version}: {one.corrections} corrections, {len(one.new)} of them new"
        x = round(_place(place, len(found)) - width / 2, 1)
        return Bar(x, top, width, round(BOTTOM - top, 1), title)

    bars = tuple(bar(place, one) for place, one in enumerate(found))
    ticks = tuple(Tick(up(mark / marks[-1]), f"{mark:.4g}") for mark in marks)
    return HistoryChart((), bars, _versions(found), ticks)


def _place(place: int, count: int) -> float:
    return across((place + 0.5) / max(count, 1))


def _versions(found: Sequence[Version]) -> tuple[Tick, ...]:
    """Their numbers, as many as can be read."""
    step = -(-len(found) // _LABELS)
    return tuple(
        Tick(_place(place, len(found)), f"{one.version}")
        for place, one in enumerate(found)
        if place % step == 0
    )
