from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgclf.data import decoder
from imgclf.data.cache import decode_all
from imgclf.data.decoder import (
    PICTURE_SUFFIXES,
    DecoderSettings,
    Pixels,
    Within,
    decode,
    decode_and_look,
    decode_with_thumbnail,
)
from imgclf.data.formats import NO_HEIC, can_read_heic
from imgclf.data.picture_files import Picture, Skipped
from imgclf.errors import PictureError
from tests.support.pictures import HEIC, LFS_POINTER, encoded, motif, png, with_orientation

# At import the decoder tells Python to ignore Pillow's warnings, which pytest undoes for each test.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

AS_IT_IS = DecoderSettings(height=32, width=48)


def reason(source: Path | str | bytes) -> str:
    with pytest.raises(PictureError) as caught:
        decode(source, AS_IT_IS)
    return caught.value.message


def grey(array: Pixels) -> Pixels:
    """The one channel of a grey picture."""
    assert (array == array[..., :1]).all()
    return array[..., 0]


# What comes out


def test_a_picture_of_the_target_size_keeps_its_pixels() -> None:
    array = decode(encoded(motif()), AS_IT_IS)
    assert np.array_equal(array, np.asarray(motif()))
    assert array.dtype == np.uint8
    assert array.shape == (32, 48, 3)
    assert array.flags.c_contiguous
    assert array.flags.writeable


def test_a_path_a_string_and_the_bytes_give_the_same_array(tmp_path: Path) -> None:
    path = tmp_path / "a picture with spaces, ä and no suffix"
    path.write_bytes(encoded(motif(), "JPEG"))
    expected = decode(path.read_bytes(), AS_IT_IS)
    assert np.array_equal(decode(path, AS_IT_IS), expected)
    assert np.array_equal(decode(str(path), AS_IT_IS), expected)


@pytest.mark.parametrize(
    ("form", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TGA", {}, 0),
        ("TGA", {"compression": "tga_rle"}, 0),
        ("PPM", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate", "big_tiff": True}, 0),
        ("JPEG", {"quality": 95, "subsampling": 0}, 6),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}, 6),
        ("AVIF", {"quality": 95, "subsampling": "4:4:4"}, 8),
        ("MPO", {"quality": 95, "subsampling": 0}, 6),
    ],
)
def test_every_format_decodes_to_the_same_pixels(
    form: str, options: dict[str, object], tolerance: int
) -> None:
    array = decode(encoded(motif(), form, **options), AS_IT_IS).astype(int)
    assert np.abs(array - np.asarray(motif())).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_exif_orientation_is_applied_before_fitting(
    orientation: int, form: str, resize: str
) -> None:
    settings = DecoderSettings(20, 20, resize)  # type: ignore[arg-type]
    upright = decode(encoded(motif()), settings).astype(int)
    turned = decode(with_orientation(motif(), orientation, form), settings).astype(int)
    assert np.abs(turned - upright).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_a_large_jpeg_decoded_at_reduced_scale_is_upright_and_close_to_the_whole(
    orientation: int, resize: str
) -> None:
    settings = DecoderSettings(24, 40, resize)  # type: ignore[arg-type]
    large = motif(803, 405)
    whole = decode(encoded(large), settings).astype(int)
    reduced = decode(with_orientation(large, orientation, "JPEG"), settings).astype(int)
    assert np.abs(reduced - whole).max() <= 4


def test_a_large_jpeg_is_decoded_at_reduced_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(motif(803, 405), "JPEG")
    monkeypatch.setattr(decoder, "MAX_PIXELS_IN_MEMORY", 102 * 52)
    assert decode(data, DecoderSettings(20, 40)).shape == (20, 40, 3)
    with pytest.raises(PictureError, match="too many pixels"):
        decode(data, DecoderSettings(40, 60))  # an eighth would be too coarse for this


