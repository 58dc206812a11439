"""Options whose text stands for something else: a size, a factor."""

import re

from imgclf.config.yaml_scalars import read_scalar
from imgclf.errors import UsageError


def parse_size(option: str, text: str) -> int:
    """Bytes from what an option says: `64MB`, `2 GB`, `500kB`, or 0 for none.

    Raises:
        UsageError: It says something else.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmg]?)i?b?", text.strip().lower())
    if found is None:
        raise UsageError(f"{option} {text}: a size is wanted", "for example: 64MB, or 0")
    return round(float(found[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[found[2]])


def parse_image_size(text: str) -> tuple[int, int]:
    """Height and width from what --image-size says: `180x240`, or `180` for a square.

    Raises:
        UsageError: It says neither.
    """
    found = re.fullmatch(r"([0-9]{1,4})(?:x([0-9]{1,4}))?", text.strip().lower())
    if found is None:
        raise UsageError(f"--image-size {text}: HEIGHTxWIDTH is wanted", "for example: 180x180")
    return int(found[1]), int(found[2] or found[1])


def parse_factor(option: str, text: str) -> float:
    """The number that an option gives, such as `1/255`.

    Raises:
        UsageError: It is no number.
    """
    try:
        number = read_scalar(text.strip())
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UsageError(f"{option} {text}: a number is wanted", "for example: 1/255")
    return float(number)
