"""What a plain network must take and give to be adopted: colour pictures in, classes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgclf.errors import ModelFileError, UsageError

_LARGEST_SIDE = 8192

Shape = Sequence[int | None]


def refuse_misfits(
    source: Path,
    config: dict[str, Any],
    class_names: Sequence[str],
    image_size: tuple[int, int] | None,
) -> None:
    """Finds without Keras what a config says plainly; the rest is found once it is loaded.

    Args:
        source: The `.keras` file.
        config: Its `config.json`.
        class_names: What --classes says.
        image_size: Height and width, from --image-size.

    Raises:
        UsageError: Classes or size don't fit the network.
        ModelFileError: It is no classifier of colour pictures.
    """
    try:
        inner = config["config"]
        first, last = inner["layers"][0], inner["layers"][-1]
        if [layer["class_name"] for layer in inner["layers"]].count("InputLayer") == 1:
            require_size(source, first["config"]["batch_shape"], image_size)
        if config["class_name"] == "Sequential" and last["class_name"] == "Dense":
            require_outputs(source, [None, last["config"]["units"]], class_names)
    except (KeyError, IndexError, TypeError, AttributeError):
        return


def require_size(source: Path, shape: Shape, image_size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width of the pictures, from the network's input shape and --image-size.

    Args:
        source: The `.keras` file.
        shape: (pictures, height, width, channels), None for any.
        image_size: Height and width, from --image-size.

    Raises:
        UsageError: The two don't go together, or leave the size open.
        ModelFileError: It takes no colour pictures.
    """
    if len(shape) != 4 or shape[3] != 3:
        grey = len(shape) == 4 and shape[3] == 1
        raise ModelFileError(
            f"{source} takes {'greyscale pictures, ' * grey}arrays of shape {_shown(shape)}; "
            "imgclf gives RGB pictures, of shape (height, width, 3)"
        )
    sides = []
    for index, (word, fixed) in enumerate(zip(("height", "width"), shape[1:3], strict=True)):
        given = None if image_size is None else image_size[index]
        if fixed is not None and given not in (None, fixed):
            raise UsageError(
                f"--image-size: {source} takes pictures of {word} {fixed}, not {given}"
            )
        side = fixed if fixed is not None else given
        if side is None:
            raise UsageError(
                f"{source} takes pictures of any size", "say which: --image-size HEIGHTxWIDTH"
            )
        sides.append(side)
    if not all(0 < side <= _LARGEST_SIDE for side in sides):
        raise UsageError(f"pictures of {sides[0]}x{sides[1]} are none that imgclf can make")
    return sides[0], sides[1]


def require_outputs(source: Path, shape: Shape, class_names: Sequence[str]) -> None:
    """Makes sure that the network has an output for each class.

    Args:
        source: The `.keras` file.
        shape: Of its outputs, (pictures, units), None for any.
        class_names: What --classes says.

    Raises:
        UsageError: It has more or fewer.
        ModelFileError: It is no classifier.
    """
    if len(shape) != 2 or shape[1] is None:
        raise ModelFileError(
            f"{source} puts out arrays of shape {_shown(shape)}; "
            "a classifier puts out one row of numbers for each picture"
        )
    classes = 2 if shape[1] == 1 else shape[1]
    if classes != len(class_names):
        units = "1 unit, which is for 2 classes" if shape[1] == 1 else f"{classes} units"
        raise UsageError(
            f"--classes: {source} ends in {units}; {len(class_names)} names are given: "
            f"{', '.join(class_names)}"
        )


def _shown(shape: Shape) -> str:
    return f"({', '.join('any' if side is None else str(side) for side in shape[1:])})"
