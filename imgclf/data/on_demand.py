"""Pictures that are decoded whenever they are read, for who has no room to keep them decoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import DecoderSettings, Pixels, decode
from imgclf.data.picture_files import Picture
from imgclf.errors import DataError, PictureError
from imgclf.system.threads import map_in_threads


class OnDemand:
    """Read like an array of decoded pictures; takes no room, and the time to decode each time.

    Args:
        pictures: All of them.
        settings: How they are decoded.

    Attributes:
        shape: (pictures, height, width, 3).
        dtype: uint8.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, pictures: Sequence[Picture], settings: DecoderSettings) -> None:
        self._pictures = pictures
        self._settings = settings
        self.shape = (len(pictures), settings.height, settings.width, 3)

    def __getitem__(self, rows: NDArray[np.int64] | np.int64) -> Pixels:
        """These pictures, uint8, decoded in threads.

        Raises:
            DataError: One can't be read any more.
        """
        if isinstance(rows, np.integer):
            return self._decode(int(rows))
        found = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for place, pixels in enumerate(map_in_threads(self._decode, rows.tolist())):
            found[place] = pixels
        return found

    def _decode(self, row: int) -> Pixels:
        try:
            return decode(self._pictures[row].path, self._settings)
        except PictureError as error:
            raise DataError(
                f"{error.message}: {self._pictures[row].path} could be read when the training began"
            ) from error
