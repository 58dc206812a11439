"""Pages for a browser: one file each, with everything inside and nothing fetched.

Templates are `templates/*.j2`, which extend `base.html.j2`; whatever goes into them is escaped.
Scripts and styles are files beside them, copied into the page by `source`. The page's content
security policy allows no request at all, and of scripts just the one whose digest it names.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from imgclf.data.decoder import Pixels, Within, decode
from imgclf.errors import PictureError, UsageError
from imgclf.system.files import atomic_write, refuse_unwritable

THUMBNAIL_SIZE: Final = 160
"""The longer side, in pixels."""

Kind: TypeAlias = Literal["review", "report", "check", "runs", "history"]
"""Which command writes a page; its template says so."""

_TEMPLATES: Final = Path(__file__).parent / "templates"
_JPEG_QUALITY: Final = 70
_ESCAPED_IN_JSON: Final = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026"})


def render(template: str, values: Mapping[str, object]) -> str:
    """A page as text.

    Args:
        template: The name of a file in `templates/`.
        values: What it shows; a name that it uses and that is missing is an error.
    """
    return _environment().get_template(template).render(values)


def write_page(target: Path, template: str, values: Mapping[str, object]) -> None:
    """Writes a page as it is rendered, so that it is never in memory whole.

    File names that are no text are shown with a replacement character.

    Args:
        target: The file, which is replaced when the page is complete.
        template: See `render`.
        values: See `render`; iterators in them are read once, as the page gets to them.

    Raises:
        WriteError: It can't be written.
    """
    parts = _environment().get_template(template).stream(values)
    parts.enable_buffering(100)
    atomic_write(target, lambda stream: parts.dump(stream, "utf-8", "replace"))


def refuse_target(option: str, target: Path, kind: Kind) -> None:
    """Finds out before long work whether a page can be written there.

    Args:
        option: What names the place: `--review`.
        target: As it was given.
        kind: Of the page.

    Raises:
        UsageError: It would replace what is no such page of imgclf's, or is not called like a page.
        WriteError: There is no room, or no permission.
    """
    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{option} {target}: a page's name ends in .html")
    refuse_to_replace(option, target, kind)
    refuse_unwritable(target)


def refuse_to_replace(option: str, path: Path, kind: Kind) -> None:
    """Makes sure that a page takes the place of nothing but one that the same command wrote.

    Raises:
        UsageError: Something else is there.
    """
    if path.exists() and not is_page(path, kind):
        raise UsageError(
            f"{path} is there already, and is no page of imgclf's"
            + (f" {kind}" if is_page(path, None) else ""),
            f"move it, or name another {option}",
        )


def is_page(path: Path, kind: Kind | None) -> bool:
    """Whether a file is a page of imgclf's.

    Args:
        path: The file.
        kind: Of which kind; None for any. Earlier versions didn't write it into their pages, and
            those pass for reviews.
    """
    if not path.is_file():  # a pipe that nobody writes to would be waited for
        return False
    try:
        with path.open("rb") as stream:
            start = stream.read(4096)
    except OSError:
        return False
    if b'<meta name="generator" content="imgclf">' not in start:
        return False
    said = re.search(rb'<meta name="imgclf-page" content="(\w+)">', start)
    return kind is None or (said[1].decode() if said else "review") == kind


def thumbnail(path: Path | str, size: int = THUMBNAIL_SIZE) -> bytes | None:
    """A picture as a small upright JPEG file, its longer side `size` pixels at most.

    Returns:
        None if it can't be read.
    """
    try:
        return as_jpeg(decode(path, Within(size)), size)
    except PictureError:
        return None


def as_jpeg(pixels: Pixels, size: int = THUMBNAIL_SIZE) -> bytes:
    """A uint8 array of shape (height, width, 3) as a small JPEG file, of `size` at most."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((size, size), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def data_address(jpeg: bytes) -> str:
    """A JPEG file as a `data:` address, for `<img src>`."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"


def as_script_json(value: object) -> Markup:
    """JSON that may stand in a `<script type="application/json">`, whatever its strings hold."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.translate(_ESCAPED_IN_JSON))


def _source(*names: str) -> Markup:
    return Markup("\n".join((_TEMPLATES / name).read_text("utf-8") for name in names))


def _digest(text: str) -> str:
    """What a content security policy calls an inline script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["source"] = _source
    environment.globals["digest"] = _digest
    environment.filters["script_json"] = as_script_json
    environment.filters["data_address"] = data_address
    return environment
