"""What the sample data set is drawn with: a pen, and colours."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]
Points = Sequence[Point]


@dataclass(frozen=True)
class Pen:
    """Draws in units of half a head's width, around the middle of the head, tilted with it.

    With `both`, everything is drawn on the other side as well, as in a mirror.
    """

    canvas: ImageDraw.ImageDraw
    centre: Point
    unit: float
    tilt: float  # radians, clockwise

    def at(self, point: Point) -> Point:
        """Where a point of the animal lies in the picture, in pixels."""
        x, y = _turned(point, self.tilt)
        return (self.centre[0] + x * self.unit, self.centre[1] + y * self.unit)

    def shape(self, points: Points, fill: Colour, both: bool = False) -> None:
        """A filled polygon."""
        for side in (1, -1) if both else (1,):
            self.canvas.polygon([self.at((side * x, y)) for x, y in points], fill=fill)

    def line(self, points: Points, fill: Colour, width: float, both: bool = False) -> None:
        """A line from point to point."""
        for side in (1, -1) if both else (1,):
            at = [self.at((side * x, y)) for x, y in points]
            self.canvas.line(at, fill=fill, width=max(1, round(width * self.unit)), joint="curve")

    def oval(
        self, middle: Point, radii: Point, fill: Colour, both: bool = False, turn: float = 0
    ) -> None:
        """A filled ellipse, turned clockwise by `turn` radians."""
        (x, y), (wide, high) = middle, radii
        angles = (2 * math.pi * step / 40 for step in range(40))
        ring = [_turned((wide * math.cos(a), high * math.sin(a)), turn) for a in angles]
        self.shape([(x + dx, y + dy) for dx, dy in ring], fill, both)


def shade(colour: Colour, light: float, more: float = 0) -> Colour:
    """The colour with its channels times `light`, and `more` added."""
    return _colour(channel * light + more for channel in colour)


def varied(colour: Colour, rng: random.Random, spread: float) -> Colour:
    """The colour, each channel off by at most `spread`."""
    return _colour(channel + rng.uniform(-spread, spread) for channel in colour)


def _colour(channels: Iterable[float]) -> Colour:
    red, green, blue = (round(min(255.0, max(0.0, channel))) for channel in channels)
    return red, green, blue


def _turned(point: Point, angle: float) -> Point:
    x, y = point
    cos, sin = math.cos(angle), math.sin(angle)
    return (x * cos - y * sin, x * sin + y * cos)
