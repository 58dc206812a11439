"""What a folder of pictures holds, as far as it can be told without decoding one."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.folder import PictureFolder
from imgclf.data.formats import LYING, identify, open_picture, orientation_of
from imgclf.system.threads import map_in_threads

# The headers of more files would say the same, and take their time on a network drive.
_LOOKED_AT = 400

Shape = tuple[int, int]


@dataclass(frozen=True)
class Survey:
    """A data set, looked over.

    Attributes:
        counts: By class, all parts together.
        shapes: (height, width) of some of the pictures, upright; at least one.
    """

    folder: PictureFolder
    counts: dict[str, int]
    shapes: tuple[Shape, ...]

    @property
    def typical_shape(self) -> Shape:
        """The median height and the median width."""
        heights, widths = zip(*self.shapes, strict=True)
        return int(statistics.median(heights)), int(statistics.median(widths))

    def share_unlike(self, shape: Shape, factor: float) -> float:
        """The share of pictures whose proportions differ from a shape's by more than a factor."""
        height, width = shape
        ratios = [(h / w) / (height / width) for h, w in self.shapes]
        return sum(not 1 / factor <= ratio <= factor for ratio in ratios) / len(ratios)


def survey(folder: PictureFolder) -> Survey:
    """Counts the pictures of a data set, and reads the size of some.

    Pictures whose size can't be read are passed over; if that are all, they are taken for large.
    """
    pictures = (*folder.training, *folder.validation, *folder.test)
    counts = dict.fromkeys(folder.class_names, 0)
    for picture in pictures:
        counts[folder.class_names[picture.label]] += 1
    chosen: Sequence[Path] = [picture.path for picture in pictures]
    chosen = chosen[:: -(-len(chosen) // _LOOKED_AT)]
    shapes = tuple(shape for shape in map_in_threads(_shape, chosen) if shape is not None)
    return Survey(folder, counts, shapes or ((1024, 1024),))


def _shape(path: Path) -> Shape | None:
    try:
        with path.open("rb") as file, open_picture(file, identify(file.read(64))) as picture:
            lies = orientation_of(picture) in LYING
            width, height = picture.size[::-1] if lies else picture.size
            return height, width
    except Exception:  # whatever Pillow stumbles over; `imgclf check` says what
        return None
