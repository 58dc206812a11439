"""The embedded sample data set: cats and dogs, drawn, for a first try with no data at hand.

The two share furs, poses and places, and now and then a dog pricks its ears, a cat folds hers or
something stands in front, so that a small network tells most of them apart but not all.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from imgclf.data.drawing import Colour, Pen, shade, varied

Animal = Literal["cat", "dog"]

ANIMALS: Final[tuple[Animal, ...]] = ("cat", "dog")

_FURS: Final[tuple[Colour, ...]] = (
    (52, 48, 50),  # black
    (128, 128, 134),  # grey
    (214, 134, 62),  # ginger
    (232, 208, 168),  # cream
    (240, 238, 232),  # white
    (150, 104, 66),  # brown
    (98, 62, 42),  # chocolate
)
_PLACES: Final[tuple[tuple[Colour, Colour], ...]] = (
    ((150, 198, 232), (112, 164, 84)),  # sky above a meadow
    ((222, 206, 180), (150, 112, 80)),  # wall above a floor
    ((196, 120, 110), (120, 66, 66)),  # a sofa
    ((92, 110, 140), (62, 70, 96)),  # at dusk
)
_CAT_EYES: Final[tuple[Colour, ...]] = ((150, 190, 80), (222, 180, 60), (120, 180, 210))
_DOG_EYES: Final[tuple[Colour, ...]] = ((84, 52, 32), (60, 40, 30), (120, 160, 190))
_PATTERNS: Final = ("plain", "stripes", "patches", "blaze")
_EARS: Final = ("pricked", "folded", "hanging")
_STEPS: Final = [step / 10 for step in range(11)]  # along a curve
_DARK: Final[Colour] = (34, 28, 28)
_PINK: Final[Colour] = (226, 140, 146)

_FINER: Final = 3
"""Drawn at three times the size and shrunk, since ImageDraw's edges are jagged."""


def draw_sample(directory: Path, count_per_class: int = 200, seed: int = 1) -> None:
    """Writes a data set of class folders: `cat/cat-001.jpg`, ..., `dog/dog-001.jpg`, ...

    The same seed gives the same pictures, and a larger count gives the same ones and more.

    Args:
        directory: Where the class folders go; made if it isn't there.
        count_per_class: How many cats, and how many dogs.
        seed: Another seed gives other pictures.

    Raises:
        OSError: The pictures can't be written.
    """
    for animal in ANIMALS:
        folder = directory / animal
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, count_per_class + 1):
            rng = random.Random(f"{seed} {animal} {number}")
            picture = draw_animal(animal, rng)
            picture.save(folder / f"{animal}-{number:03}.jpg", quality=rng.randint(75, 92))


def draw_animal(animal: Animal, rng: random.Random) -> Image.Image:
    """One RGB picture of 96 to 160 pixels a side."""
    size = (rng.randint(96, 160), rng.randint(96, 160))
    finer = (size[0] * _FINER, size[1] * _FINER)
    scene = _place(size, rng).resize(finer, Image.Resampling.BILINEAR)
    portrait = rng.random() < 0.7
    unit = min(scene.size) * (rng.uniform(0.27, 0.38) if portrait else rng.uniform(0.18, 0.22))
    centre = (scene.width * rng.uniform(0.38, 0.62), scene.height * rng.uniform(0.38, 0.5))
    pen = Pen(ImageDraw.Draw(scene), centre, unit, tilt=rng.gauss(0, 0.18))
    _Sitter.of(animal, rng).draw(pen, rng, portrait)
    if rng.random() < 0.3:
        _something_in_front(scene, rng)
    return _photographed(scene.resize(size, Image.Resampling.BOX), rng)