def test_an_impossible_orientation_or_damaged_exif_leaves_the_picture_as_it_is() -> None:
    exif = Image.Exif()
    exif[274] = 77
    for block in (exif.tobytes(), b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0junk"):
        array = decode(encoded(motif(), exif=block), AS_IT_IS)
        assert np.array_equal(array, np.asarray(motif()))


# Fitting


def test_stretch_shows_the_whole_picture_in_the_targets_proportions() -> None:
    halves = Image.new("RGB", (80, 20), "red")
    halves.paste("blue", (40, 0, 80, 20))
    array = decode(encoded(halves), DecoderSettings(20, 20, "stretch"))
    assert (array[:, :9] == (255, 0, 0)).all()
    assert (array[:, 11:] == (0, 0, 255)).all()


@pytest.mark.parametrize("size", [(80, 20), (20, 80)])
def test_crop_cuts_the_middle_out(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "red")
    middle = ((size[0] - 20) // 2, (size[1] - 20) // 2)
    picture.paste("blue", (*middle, middle[0] + 20, middle[1] + 20))
    assert (decode(encoded(picture), DecoderSettings(20, 20, "crop")) == (0, 0, 255)).all()
    assert (decode(encoded(picture), DecoderSettings(10, 10, "crop"))[1:9, 1:9, 2] == 255).all()


def test_pad_shows_the_whole_picture_between_black_bars() -> None:
    white = encoded(Image.new("RGB", (80, 20), "white"))
    array = grey(decode(white, DecoderSettings(40, 40, "pad")))
    assert (array[15:25] == 255).all()
    assert (array[:15] == 0).all()
    assert (array[25:] == 0).all()
    upright = grey(decode(white, DecoderSettings(10, 60, "pad")))
    assert (upright[:, 10:50] == 255).all()
    assert upright[:, :10].max() == upright[:, 50:].max() == 0


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (7, 5), (333, 777)])
def test_any_size_is_brought_to_the_targets(resize: str, size: tuple[int, int]) -> None:
    settings = DecoderSettings(17, 31, resize)  # type: ignore[arg-type]
    for form in ("PNG", "JPEG"):
        assert decode(encoded(Image.new("RGB", size), form), settings).shape == (17, 31, 3)


def test_rounding_never_makes_the_crop_larger_than_the_picture() -> None:
    assert 17 / (17 / 7) > 7
    assert decode(encoded(motif(7, 7)), DecoderSettings(17, 17, "crop")).shape == (17, 17, 3)


# Colour


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_to_8_bits_not_clipped(form: str) -> None:
    deep = np.linspace(0, 65_535, 48 * 32).round().astype(np.uint16).reshape(32, 48)
    array = grey(decode(encoded(Image.fromarray(deep), form), AS_IT_IS))
    assert np.array_equal(array, (deep.astype(int) * 255 + 32_767) // 65_535)


def test_big_endian_16_bit_tiff_is_scaled_as_well() -> None:
    deep = np.linspace(0, 65_535, 48 * 32).round().astype(">u2").reshape(32, 48)
    data = encoded(Image.frombytes("I;16B", (48, 32), deep.tobytes()), "TIFF")
    assert data[:2] == b"MM"
    assert np.array_equal(grey(decode(data, AS_IT_IS)), (deep.astype(int) * 255 + 32_767) // 65_535)


def test_16_bit_scans_whose_white_is_zero_are_not_negatives() -> None:
    deep = np.array([[0, 257, 65_535]], np.uint16)
    data = encoded(Image.fromarray(deep), "TIFF", tiffinfo={262: 0})
    assert grey(decode(data, DecoderSettings(1, 3))).tolist() == [[255, 254, 0]]


def test_grey_maps_are_scaled_by_their_own_maximum() -> None:
    values = [0, 300, 512, 1023]
    pgm = b"P5 4 1 1023\n" + np.array(values, ">u2").tobytes()
    array = grey(decode(pgm, DecoderSettings(1, 4)))
    assert array.tolist() == [[round(value * 255 / 1023) for value in values]]
    plain = b"P2 4 1 10\n0 5 2 10\n"
    assert grey(decode(plain, DecoderSettings(1, 4))).tolist() == [[0, 128, 51, 255]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0, -3.0], [0, 128, 255, 0]),
        ([0.0, 51.0, 255.0, float("nan")], [0, 51, 255, 0]),
        ([0.0, 257.0, 65_535.0, float("inf")], [0, 1, 255, 0]),
    ],
)
def test_floating_point_pictures_find_their_white(values: list[float], expected: list[int]) -> None:
    data = encoded(Image.fromarray(np.array([values], np.float32)), "TIFF")
    assert grey(decode(data, DecoderSettings(1, 4))).tolist() == [expected]


def test_32_bit_integers_find_their_white() -> None:
    data = encoded(Image.fromarray(np.array([[0, 257, 65_535]], np.int32)), "TIFF")
    assert grey(decode(data, DecoderSettings(1, 3))).tolist() == [[0, 1, 255]]


