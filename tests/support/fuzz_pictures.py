"""Decodes damaged pictures; run by test_decoder.py in a process of its own.

    python -m tests.support.fuzz_pictures

Prints how many were decoded and how many refused with a reason.
"""

from __future__ import annotations

import random

from PIL import Image

from imgclf.data.decoder import DecoderSettings, decode
from imgclf.errors import PictureError
from tests.support.pictures import encoded, motif, mutated, with_orientation


def main() -> None:
    rng = random.Random(123)
    picture = motif().resize((64, 48))
    files = [
        encoded(picture, "JPEG"),
        encoded(picture, "JPEG", progressive=True, exif=Image.Exif()),
        with_orientation(picture, 6, "JPEG"),
        encoded(picture, "PNG"),
        encoded(picture.quantize(8), "PNG", transparency=b"\x10\x80"),
        encoded(picture, "GIF", save_all=True, append_images=[picture.rotate(90)]),
        encoded(picture, "WEBP"),
        encoded(picture, "BMP"),
        encoded(picture, "TGA", compression="tga_rle"),
        encoded(picture, "PPM"),
        encoded(picture, "MPO", save_all=True, append_images=[picture.rotate(90)]),
        encoded(picture, "AVIF"),
        *(
            encoded(picture, "TIFF", compression=compression)
            for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
        ),
    ]
    settings = DecoderSettings(20, 20, "crop")
    counts = {True: 0, False: 0}
    for data in files:
        for _ in range(40):
            try:
                array = decode(mutated(data, rng), settings)
            except PictureError as error:
                assert error.message
                counts[False] += 1
            else:
                assert array.shape == (20, 20, 3)
                counts[True] += 1
    print(counts[True], counts[False])


if __name__ == "__main__":
    main()