@dataclass(frozen=True)
class _Sitter:
    """What one animal looks like."""

    animal: Animal
    fur: Colour
    second: Colour  # of stripes, patches and the ears of some
    pattern: str
    ears: str
    muzzle: float  # how far the muzzle stands out, 0 to 1
    whiskers: bool
    tongue: bool
    asleep: bool
    eyes: Colour

    @classmethod
    def of(cls, animal: Animal, rng: random.Random) -> _Sitter:
        cat = animal == "cat"
        fur = varied(rng.choice(_FURS), rng, 14)
        patterns = (3, 5, 2, 1) if cat else (3, 2, 4, 3)
        ears = (88, 7, 5) if cat else (15, 17, 68)
        return cls(
            animal=animal,
            fur=fur,
            second=varied(rng.choice((shade(fur, 0.55), *_FURS)), rng, 10),
            pattern=rng.choices(_PATTERNS, patterns)[0],
            ears=rng.choices(_EARS, ears)[0],
            muzzle=min(1.0, max(0.0, rng.gauss(0.2 if cat else 0.7, 0.15))),
            whiskers=rng.random() < (0.85 if cat else 0.12),
            tongue=rng.random() < (0.04 if cat else 0.45),
            asleep=rng.random() < 0.12,
            eyes=rng.choice(_CAT_EYES if cat else _DOG_EYES),
        )

    def draw(self, pen: Pen, rng: random.Random, portrait: bool) -> None:
        """From behind to the front: body, ears, head with its pattern, face."""
        self._body(pen, rng, portrait)
        ears = self.second if self.pattern in ("blaze", "patches") else shade(self.fur, 0.86)
        if self.ears == "pricked":
            self._ears(pen, ears, rng)
        self._head(pen, rng)
        if self.ears != "pricked":
            self._ears(pen, ears, rng)
        self._face(pen, rng)

    def _body(self, pen: Pen, rng: random.Random, portrait: bool) -> None:
        darker = shade(self.fur, 0.9)
        if not portrait:
            side = rng.choice((-1, 1))
            reach, thick = (1.6, 0.24) if self.animal == "cat" else (1.2, 0.3)
            tail = [(side * (0.6 + reach * t), 2.9 - 1.9 * t * t) for t in _STEPS]
            pen.line(tail, darker, thick)
            pen.oval(tail[-1], (0.12, 0.12), self.second)
        pen.oval((0, 2.1), (1.05, 1.5), darker)
        if self.pattern == "stripes":
            for y in (1.5, 1.9, 2.3, 2.7):
                pen.line([(0.95, y - 0.1), (0.5, y + 0.05)], self.second, 0.12, both=True)
        pen.oval((0, 1.8), (0.5, 0.85), shade(self.fur, 1.15))
        pen.oval((0.45, 3.3), (0.34, 0.26), self.fur, both=True)
        if rng.random() < 0.35:
            collar = varied((190, 50, 60), rng, 60)
            pen.line([(-0.62, 0.95), (0, 1.15), (0.62, 0.95)], collar, 0.15)

    def _ears(self, pen: Pen, colour: Colour, rng: random.Random) -> None:
        if self.ears == "pricked":
            tip_x, tip_y = (0.84, -1.35) if self.animal == "cat" else (0.68, -1.5)
            inside = shade(_PINK, rng.uniform(0.7, 1))
            pen.shape([(0.95, -0.25), (tip_x, tip_y), (0.2, -0.72)], colour, both=True)
            pen.shape([(0.8, -0.4), (tip_x, tip_y + 0.25), (0.4, -0.68)], inside, both=True)
        elif self.ears == "folded":
            flap = [(0.86, -0.95), (0.34, -0.86), (0.8, -0.42)]
            pen.shape([(0.95, -0.35), (0.8, -0.98), (0.3, -0.8)], colour, both=True)
            pen.shape(flap, shade(colour, 0.75), both=True)
        else:
            length = rng.uniform(0.5, 0.75)
            pen.oval((0.95, length - 0.6), (0.29, length), colour, both=True, turn=-0.22)

    def _head(self, pen: Pen, rng: random.Random) -> None:
        pen.oval((0, 0), (1.0, 0.86) if self.animal == "cat" else (0.9, 0.92), self.fur)
        if self.pattern == "stripes":
            pen.line([(0, -0.8), (0, -0.42)], self.second, 0.1)
            pen.line([(0.28, -0.73), (0.2, -0.42)], self.second, 0.1, both=True)
            for y in (0.12, 0.34):
                pen.line([(0.92, y), (0.62, y + 0.04)], self.second, 0.09, both=True)
        elif self.pattern == "patches":
            side = rng.choice((-1, 1))
            pen.oval((side * 0.42, -0.16), (0.36, 0.42), self.second, turn=side * 0.3)
        elif self.pattern == "blaze":
            pen.oval((0, -0.4), (0.17, 0.44), shade(self.fur, 1.3))

    def _face(self, pen: Pen, rng: random.Random) -> None:
        out = self.muzzle
        light = shade(self.fur, 1.25, more=30)
        pen.oval((0.17, 0.38), (0.26 + 0.1 * out, 0.22 + 0.13 * out), light, both=True)
        if out > 0.5:
            pen.oval((0, 0.2), (0.2 + 0.12 * out, 0.34), light)
        mouth = 0.36 + 0.16 * out
        if self.tongue:
            pen.oval((0, mouth + 0.22), (0.13, 0.24), _PINK)
        smile = [(0.3 * t, mouth + 0.12 * math.sin(math.pi * t)) for t in _STEPS]
        pen.line(smile, _DARK, 0.045, both=True)
        self._eyes(pen, rng)
        nose = 0.09 + 0.12 * out
        dark = self.animal == "dog" or rng.random() < 0.25
        pen.oval((0, 0.2 + 0.04 * out), (nose, nose * 0.75), _DARK if dark else shade(_PINK, 0.85))
        if self.whiskers:
            seen = (250, 250, 250) if sum(self.fur) < 560 else (90, 84, 80)
            for lift in (-0.12, 0.02, 0.16):
                pen.line([(0.3, 0.36 + lift / 3), (1.25, 0.3 + lift)], seen, 0.03, both=True)

    def _eyes(self, pen: Pen, rng: random.Random) -> None:
        x, y = 0.4, -0.12
        if self.asleep:
            lid = [(x - 0.18 + 0.36 * t, y + 0.08 * math.sin(math.pi * t)) for t in _STEPS]
            pen.line(lid, _DARK, 0.06, both=True)
            return
        cat = self.animal == "cat"
        slant = -0.25 if cat else 0.0
        pen.oval((x, y), (0.22, 0.17) if cat else (0.17, 0.17), _DARK, both=True, turn=slant)
        pen.oval((x, y), (0.18, 0.14) if cat else (0.13, 0.13), self.eyes, both=True, turn=slant)
        look = rng.uniform(-0.04, 0.04)
        for side in (-1, 1):
            pen.oval((side * x + look, y), (0.045, 0.13) if cat else (0.08, 0.08), _DARK)
            pen.oval((side * x + 0.05, y - 0.06), (0.035, 0.035), (255, 255, 255))


