"""The views of a picture that features are computed of, once each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from imgclf.config.spec import Spec
from imgclf.data.decoder import Pixels

View: TypeAlias = Literal["clean", "mirrored"]


def views_of(augmentation: Sequence[Spec]) -> tuple[View, ...]:
    """The views that a head is trained on.

    A mirror image is a second picture, computed once, if it is asked for. What else augmentation
    does is left to fine-tuning, for which each epoch makes pictures anew.

    Args:
        augmentation: As declared.
    """
    return ("clean", "mirrored") if any(map(_mirrors, augmentation)) else ("clean",)


def without_a_part(augmentation: Sequence[Spec]) -> list[str]:
    """The names of what has no part in training on features.

    Args:
        augmentation: As declared.
    """
    return [spec.name for spec in augmentation if not _mirrors(spec)]


def _mirrors(spec: Spec) -> bool:
    mode = str(spec.arguments.get("mode", "horizontal"))
    return spec.name == "RandomFlip" and "horizontal" in mode


def seen(pixels: Pixels, view: View) -> Pixels:
    """Pictures, uint8 (pictures, height, width, 3), in a view."""
    return pixels if view == "clean" else np.ascontiguousarray(pixels[:, :, ::-1])
