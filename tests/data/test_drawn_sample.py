from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from imgclf.data.decoder import DecoderSettings, decode
from imgclf.data.drawn_sample import ANIMALS, _Sitter, draw_animal, draw_sample


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_the_sample_is_folders_of_cats_and_dogs_that_decode(tmp_path: Path) -> None:
    draw_sample(tmp_path / "dataset", 3)
    written = files(tmp_path / "dataset")
    assert list(written) == [
        f"{animal}/{animal}-00{number}.jpg" for animal in ("cat", "dog") for number in (1, 2, 3)
    ]
    for data in written.values():
        array = decode(data, DecoderSettings(64, 64))
        assert array.std() > 10  # something is on it
    assert len(set(written.values())) == 6


def test_a_seed_gives_the_same_pictures_and_a_larger_count_only_adds(tmp_path: Path) -> None:
    draw_sample(tmp_path / "few", 2, seed=7)
    draw_sample(tmp_path / "again", 2, seed=7)
    draw_sample(tmp_path / "more", 4, seed=7)
    draw_sample(tmp_path / "other", 2, seed=8)
    few, more, other = (files(tmp_path / name) for name in ("few", "more", "other"))
    assert files(tmp_path / "again") == few
    assert len(more) == 8
    assert few.items() <= more.items()
    assert not set(few.values()) & set(other.values())


def test_pictures_vary_in_size_within_96_to_160_pixels() -> None:
    sizes = {draw_animal("dog", random.Random(number)).size for number in range(12)}
    assert len(sizes) > 10
    assert all(96 <= side <= 160 for size in sizes for side in size)


def test_cats_and_dogs_differ_mostly_but_not_always() -> None:
    """Else the sample would teach nothing, or a model would never be wrong on it."""
    rng = random.Random(1)
    looks = {animal: [_Sitter.of(animal, rng) for _ in range(400)] for animal in ANIMALS}
    pricked = {a: np.mean([look.ears == "pricked" for look in looks[a]]) for a in ANIMALS}
    assert 0.8 < pricked["cat"] < 0.95
    assert 0.08 < pricked["dog"] < 0.25
    for animal in ANIMALS:
        assert {look.pattern for look in looks[animal]} == {"plain", "stripes", "patches", "blaze"}
        assert {look.ears for look in looks[animal]} == {"pricked", "folded", "hanging"}
        assert {look.tongue for look in looks[animal]} == {True, False}