def test_16_bit_colour_keeps_its_high_byte_and_its_transparent_colour() -> None:
    pixels = [(0xFF00, 0x8000, 0x0100), (0x1234, 0x5678, 0x9ABC)]
    rows = b"\0" + np.array(pixels, ">u2").tobytes()
    header = (2, 1, 16, 2, 0, 0, 0)
    opaque = decode(png(header, rows), DecoderSettings(1, 2))
    assert opaque.tolist() == [[[0xFF, 0x80, 0x01], [0x12, 0x56, 0x9A]]]
    clear = np.array(pixels[1], ">u2").tobytes()
    array = decode(png(header, rows, clear), DecoderSettings(1, 2))
    assert array.tolist() == [[[0xFF, 0x80, 0x01], [255, 255, 255]]]


def test_a_transparent_16_bit_grey_shows_white() -> None:
    rows = b"\0" + np.array([0, 300, 65_535], ">u2").tobytes()
    data = png((3, 1, 16, 0, 0, 0, 0), rows, clear=(300).to_bytes(2, "big"))
    assert grey(decode(data, DecoderSettings(1, 3))).tolist() == [[0, 255, 255]]


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "TGA"])
def test_transparency_is_laid_on_white(form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    for alpha, expected in ((0, 255), (51, 204), (255, 0)):
        black = Image.new("RGBA", (4, 4), (0, 0, 0, alpha))
        array = decode(encoded(black, form, **options), DecoderSettings(4, 4))
        assert (array == expected).all()


def test_grey_with_alpha_is_laid_on_white() -> None:
    data = encoded(Image.new("LA", (4, 4), (100, 0)))
    assert (decode(data, DecoderSettings(4, 4)) == 255).all()
    data = encoded(Image.new("LA", (4, 4), (100, 255)))
    assert (decode(data, DecoderSettings(2, 2)) == 100).all()


@pytest.mark.parametrize("transparency", [1, b"\xff\x00"])
@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_transparent_palette_entries_are_laid_on_white(
    form: str, transparency: int | bytes
) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 10, 20, 0, 0, 0])
    picture.putpixel((1, 0), 1)
    if form == "GIF":
        transparency = 1
    data = encoded(picture, form, transparency=transparency)
    assert decode(data, DecoderSettings(1, 2)).tolist() == [[[200, 10, 20], [255, 255, 255]]]


def test_resizing_does_not_let_hidden_colours_bleed_in() -> None:
    """The colour under full transparency is often black or garbage."""
    picture = Image.new("RGBA", (40, 40), (255, 0, 255, 0))
    picture.paste((0, 128, 0, 255), (20, 0, 40, 40))
    array = decode(encoded(picture), DecoderSettings(10, 9)).astype(int)
    assert (array[:, :4] == 255).all()
    assert (array[..., 1] >= np.maximum(array[..., 0], 128)).all()  # between green and white


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_becomes_the_colour_it_prints(form: str) -> None:
    cyan_and_red = Image.new("CMYK", (16, 8), (255, 0, 0, 0))
    cyan_and_red.paste((0, 255, 255, 0), (8, 0, 16, 8))
    options = {"quality": 95} if form == "JPEG" else {}
    array = decode(encoded(cyan_and_red, form, **options), DecoderSettings(8, 16)).astype(int)
    assert np.abs(array[:, :8] - (0, 255, 255)).max() <= 4
    assert np.abs(array[:, 8:] - (255, 0, 0)).max() <= 4


def test_other_colour_models_become_rgb() -> None:
    grey_motif = motif().convert("L")
    assert np.array_equal(grey(decode(encoded(grey_motif), AS_IT_IS)), np.asarray(grey_motif))
    bits = motif().convert("1")
    assert np.array_equal(
        grey(decode(encoded(bits), AS_IT_IS)), np.asarray(bits).astype(np.uint8) * 255
    )
    few_colours = motif().quantize(16)
    assert np.array_equal(
        decode(encoded(few_colours), AS_IT_IS), np.asarray(few_colours.convert("RGB"))
    )
    lab = decode(encoded(motif().convert("LAB"), "TIFF"), AS_IT_IS).astype(int)
    assert np.abs(lab - np.asarray(motif())).mean() < 3


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert (decode(data, DecoderSettings(8, 8)) == (255, 0, 0)).all()


# What can't be read


