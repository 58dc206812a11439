"""Small odd pictures for tests, as the bytes of their files."""

from __future__ import annotations

import base64
import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    b"size 12345\n"
)

HEIC = base64.b85decode(
    b"0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0005BZDn*}000000000XXk=`10000000000aA{+70000000000000"
    b"0000000G-+&aV*mgE07O6l0ssL300001*Z=_l00000004#n0ssI200LeB0RR9100000Bme*aIB98aW&i*H000620"
    b"00$fZf0cy000000RRAKc4ILB0000LX>Mj^0ssI300IC2MR;ju000004sdC7Z2$lO00031008r8aB^?}007fzaAR)"
    b"(004Gqc4I>U18@KU0FVFx0000U@BsY%`1k+-4+CHT0RR|40Sp2E{{wIU00RJ!0009300RIXx&lC90096hLID8-Z~"
    b"y=U0FVFx0{{R603M(qfd!W8<fgf}2xu@M00096AOHXZ03l)k0RRR>0l{;?i2wiq6lrsCWdHyG00000KmY&$KmY&$"
    b"C}V74Z~y=RAOHXW0RR91FaQ7m0ssI1-~a#s0{{R2@Bjb+0ssI25O8UDX#fBK00RgJ2mk;832Aa~bOQhY02pa-ZD9"
    b"Za00000009621%UztgM|P902*m>Wo7^X0000001jhhb7KGk0096200028ZDe6|0001jC;_ht;65R;yDh&;1YfqAN"
    b"l$q9ETgz?bVv{R7!QWHLRQMruzkdF`u39>pH&~7>lB#UsfVLB;8NQ~kMj^`(+J&v`SGG<UdQp>KF^E_k|sqV`u7{"
    b"9lOZMUEF4^1$7PU!F#O_e+}1278;h{=<KKzh+3TNLn*8Z6-@LE%0Q>*|00u>PX=VTbO-%qQ000080099K00RI300"
    b"96700000000"
)
"""`motif()` as a telephone writes it that was held upright: it lies in its file."""

_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a picture lies in a file whose EXIF orientation sets it upright."""


def motif(width: int = 48, height: int = 32) -> Image.Image:
    """An RGB picture in which no two corners look alike, smooth enough for JPEG."""
    x = np.linspace(0, 1, width)[None, :]
    y = np.linspace(0, 1, height)[:, None]
    red = 255 * x + 0 * y
    green = 255 * (1 - x) * y
    blue = 120 * (1 - y) + 0 * x
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    """The bytes of a file that holds `picture`; `options` are those of Pillow's `save`."""
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def with_orientation(picture: Image.Image, orientation: int, form: str = "PNG") -> bytes:
    """A file that shows `picture` upright once its EXIF orientation is applied."""
    exif = Image.Exif()
    exif[274] = orientation
    lying = picture.transpose(_TURNED[orientation]) if orientation in _TURNED else picture
    finest: dict[str, dict[str, object]] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True},
    }
    return encoded(lying, form, exif=exif, **finest.get(form, {}))


def png(header: tuple[int, ...], rows: bytes, clear: bytes = b"") -> bytes:
    """A PNG made by hand, for what Pillow doesn't write.

    Args:
        header: Width, height, bit depth, colour type, 0, 0, 0.
        rows: The rows before compression, each with its filter byte.
        clear: What the tRNS chunk holds; none without it.
    """
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", *header)]
    chunks += [b"tRNS" + clear] if clear else []
    chunks += [b"IDAT" + zlib.compress(rows), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The file with some bytes changed, mostly in its header, and now and then its end missing."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 3, 20))):
        end = len(damaged) if rng.random() < 0.6 else min(200, len(damaged))
        damaged[rng.randrange(end)] = rng.randrange(256)
    return bytes(damaged[: rng.randrange(len(damaged))] if rng.random() < 0.3 else damaged)


def striped(count: int, folder: str = "fish") -> list[str]:
    """Pictures of something that is neither cat nor dog."""
    Path(folder).mkdir()
    generator = np.random.default_rng(7)
    paths = []
    for number in range(count):
        stripes = np.where(np.arange(32) // generator.integers(2, 4) % 2, 230, 20)
        pixels = np.broadcast_to(stripes[:, None, None], (32, 32, 3)) + generator.integers(
            0, 20, (32, 32, 3)
        )
        paths.append(f"{folder}/{number}.png")
        Image.fromarray(pixels.astype(np.uint8)).save(paths[-1])
    return paths
