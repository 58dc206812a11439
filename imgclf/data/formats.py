"""Which files are pictures, told by how they begin, and Pillow made safe and quiet to open them.

Pillow's settings are made once, at import, because decoding runs in threads: what others do around
each call (`warnings.catch_warnings`, turning file descriptor 2 aside) acts on every thread at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import importlib.util
import logging
import os
import re
import struct
import warnings
from typing import IO, Final

from PIL import Image, ImageFile

from imgclf.errors import PictureError

PICTURE_SUFFIXES: Final = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".avif"),
        *(".bmp", ".tif", ".tiff", ".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
        # Telephones' own: without the package that reads them each is a row with an error.
        *(".heic", ".heif"),
    }
)
"""What a file's name ends in, in lower case, for it to count as a picture whatever is in it."""

RAW_SUFFIXES: Final = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef"),
        *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw"),
        *(".x3f",),
    }
)
"""Of cameras' raw data. Many begin like a TIFF, and what Pillow reads of them is a thumbnail."""

HEAD: Final = 64
"""How many bytes of a file tell its format."""

_HEIC: Final = "HEIC"

NO_HEIC: Final = "HEIC, which can't be read without another package (pip install 'imgclf[heic]')"
"""Why a telephone's picture can't be read; a cached failure that is not one any more afterwards."""

# Patterns as they are, for most runs meet JPEGs alone: compiled at import, they take 1 ms of each.
_SIGNATURES: Final = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"GIF8[79]a", "GIF"),
    (rb"(?s)RIFF....WEBP", "WEBP"),
    (rb"(?s)BM.{4}\x00{4}", "BMP"),
    (rb"II[*+]\x00|MM\x00[*+]", "TIFF"),
    (rb"(?s).{4}ftyp(?:avi[fs]|.{8,40}avif)", "AVIF"),
    (rb"(?s).{4}ftyp(?:hei|hev|mif1|msf1)", _HEIC),
    (rb"P[1-6f]\s", "PPM"),
    # TGA has no magic number: colour map or none, kind of picture, 13 bytes, depth, flags.
    (
        rb"(?s).(?:\x01[\x01\x09]|\x00[\x02\x03\x0a\x0b]).{13}[\x01\x08\x10\x18\x20][\x00-\x3f]",
        "TGA",
    ),
)
"""How each format begins. Pillow knows more, but some of those start programs (EPS), most hold no
photos, and each is one more parser for a stranger's file to attack."""

_PPM: Final = rb"P[1-6f]\s+(?:#[^\n]*\n\s*)*\d+\s+\d+\s"
"""How those begin which, being text at first, could be a list of file names: with a size."""

_NOT_PICTURES: Final = (
    (
        rb"version https://git-lfs",
        "git-LFS pointer, not the picture (run: git lfs pull)",
    ),
    (rb"(?i)\s*<(?:!doctype html|html)", "a web page, not a picture"),
    (
        rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51",
        "JPEG 2000, which can't be read (convert it to PNG)",
    ),
)

_NO_READER: Final = rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51"
"""How pictures begin that are none of these, but pictures: JPEG 2000."""

_PLUGINS: Final = {"JPEG": "Jpeg", "PNG": "Png", "GIF": "Gif", "WEBP": "WebP", "BMP": "Bmp"} | {
    "TIFF": "Tiff", "AVIF": "Avif", "PPM": "Ppm", "TGA": "Tga"
}  # fmt: skip

_ORIENTATION: Final = 274
"""The EXIF tag that says how a picture lies in its file."""

LYING: Final = (5, 6, 7, 8)
"""The EXIF orientations whose rows are the upright picture's columns."""

# What a JPEG's decoder is given at once. Pillow's own 64 KB make it ask for Python's lock thirty
# times for each large photo, each time behind whatever other threads are doing.
_BLOCK: Final = 4 * 2**20
_END: Final = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}

_SIZE_IN_HEADER: Final = {"GIF": (6, "<HH"), "PNG": (16, ">II"), "BMP": (18, "<ii")}

# What matters of a damaged picture is in the PictureError; nobody could act on the rest.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


# Without a name that says so too: TGA has no mark, and PPM's could begin a text.
_WEAK: Final = frozenset({"TGA", "PPM"})


