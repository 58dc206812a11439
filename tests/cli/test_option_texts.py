"""What is typed for a size or a factor, and what is refused."""

from __future__ import annotations

import pytest

from imgclf.cli.option_texts import parse_factor, parse_image_size, parse_size
from imgclf.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MB", 64_000_000), ("0", 0), ("1.5 gb", 1_500_000_000), ("500k", 500_000), ("7", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size("--keep", text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1", "64 TB", "64MBs", "1e6"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--keep .*: a size is wanted"):
        parse_size("--keep", text)


def test_the_size_is_height_first_and_a_side_alone_means_square() -> None:
    assert parse_image_size("180x240") == (180, 240)
    assert parse_image_size("180") == (180, 180)
    for text in ("180x", "x180", "180x180x3", "-1x5", "big"):
        with pytest.raises(UsageError, match="HEIGHTxWIDTH is wanted"):
            parse_image_size(text)


def test_a_scale_is_a_number_or_a_fraction() -> None:
    assert parse_factor("--scale", "1/255") == 1 / 255
    assert parse_factor("--offset", "-1") == -1.0
    for text in ("1/0", "true", "small", ""):
        with pytest.raises(UsageError, match="--scale"):
            parse_factor("--scale", text)
