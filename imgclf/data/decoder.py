"""The one decoder: any picture file to an RGB array of the size that the model takes.

Training, validation, prediction and retraining all read pictures here, so that a model never
sees a picture decoded in a way that it wasn't trained on. Safe to call from several threads.

Colour profiles are ignored, as most training code does.
"""

from __future__ import annotations

import io
import math
import os
import stat
import struct
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgclf.config.choices import Resize
from imgclf.data.colours import WHOLE_DEPTH, has_deep_colours, highest_value, to_rgb
from imgclf.data.formats import HEAD, LYING, check_end, identify, open_picture, orientation_of
from imgclf.data.formats import PICTURE_SUFFIXES as PICTURE_SUFFIXES
from imgclf.data.looks import Look, look_pixels
from imgclf.errors import PictureError

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Box = tuple[float, float, float, float]

MAX_PIXELS: Final = 178_956_970
"""A picture of more pixels isn't opened: Pillow's own limit, above which it suspects a bomb."""

MAX_PIXELS_IN_MEMORY: Final = 8192 * 8192
"""A picture that decodes to more isn't loaded: one of these takes from 270 MB (most formats) to
1.1 GB (WebP with transparency, of a file of a few hundred bytes) while it is converted.

A 108-megapixel photo passes: as a JPEG it is decoded at an eighth of its height and width.
"""

_LARGE: Final = 16_000_000
"""Pictures that decode to more pixels wait for each other, so that threads don't add up bombs."""

_DRAFT_MARGIN: Final = 2.0
"""A JPEG decoded at reduced scale stays this many times larger than the target: the rest is done
by the antialiased resize. Costs 0.25 grey levels of accuracy on average; 1.0 would cost 0.5."""