def begins_like_a_picture(head: bytes) -> bool:
    """Whether a file is a picture, readable or not, that doesn't have a picture's name.

    Args:
        head: As of `identify`.
    """
    if re.match(_PPM, head) or re.match(_NO_READER, head):
        return True
    return any(kind not in _WEAK and re.match(signature, head) for signature, kind in _SIGNATURES)


def identify(head: bytes) -> str:
    """Pillow's name for the format of a file.

    Args:
        head: The file's first `HEAD` bytes, or all of them if there are fewer.

    Raises:
        PictureError: The file is none of the pictures that are read here, or has no pixels.
    """
    kind = next((kind for signature, kind in _SIGNATURES if re.match(signature, head)), None)
    if kind is None:
        reasons = (reason for signature, reason in _NOT_PICTURES if re.match(signature, head))
        raise PictureError(next(reasons, "not a picture"))
    if kind in _SIZE_IN_HEADER:
        offset, layout = _SIZE_IN_HEADER[kind]
        if len(head) >= offset + struct.calcsize(layout):
            width, height = struct.unpack_from(layout, head, offset)
            if width == 0 or height == 0:  # which to Pillow is just unidentifiable
                raise PictureError("zero width" if width == 0 else "zero height")
    return kind


def cannot_be_names(head: bytes) -> bool:
    """Whether bytes are a file that is or should be a picture, and no list of file names.

    In names there are no zero bytes, which are among the first of nearly all pictures.
    """
    return b"\x00" in head[:64] or re.match(_PPM, head) is not None


def open_picture(file: IO[bytes], kind: str) -> Image.Image:
    """Opens a file as the format that `identify` found; the pixels are still to be loaded.

    Only that format's plugin is imported, and so not by `Image.open`, which imports five: that
    takes longer than to decode a picture.

    Raises:
        PictureError: The package is missing that reads it.
    """
    file.seek(0)
    if kind == _HEIC:
        return _open_heic(file)
    importlib.import_module(f"PIL.{_PLUGINS[kind]}ImagePlugin")
    if kind == "TIFF":
        _silence_libtiff()
    factory, _ = Image.OPEN[kind]
    picture = factory(file, "")
    if isinstance(picture, ImageFile.ImageFile) and kind == "JPEG":
        picture.decodermaxblock = _BLOCK
    return picture


def can_read_heic() -> bool:
    """Whether the package is there that reads them."""
    return importlib.util.find_spec("pi_heif") is not None


def _open_heic(file: IO[bytes]) -> Image.Image:
    """By pi-heif, the part of pillow-heif that only reads: 4 MB for 26, and no GPL.

    Raises:
        PictureError: It isn't installed.
    """
    try:
        opener = importlib.import_module("pi_heif").HeifImageFile  # 5 ms, for the first of them
    except ImportError as error:
        raise PictureError(NO_HEIC) from error
    picture: Image.Image = opener(file, "")
    return picture


def orientation_of(picture: Image.Image) -> int:
    """How a picture lies in its file: EXIF's numbers from 1, upright, to 8; others mean 1."""
    try:
        orientation = int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block is no reason to lose the picture
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def check_end(file: IO[bytes], kind: str) -> None:
    """Refuses a JPEG or PNG of which only zeros are left, as a copy that broke off leaves them.

    Their decoders take those zeros for pixels and hand out half a picture above a grey field.

    Args:
        file: As `open_picture` left it, behind the picture's header.
        kind: The file's format.

    Raises:
        PictureError: The mark that ends the picture is missing.
    """
    if kind not in _END:
        return
    header_end = file.tell()
    file.seek(-2, os.SEEK_END)
    if file.read(2) != b"\x00\x00":
        return
    file.seek(header_end)
    block = b""
    while more := file.read(1 << 20):
        block = block[-4:] + more
        if _END[kind] in block:
            return
    raise PictureError("truncated")


@functools.cache
def _silence_libtiff() -> None:
    """Libtiff writes each fault of a damaged file to file descriptor 2, past Python's stderr.

    Its handler is global to the process and Pillow leaves it alone, so it is taken out once. The
    symbol is looked up through Pillow's own extension, which finds the very libtiff that it uses.
    Where that is linked in statically there is no such symbol, and the lines stay.
    """
    extension = importlib.import_module("PIL._imaging").__file__
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(extension).TIFFSetErrorHandler(None)
