"""Pictures read in threads, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from imgclf.errors import PictureError
from imgclf.system.threads import map_in_threads

_Picture = TypeVar("_Picture")
_Read = TypeVar("_Read")


def in_batches(
    pictures: Iterable[_Picture], read: Callable[[_Picture], _Read], size: int
) -> Iterator[list[tuple[_Picture, _Read | PictureError]]]:
    """Reads pictures and yields them in order, each beside what came of it.

    Memory does not grow with the number of pictures.

    Args:
        pictures: What `read` takes.
        read: Called with each of them; what it raises of one that can't be read is yielded.
        size: How many are yielded at once.
    """

    def try_to_read(picture: _Picture) -> tuple[_Picture, _Read | PictureError]:
        try:
            return picture, read(picture)
        except PictureError as error:
            return picture, error

    batch: list[tuple[_Picture, _Read | PictureError]] = []
    for item in map_in_threads(try_to_read, pictures, window=2 * size):
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
