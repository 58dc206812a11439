"""Whether predictions are Keras's own, on the same arrays.

    python benchmarks/agreement.py MODEL.keras FOLDER

Decodes every picture in the folder once, gives the arrays to imgclf's engine (LiteRT, or LiteRT
and a head in NumPy) and to the model as plain Keras loads it, and compares. Keras's outputs are
calibrated by the same temperature.
"""

import random
import sys
from pathlib import Path

import numpy as np

from imgclf.backend import keras
from imgclf.data.decoder import decode
from imgclf.data.file_walk import not_a_picture, walk_files
from imgclf.errors import PictureError
from imgclf.model.engine import KerasEngine
from imgclf.model.probabilities import to_probabilities
from imgclf.model_file.classifier import open_classifier


def compare(model: Path, folder: Path, most: int | None = None) -> tuple[int, float]:
    """Prints how far the two are from each other.

    Args:
        most: Only so many of the pictures, drawn from all over the folder; None for all.

    Returns:
        How many pictures get another label, and the largest difference of a probability.
    """
    classifier = open_classifier(model)
    assert not isinstance(classifier.engine, KerasEngine), "the model has no LiteRT graph"
    plain = keras.models.load_model(model)
    manifest = classifier.manifest
    pixels, unreadable = [], 0
    paths = [path for path in walk_files(folder, lambda _: None) if not not_a_picture(path)]
    if most is not None:
        random.Random(0).shuffle(paths)
    for path in paths[:most]:
        try:
            pixels.append(decode(path, manifest.decoder.settings()))
        except PictureError:
            unreadable += 1
    differences, other_labels = [], 0
    for start in range(0, len(pixels), 32):
        batch = pixels[start : start + 32]
        ours = classifier.probabilities(np.stack(batch))
        outputs = plain.predict_on_batch(np.stack(batch).astype(np.float32))
        theirs = to_probabilities(outputs, manifest.head, manifest.temperature)
        differences.append(np.abs(ours - theirs).max())
        other_labels += int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum())
    print(
        f"{len(pixels)} pictures ({unreadable} unreadable): {other_labels} with another label, "
        f"probabilities differ by at most {max(differences):.1e}"
    )
    return other_labels, float(max(differences))


if __name__ == "__main__":
    compare(Path(sys.argv[1]), Path(sys.argv[2]))
