"""What only models do that give a picture one label."""

from __future__ import annotations

from typing import Final

from imgclf.errors import UsageError
from imgclf.model_file.manifest import Manifest

BY_TRAINING: Final = (
    "labels of its pictures are corrected where they stand, in the table or the class folders; "
    "then: imgclf train CONFIG"
)


def require_one_label(manifest: Manifest, what: str, way_on: str) -> None:
    """Sees to it that a model is none of several labels.

    Args:
        manifest: The model's.
        what: That is asked for.
        way_on: What to do instead.

    Raises:
        UsageError: It is.
    """
    if manifest.multi_label:
        raise UsageError(
            f"{what} is for models that give a picture one label; {manifest.name} gives several "
            "(data.multi_label: true)",
            way_on,
        )
