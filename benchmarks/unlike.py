"""How well a model tells pictures unlike its own: AUROC, and how many it calls unlike.

    imgclf train configs/pretrained.yaml --set data.directory=../shared/data/catdog/train
    python -m benchmarks.unlike models/pretrained.keras ../shared/data/catdog/test \\
        ../shared/data/clothing/test ../shared/data/odd

The first folder has pictures of the kinds that it was trained on, and that it hasn't seen; each
other one has strangers. AUROC is how often a stranger is farther from what the model knows than a
picture of the first folder; 0.5 is chance.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import numpy as np

from imgclf.data.decoder import decode
from imgclf.data.file_walk import walk_files
from imgclf.data.reading import in_batches
from imgclf.errors import PictureError
from imgclf.model.engine import BATCH_SIZE, SplitEngine
from imgclf.model_file.classifier import open_classifier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("own", type=Path)
    parser.add_argument("strangers", type=Path, nargs="+")
    given = parser.parse_args()
    classifier = open_classifier(given.model)
    engine = classifier.engine
    if not isinstance(engine, SplitEngine) or engine.head.familiar is None:
        parser.exit(2, f"{given.model} doesn't say what it knows\n")
    known = engine.head.familiar
    size = len(msgspec.msgpack.encode(known))
    print(f"{given.model}: {size / 1000:.0f} kB of {given.model.stat().st_size / 1e6:.1f} MB")
    settings = classifier.manifest.decoder.settings()

    def distances(folder: Path) -> np.ndarray:
        found = []
        paths = map(str, walk_files(folder, lambda _: None))
        for batch in in_batches(paths, lambda path: decode(path, settings), BATCH_SIZE):
            pixels = [one for _, one in batch if not isinstance(one, PictureError)]
            if pixels:
                features = engine.run_with_features(np.stack(pixels))[1]
                found.append(known.distances(features))
        return np.concatenate(found)

    own = distances(given.own)
    print(f"{given.own}: {len(own)} pictures, {(own > known.limit).mean():.1%} called unlike")
    for folder in given.strangers:
        strange = distances(folder)
        print(
            f"{folder}: {len(strange)} pictures, {(strange > known.limit).mean():.1%} called "
            f"unlike, AUROC {auroc(own, strange):.4f}"
        )


def auroc(own: np.ndarray, strange: np.ndarray) -> float:
    """How often a stranger is farther than one of its own; equal distances count half."""
    ranked = np.sort(own)
    below = np.searchsorted(ranked, strange, "left"), np.searchsorted(ranked, strange, "right")
    return float(np.mean(below) / len(own))


if __name__ == "__main__":
    main()