def _place(size: tuple[int, int], rng: random.Random) -> Image.Image:
    above, below = (varied(colour, rng, 24) for colour in rng.choice(_PLACES))
    scene = Image.new("RGB", size, above)
    draw = ImageDraw.Draw(scene)
    horizon = round(size[1] * rng.uniform(0.45, 0.8))
    draw.rectangle((0, horizon, *size), fill=below)
    for _ in range(rng.randint(0, 7)):  # clouds, cushions, pictures on the wall
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        wide, high = (rng.uniform(0.05, 0.22) * length for length in size)
        colour = varied(above if y < horizon else below, rng, 45)
        form = draw.ellipse if rng.random() < 0.6 else draw.rectangle
        form((x - wide, y - high, x + wide, y + high), fill=colour)
    return scene.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2)))


def _something_in_front(scene: Image.Image, rng: random.Random) -> None:
    """A ball or a blade of grass."""
    draw = ImageDraw.Draw(scene)
    colour = varied(rng.choice(((200, 70, 60), (90, 140, 70), (170, 130, 90))), rng, 40)
    x, y = (rng.uniform(0.15, 0.85) * length for length in scene.size)
    size = min(scene.size) * rng.uniform(0.08, 0.16)
    if rng.random() < 0.5:
        draw.ellipse((x - size, y - size, x + size, y + size), fill=colour)
    else:
        draw.line((x, scene.height, x + rng.uniform(-2, 2) * size, 0), fill=colour, width=9)


def _photographed(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Light from one side, too bright or too dark, now and then out of focus, and grain."""
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.3)))
    pixels = np.asarray(picture, dtype=np.float32)
    height, width, _ = pixels.shape
    across = np.linspace(-1, 1, width)[None, :, None] * rng.uniform(-0.25, 0.25)
    down = np.linspace(-1, 1, height)[:, None, None] * rng.uniform(-0.2, 0.2)
    tint = np.array([rng.uniform(0.92, 1.08) for _ in range(3)])
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(2, 10), pixels.shape)
    lit = pixels * (1 + across + down) * tint * rng.uniform(0.7, 1.2) + grain
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