_BLACK: Final = (0, 0, 0)
"""The bars beside a picture that is padded; what cameras and players show there."""

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what sets the picture upright."""

_CHANNELS: Final = ((), (1,), (3,), (4,))
"""Behind height and width, of a picture that is given as an array."""

_large_picture = threading.Lock()


@dataclass(frozen=True)
class DecoderSettings:
    """How pictures are brought to the size that the model takes; kept in the model's manifest.

    Args:
        height: Rows of the array, in pixels.
        width: Columns of the array, in pixels.
        resize: "stretch" ignores the picture's proportions; "crop" cuts the middle out in the
            target's proportions; "pad" shows the whole picture between black bars.
        bit_depth: How many bits the values of a picture of 16 bits use, from 8 on.
    """

    height: int
    width: int
    resize: Resize = "stretch"
    bit_depth: int = field(default=WHOLE_DEPTH, repr=False)

    def __str__(self) -> str:
        """As names in the cache have it, in which there was no depth at first."""
        return repr(self) + ("" if self.bit_depth == WHOLE_DEPTH else f" of {self.bit_depth} bits")


@dataclass(frozen=True)
class Within:
    """A picture whole and in its own proportions, made smaller where it is too large.

    Args:
        longest: Its longer side at most, in pixels.
        bit_depth: See `DecoderSettings`.
    """

    longest: int
    bit_depth: int = WHOLE_DEPTH


def decode(source: Path | str | bytes, settings: DecoderSettings | Within) -> Pixels:
    """Reads one picture.

    EXIF orientation is applied, transparency is laid on white, deeper than 8 bits is scaled to 8,
    every colour model becomes RGB, and of an animation the first frame counts. A picture that
    already has the target's size keeps its pixels; others are resized bilinearly, antialiased.

    Args:
        source: The picture's path, or the bytes of its file.
        settings: The size of the array, and how the picture is fitted into it.

    Returns:
        A writable, contiguous `uint8` array of shape `(height, width, 3)`, in RGB.

    Raises:
        PictureError: The picture can't be read whole; the message is the reason in a few words.
    """
    with _open(source) as file:
        picture = _read(file, settings).picture
    return np.array(picture, dtype=np.uint8)


def decode_given(picture: Image.Image | NDArray[np.generic], settings: DecoderSettings) -> Pixels:
    """A picture that is in memory already, made as `decode` makes one of a file.

    It is resized from its full size, where of a large JPEG's file not all pixels are decoded.

    Args:
        picture: As Pillow has it; or `uint8` of shape (height, width), or with 1 (grey), 3 (RGB) or
            4 (RGBA) channels behind.
        settings: As of `decode`.

    Raises:
        PictureError: It is neither, or has no pixels, or Pillow can't load it.
    """
    if not isinstance(picture, Image.Image):
        return decode_given(_as_image(picture), settings)
    if not min(picture.size):
        raise PictureError(f"no pixels: {picture.width} x {picture.height}")
    try:
        is_deep = has_deep_colours(picture)
        picture.load()
        orientation = orientation_of(picture)
        loaded = to_rgb(picture, settings.bit_depth, is_deep=is_deep)
        box, size = _box_and_size(picture.size, settings, orientation)
        return np.array(_fit(loaded, box, size, orientation, settings), dtype=np.uint8)
    except Exception as error:  # see `_read`
        raise PictureError(_reason(error, picture.format or "picture")) from error


def _as_image(pixels: NDArray[np.generic]) -> Image.Image:
    if not isinstance(pixels, np.ndarray):  # as None, which OpenCV gives for a file it can't read
        kind = type(pixels).__name__
        raise PictureError(f"{kind} is no picture; wanted is a path, bytes, an array or Pillow's")
    shape = pixels.shape
    if pixels.dtype != np.uint8 or len(shape) not in (2, 3) or shape[2:] not in _CHANNELS:
        raise PictureError(
            f"an array of {pixels.dtype} and shape {shape}; wanted is uint8 of shape "
            "(height, width), or with 1, 3 or 4 channels behind"
        )
    if shape[0] * shape[1] > MAX_PIXELS:  # of a view, say, Pillow would make a copy
        raise PictureError(_too_many(MAX_PIXELS))
    return Image.fromarray(pixels[:, :, 0] if shape[2:] == (1,) else pixels)


def decode_and_look(source: Path | str | bytes, settings: DecoderSettings) -> tuple[Pixels, Look]:
    """Reads one picture as `decode` does, and notices what it looks like in the same reading.

    Raises:
        PictureError: The picture can't be read whole.
    """
    with _open(source) as file:
        read = _read(file, settings, look=True)
    assert read.look is not None
    return np.array(read.picture, dtype=np.uint8), read.look


def decode_with_thumbnail(
    source: Path | str | bytes, settings: DecoderSettings, within: Within
) -> tuple[Pixels, Pixels]:
    """Reads one picture as `decode` does, and a small one to look at from the same reading.

    Args:
        source: The picture's path, or the bytes of its file.
        settings: Of the array; the small picture shows all of it, whatever these cut away.
        within: The size of the small picture.

    Returns:
        Both as uint8 arrays of shape (height, width, 3), in RGB.

    Raises:
        PictureError: The picture can't be read whole.
    """
    with _open(source) as file:
        read = _read(file, settings, within)
        small = read.small
        if small is None:  # libjpeg left too few pixels of it for the small one
            file.seek(0)
            small = _read(file, replace(within, bit_depth=settings.bit_depth)).picture
    return np.array(read.picture, dtype=np.uint8), np.array(small, dtype=np.uint8)


class _Read(NamedTuple):
    """What came of one reading: the picture, and what else was asked for."""

    picture: Image.Image
    small: Image.Image | None = None
    look: Look | None = None


def _read(
    file: IO[bytes],
    settings: DecoderSettings | Within,
    within: Within | None = None,
    *,
    look: bool = False,
) -> _Read:
    kind = "file"
    try:
        kind = identify(file.read(HEAD))
        return _decode(file, kind, settings, within, look)
    except PictureError:
        raise
    except Exception as error:  # what Pillow raises on damaged files is beyond any list
        raise PictureError(_reason(error, kind)) from error


def _open(source: Path | str | bytes) -> IO[bytes]:
    if isinstance(source, bytes):
        if not source:
            raise PictureError("empty file")
        return io.BytesIO(source)
    try:
        status = os.stat(source)  # noqa: PTH116 -- a Path for each of 100,000 pictures costs more
        if stat.S_ISDIR(status.st_mode):
            raise PictureError("is a folder")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise PictureError("not a regular file")
        if status.st_size == 0:
            raise PictureError("empty file")
        return open(source, "rb")  # noqa: PTH123 -- the caller closes it
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PictureError("no such file") from error
    except PermissionError as error:
        raise PictureError("permission denied") from error
    except OSError as error:
        raise PictureError((error.strerror or str(error)).lower()) from error
    except ValueError as error:  # a zero byte in the name
        raise PictureError("not a file name") from error


def _decode(
    file: IO[bytes],
    kind: str,
    settings: DecoderSettings | Within,
    within: Within | None,
    look: bool,
) -> _Read:
    with open_picture(file, kind) as picture:
        check_end(file, kind)
        longest = max(picture.size)
        held = math.prod(picture.size)
        orientation, box, size = 1, (0.0, 0.0, 0.0, 0.0), (0, 0)
        if kind == "JPEG":
            orientation = orientation_of(picture)
            box, size = _box_and_size(picture.size, settings, orientation)
            box = _draft(picture, box, size)
            if "progressive" not in picture.info:  # whose coefficients are all held until the end
                held = math.prod(picture.size)
        if held > MAX_PIXELS_IN_MEMORY:
            raise PictureError(_too_many(MAX_PIXELS_IN_MEMORY))
        is_deep = has_deep_colours(picture)
        turn: AbstractContextManager[object] = _large_picture if held > _LARGE else nullcontext()
        with turn:
            picture.load()
            if kind != "JPEG":  # in a PNG it may come last; a TIFF is upright after loading
                orientation = orientation_of(picture)
                box, size = _box_and_size(picture.size, settings, orientation)
            highest = highest_value(picture, is_deep=is_deep) if look else 0
            loaded = to_rgb(picture, settings.bit_depth, is_deep=is_deep)
            fitted = _fit(loaded, box, size, orientation, settings)
            if look:
                seen = Look(look_pixels(loaded, _UPRIGHT.get(orientation)), highest)
                return _Read(fitted, look=seen)
            if within is None or max(loaded.size) < min(longest, within.longest):
                return _Read(fitted)
            box, size = _box_and_size(loaded.size, within, orientation)
            return _Read(fitted, small=_fit(loaded, box, size, orientation, within))


def _box_and_size(
    size: tuple[int, int], settings: DecoderSettings | Within, orientation: int
) -> tuple[Box, tuple[int, int]]:
    """The part of a picture that counts and the size it gets, both as it lies in the file."""
    width, height = size
    if isinstance(settings, Within):
        scale = min(1.0, settings.longest / max(size))
        return (0, 0, width, height), (max(1, round(width * scale)), max(1, round(height * scale)))
    target_width, target_height = settings.width, settings.height
    if orientation in LYING:
        target_width, target_height = target_height, target_width
    across, down = target_width / width, target_height / height
    if settings.resize == "crop":
        scale = max(across, down)
        left = max(0.0, (width - target_width / scale) / 2)
        top = max(0.0, (height - target_height / scale) / 2)
        return (left, top, width - left, height - top), (target_width, target_height)
    if settings.resize == "pad":
        scale = min(across, down)
        target_width = max(1, round(width * scale))
        target_height = max(1, round(height * scale))
    return (0, 0, width, height), (target_width, target_height)


def _draft(picture: Image.Image, box: Box, size: tuple[int, int]) -> Box:
    """Has libjpeg decode at 1/2, 1/4 or 1/8 where enough pixels are left: up to 3 times faster.

    Returns:
        The box in the reduced picture, whose last row and column may count only in part.
    """
    left, top, right, bottom = box
    shrinks = min((right - left) / size[0], (bottom - top) / size[1])
    for scale in (8, 4, 2):
        if shrinks >= scale * _DRAFT_MARGIN:
            if picture.draft(None, (picture.width // scale, picture.height // scale)) is None:
                break
            return (left / scale, top / scale, right / scale, bottom / scale)
    return box


def _fit(
    picture: Image.Image,
    box: Box,
    size: tuple[int, int],
    orientation: int,
    settings: DecoderSettings | Within,
) -> Image.Image:
    """Resizes before turning upright, which is then done to a small picture."""
    if picture.size != size or box != (0, 0, *size):
        picture = picture.resize(size, Image.Resampling.BILINEAR, box=box)
    if picture.mode != "RGB":
        picture = picture.convert("RGB")
    if orientation != 1:
        picture = picture.transpose(_UPRIGHT[orientation])
    if isinstance(settings, Within):
        return picture
    target = (settings.width, settings.height)
    if picture.size != target:
        padded = Image.new("RGB", target, _BLACK)
        left, top = (target[0] - picture.width) // 2, (target[1] - picture.height) // 2
        padded.paste(picture, (left, top))
        picture = padded
    return picture


def _reason(error: Exception, kind: str) -> str:
    words = str(error).lower()
    if isinstance(error, Image.DecompressionBombError):
        return _too_many(MAX_PIXELS)
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, EOFError | struct.error) or "truncated" in words or "not enough" in words:
        return "truncated"
    return f"damaged {kind}"


def _too_many(limit: int) -> str:
    return f"too many pixels (more than {limit:,})"
