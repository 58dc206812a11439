"""Pictures that are one picture in another size or quality: found, and kept in one part."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgclf.data.decoder import DecoderSettings, decode_and_look
from imgclf.data.division import keep_together, split
from imgclf.data.near_copies import near_copies
from imgclf.data.picture_files import Picture
from tests.support.pictures import encoded, with_orientation

SETTINGS = DecoderSettings(64, 64, "crop")


@pytest.fixture(scope="module")
def drawings(drawn: Path) -> list[Image.Image]:
    """Sixty that are all different."""
    return [Image.open(path).convert("RGB") for path in sorted(drawn.glob("dataset/*/*.jpg"))]


def looks(*files: bytes) -> np.ndarray:
    return np.stack([decode_and_look(file, SETTINGS)[1].pixels for file in files])


def smaller(picture: Image.Image, factor: int) -> Image.Image:
    width, height = picture.size
    return picture.resize((width // factor, height // factor), Image.Resampling.LANCZOS)


def test_different_drawings_are_no_near_copies(drawings: list[Image.Image]) -> None:
    assert near_copies(looks(*(encoded(one) for one in drawings))) == []


def test_a_picture_saved_anew_turned_or_as_a_thumbnail_is_found(
    drawings: list[Image.Image],
) -> None:
    files = [encoded(one) for one in drawings]
    large = drawings[7].resize((480, 480))
    copies = [
        encoded(large),
        encoded(large, "JPEG", quality=70),
        encoded(smaller(large, 4), "JPEG", quality=85),
        encoded(smaller(large, 4), "WEBP"),
        with_orientation(large, 6, "JPEG"),
        encoded(drawings[7].resize((240, 160))),  # what became of its proportions is no matter
    ]
    places = list(range(len(files), len(files) + len(copies)))
    assert near_copies(looks(*files, *copies)) == [[7, *places]]


def test_blank_pictures_and_other_colours_are_no_near_copies(drawings: list[Image.Image]) -> None:
    blank = [Image.new("RGB", (40, 40), (number, 90, 90)) for number in range(5)]
    red, green, _ = drawings[3].split()
    recoloured = Image.merge("RGB", (green, red, Image.new("L", red.size, 0)))
    assert near_copies(looks(*map(encoded, (*blank, drawings[3], recoloured)))) == []


def test_every_pair_is_found_among_many() -> None:
    random = np.random.default_rng(3)
    coarse = random.integers(0, 256, (900, 4, 4, 3)).astype(np.uint8)
    pictures = coarse.repeat(4, axis=1).repeat(4, axis=2)
    copied = random.integers(0, 900, 300)
    copies = pictures[copied].astype(int) + random.integers(-4, 5, (300, 16, 16, 3))
    everything = np.concatenate([pictures, np.clip(copies, 0, 255).astype(np.uint8)])
    expected: dict[int, list[int]] = {}
    for place, original in enumerate(copied.tolist(), 900):
        expected.setdefault(original, [original]).append(place)
    assert near_copies(everything) == [expected[original] for original in sorted(expected)]


def test_pictures_that_are_all_alike_are_one_group() -> None:
    one = np.random.default_rng(3).integers(0, 256, (1, 16, 16, 3)).astype(np.int64)
    noise = np.random.default_rng(4).integers(-4, 5, (700, 16, 16, 3))
    assert near_copies(np.clip(one + noise, 0, 255).astype(np.uint8)) == [list(range(700))]


def test_no_pictures_at_all() -> None:
    assert near_copies(np.zeros((0, 16, 16, 3), np.uint8)) == []


def pictures_of(*counts: int) -> list[Picture]:
    return [
        Picture(Path(f"{label}/{number}"), label, f"digest {label} {number}")
        for label, count in enumerate(counts)
        for number in range(count)
    ]


def test_near_copies_are_in_one_part_whatever_the_seed() -> None:
    pictures = pictures_of(20, 20)
    groups = [pictures[2:5], pictures[7:9], (pictures[12], pictures[30])]
    for seed in range(30):
        before = split(pictures, 2, 0.25, seed)
        training, validation = keep_together(*before, groups, 2, 0.25, seed)
        assert sorted((*training, *validation), key=pictures.index) == pictures
        for group in groups:
            assert len({one in validation for one in group}) == 1
        assert 8 <= len(validation) <= 12


def test_without_near_copies_the_division_stays_as_it_is() -> None:
    before = split(pictures_of(20, 20), 2, 0.25, 1)
    assert keep_together(*before, [], 2, 0.25, 1) == before


def test_what_cannot_be_kept_together_is_divided_like_the_others() -> None:
    """A camera that stands still, or a class of one picture in many sizes."""
    pictures = pictures_of(12, 12)
    before = split(pictures, 2, 0.25, 1)
    assert keep_together(*before, [pictures], 2, 0.25, 1) == before
    assert keep_together(*before, [pictures[:7]], 2, 0.25, 1) == before
    training, validation = keep_together(*before, [pictures[:6], pictures[6:12]], 2, 0.25, 1)
    assert sorted(one.label for one in validation) == [0] * 6 + [1] * 3
    assert len(training) == 15


def test_a_look_is_the_same_however_the_picture_is_decoded(drawings: list[Image.Image]) -> None:
    large = encoded(drawings[0].resize((900, 700)), "JPEG")
    seen = [
        decode_and_look(large, DecoderSettings(side, side, resize))[1].pixels.astype(int)
        for side, resize in ((32, "stretch"), (180, "pad"), (600, "crop"))
    ]
    assert near_copies(np.stack(seen).astype(np.uint8)) == [[0, 1, 2]]
    assert max(np.abs(seen[0] - other).mean() for other in seen) < 1.5
    with Image.open(io.BytesIO(large)) as picture:
        expected = picture.resize((16, 16), Image.Resampling.BILINEAR)
    assert np.abs(seen[2] - np.asarray(expected, int)).max() <= 3