def test_files_that_are_no_pictures_each_say_why(tmp_path: Path) -> None:
    assert reason(b"") == "empty file"
    assert reason(b"hello, world") == "not a picture"
    assert reason(b"x") == "not a picture"
    assert reason(b"<!DOCTYPE html><html></html>") == "a web page, not a picture"
    assert reason(LFS_POINTER) == "git-LFS pointer, not the picture (run: git lfs pull)"
    if not can_read_heic():
        heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
        assert reason(heic).startswith("HEIC, which can't be read")
        assert reason(HEIC) == NO_HEIC
        assert NO_HEIC.endswith("(pip install 'imgclf[heic]')")
    assert reason(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n") == "not a picture"
    assert reason(png((0, 5, 8, 2, 0, 0, 0), b"")) == "zero width"
    assert reason(b"GIF89a\x05\0\0\0" + b"\0" * 20) == "zero height"
    (tmp_path / "empty.jpg").touch()
    assert reason(tmp_path / "empty.jpg") == "empty file"
    assert reason(tmp_path / "missing.jpg") == "no such file"
    assert reason(tmp_path / "empty.jpg" / "missing.jpg") == "no such file"
    assert reason(tmp_path) == "is a folder"
    assert reason("a\0b.jpg") == "not a file name"
    assert reason("a" * 5000) == "file name too long"


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes among files")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason(tmp_path / "pipe.jpg") == "not a regular file"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(motif()))
    path.chmod(0)
    assert reason(path) == "permission denied"


@pytest.mark.parametrize(
    "form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "TGA", "PPM", "AVIF"]
)
def test_a_truncated_file_is_an_error_and_never_half_a_picture(form: str) -> None:
    data = encoded(motif(), form)
    whole = decode(data, AS_IT_IS)
    for end in {*range(1, len(data), max(1, len(data) // 40)), len(data) - 1, len(data) - 2}:
        try:
            array = decode(data[:end], AS_IT_IS)
        except PictureError as error:
            assert error.message in ("truncated", f"damaged {form}", "not a picture")
        else:
            assert np.array_equal(array, whole)  # only what follows the pixels is missing


@pytest.mark.parametrize(
    ("form", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {})]
)
def test_a_copy_that_broke_off_into_zeros_is_truncated(
    form: str, options: dict[str, object]
) -> None:
    data = encoded(Image.effect_noise((64, 64), 80).convert("RGB"), form, **options)
    half = len(data) // 2
    assert reason(data[:half] + bytes(half)) == "truncated"
    assert decode(data + bytes(100), AS_IT_IS).shape == (32, 48, 3)  # merely padded


def test_too_many_pixels_are_an_error_that_costs_nothing() -> None:
    assert reason(png((50_000, 50_000, 8, 2, 0, 0, 0), b"\0" * 100)).startswith("too many pixels")
    assert reason(png((8192, 8193, 8, 2, 0, 0, 0), b"\0" * 100)).startswith("too many pixels")
    gif = bytearray(encoded(motif(), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    assert reason(bytes(gif)).startswith("too many pixels")


def test_a_progressive_jpeg_counts_in_full_since_it_is_held_in_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoder, "MAX_PIXELS_IN_MEMORY", 400 * 400)
    small = DecoderSettings(20, 20)
    assert decode(encoded(motif(803, 405), "JPEG"), small).shape == (20, 20, 3)
    with pytest.raises(PictureError, match="too many pixels"):
        decode(encoded(motif(803, 405), "JPEG", progressive=True), small)


def test_mutated_files_are_an_array_or_a_reason_and_nothing_is_printed() -> None:
    """In a process of its own, since libraries write to file descriptor 2 past Python."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-m", "tests.support.fuzz_pictures"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    decoded, refused = map(int, done.stdout.split())
    assert decoded > 100
    assert refused > 100


def test_threads_decode_the_same_arrays() -> None:
    files = [
        encoded(motif(200 + n, 100), form) for n in range(8) for form in ("JPEG", "PNG", "TIFF")
    ]
    expected = [decode(data, AS_IT_IS) for data in files]
    with ThreadPoolExecutor(8) as pool:
        arrays = list(pool.map(lambda data: decode(data, AS_IT_IS), files * 3))
    assert all(np.array_equal(a, b) for a, b in zip(arrays, expected * 3, strict=True))


def test_large_pictures_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = [0]
    convert = decoder.to_rgb

    def slowly(picture: Image.Image, depth: int, *, is_deep: bool) -> Image.Image:
        at_once.append(at_once[-1] + 1)
        time.sleep(0.002)
        at_once.append(at_once[-1] - 1)
        return convert(picture, depth, is_deep=is_deep)

    monkeypatch.setattr(decoder, "to_rgb", slowly)
    monkeypatch.setattr(decoder, "_LARGE", 48 * 32 - 1)
    data = encoded(motif())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: decode(data, AS_IT_IS), range(16)))
    assert max(at_once) == 1


def test_names_of_pictures_are_told_by_their_lower_case_suffix() -> None:
    assert {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tga"} <= PICTURE_SUFFIXES
    assert not {"", ".txt", ".csv", ".py", ".pdf", ".eps", ".keras"} & PICTURE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in PICTURE_SUFFIXES)


def test_a_small_picture_is_whole_upright_and_never_enlarged() -> None:
    source = with_orientation(motif(480, 320), 6, "JPEG")
    small = decode(source, Within(120))
    assert small.shape == (80, 120, 3)
    expected = np.asarray(motif(480, 320).resize((120, 80), Image.Resampling.BILINEAR))
    assert abs(small.astype(int) - expected).max() < 12
    assert decode(encoded(motif(48, 32)), Within(120)).shape == (32, 48, 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("side", [20, 90])
def test_a_picture_with_its_thumbnail_is_the_picture_without(
    form: str, resize: str, side: int
) -> None:
    source = encoded(motif(480, 320), form)
    settings = DecoderSettings(side, side, resize)  # type: ignore[arg-type]
    picture, small = decode_with_thumbnail(source, settings, Within(120))
    np.testing.assert_array_equal(picture, decode(source, settings))
    assert small.shape == (80, 120, 3)
    assert abs(small.astype(int) - decode(source, Within(120))).mean() < 2


@pytest.mark.skipif(not can_read_heic(), reason="needs the extra heic")
def test_a_telephone_s_heic_is_read_upright_and_a_damaged_one_refused() -> None:
    array = decode(HEIC, AS_IT_IS).astype(int)
    assert np.abs(array - np.asarray(motif(), int)).mean() < 4
    assert reason(HEIC[:300]) in ("truncated", "damaged HEIC")


def test_a_heic_is_no_failure_any_more_once_it_can_be_read(in_folder: Path) -> None:
    Path("a.heic").write_bytes(HEIC)
    picture = Picture(Path("a.heic"), 0, "digest")
    before = decode_all([picture], AS_IT_IS).failures
    [failures] = Path(".imgclf-cache").glob("*.json")
    failures.write_text(json.dumps({"0": NO_HEIC}))
    assert decode_all([picture], AS_IT_IS).failures == (
        () if can_read_heic() else (Skipped(picture.path, NO_HEIC),)
    )
    assert bool(before) != can_read_heic()


TWELVE = np.array([[0, 2048, 4095]], np.uint16)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_of_which_twelve_are_used_are_scaled_by_these(form: str) -> None:
    data = encoded(Image.fromarray(TWELVE), form)
    assert grey(decode(data, DecoderSettings(1, 3))).tolist() == [[0, 8, 16]]
    assert grey(decode(data, DecoderSettings(1, 3, bit_depth=12))).tolist() == [[0, 128, 255]]
    assert decode_and_look(data, DecoderSettings(1, 3))[1].highest == 4095


def test_sixteen_bits_a_colour_are_scaled_as_far_as_they_are_read() -> None:
    rows = b"\0" + np.array([[0, 0, 0], [0x0800, 0x0FFF, 0]], ">u2").tobytes()
    data = png((2, 1, 16, 2, 0, 0, 0), rows)
    assert decode(data, DecoderSettings(1, 2)).tolist() == [[[0, 0, 0], [8, 15, 0]]]
    scaled = decode(data, DecoderSettings(1, 2, bit_depth=12))
    assert scaled.tolist() == [[[0, 0, 0], [136, 255, 0]]]
    assert decode_and_look(data, DecoderSettings(1, 2))[1].highest == 4095


def test_the_depth_is_no_matter_where_a_picture_has_its_own() -> None:
    pgm = b"P5 2 1 4095\n" + np.array([0, 4095], ">u2").tobytes()
    for data in (pgm, encoded(motif(), "JPEG"), encoded(motif(), "PNG")):
        deep = decode_and_look(data, DecoderSettings(1, 2, bit_depth=12))
        assert (deep[0] == decode(data, DecoderSettings(1, 2))).all()
        assert deep[1].highest == 0


def test_names_in_the_cache_stay_as_they_were_where_no_depth_is_said() -> None:
    assert str(DecoderSettings(1, 2)) == "DecoderSettings(height=1, width=2, resize='stretch')"
    assert str(DecoderSettings(1, 2, bit_depth=12)).endswith("resize='stretch') of 12 bits")
