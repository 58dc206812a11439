"""What is kept of corrected pictures, and what is read of what lies there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgclf.corrections import corrected_pictures
from imgclf.corrections.corrected_pictures import keep_picture, kept_file, load_picture
from imgclf.data.decoder import DecoderSettings, decode
from imgclf.data.picture_files import file_digest

MODEL = Path("models/pets.keras")
KEPT = Path("models/pets.history/corrected")
SMALL, LARGE = DecoderSettings(8, 8), DecoderSettings(24, 24)


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(4).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save("Photo.JPG", "JPEG")
    return Path("Photo.JPG")


def keep(source: Path, digest: str | None = None) -> str:
    digest = digest or file_digest(source)
    keep_picture(MODEL, digest, source, decode(source, SMALL))
    return digest


def test_it_is_the_file_that_it_was_and_can_be_read_at_any_size(photo: Path) -> None:
    digest = keep(photo)
    assert kept_file(MODEL, digest) == KEPT / f"{digest}.jpg"
    assert (KEPT / f"{digest}.jpg").read_bytes() == photo.read_bytes()
    expected = decode(photo, LARGE)
    photo.unlink()
    found = load_picture(MODEL, digest, LARGE)
    assert found is not None
    assert np.array_equal(found, expected)


def test_two_files_with_the_same_content_are_kept_once(photo: Path) -> None:
    keep(photo)
    before = (KEPT / f"{file_digest(photo)}.jpg").stat()
    keep(photo.rename("again.jpg"))
    assert [one.name for one in KEPT.iterdir()] == [f"{file_digest(Path('again.jpg'))}.jpg"]
    assert next(KEPT.iterdir()).stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_without_a_suffix_of_pictures_keeps_none(photo: Path) -> None:
    digest = keep(photo.rename("photo.; rm"))
    assert kept_file(MODEL, digest) == KEPT / digest


def test_pixels_are_kept_of_a_file_that_is_too_large_or_has_changed_or_gone(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = decode(photo, SMALL)
    digest = file_digest(photo)
    changed = "0" * 64
    keep(photo, changed)
    keep_picture(MODEL, "1" * 64, Path("gone.jpg"), pixels)
    monkeypatch.setattr(corrected_pictures, "LARGEST_KEPT", photo.stat().st_size - 1)
    keep(photo)
    for one in (digest, changed, "1" * 64):
        assert kept_file(MODEL, one) == KEPT / f"{one}.png"
        assert np.array_equal(np.asarray(load_picture(MODEL, one, SMALL)), pixels)


def test_pixels_of_an_earlier_version_are_read_and_give_way_to_the_file(photo: Path) -> None:
    digest, pixels = file_digest(photo), decode(photo, SMALL)
    KEPT.mkdir(parents=True)
    Image.fromarray(pixels).save(KEPT / f"{digest}.png")
    assert np.array_equal(np.asarray(load_picture(MODEL, digest, SMALL)), pixels)
    keep(photo)
    assert [one.name for one in KEPT.iterdir()] == [f"{digest}.jpg"]


def test_a_damaged_file_is_none_and_is_kept_anew(photo: Path) -> None:
    digest = keep(photo)
    file = KEPT / f"{digest}.jpg"
    file.write_bytes(b"\xff\xd8\xff")
    assert load_picture(MODEL, digest, SMALL) is None
    keep(photo)
    assert file.read_bytes() == photo.read_bytes()


def test_what_is_no_file_of_ours_is_not_opened(photo: Path) -> None:
    KEPT.mkdir(parents=True)
    os.mkfifo(KEPT / f"{'0' * 64}.jpg")  # opening it would wait for ever
    (KEPT / f"{'1' * 64}.jpg").symlink_to(photo.absolute())
    with (KEPT / f"{'2' * 64}.jpg").open("wb") as stream:
        stream.truncate(corrected_pictures.LARGEST_KEPT + 1)
    for digest in ("0" * 64, "1" * 64, "2" * 64, "../../../Photo", ""):
        assert kept_file(MODEL, digest) is None
        assert load_picture(MODEL, digest, SMALL) is None
