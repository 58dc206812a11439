"""Model files with the members that a model on a pretrained network has, of random numbers.

Nothing runs them: they are kept, listed, pruned and put back in use.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import msgspec
import numpy as np

from imgclf.model.head import HeadLayer, HeadNeurons, Numbers, NumpyHead
from imgclf.model_file.archive import CONFIG, FEATURES, HEAD, MANIFEST, METADATA, WEIGHTS
from imgclf.model_file.manifest import Correction, Decoder, Manifest
from imgclf.model_file.versions import keep_version

MODEL = Path("models/pets.keras")
_WIDTH, _KEYS = 1280, 2500


def correction(number: int) -> Correction:
    """The one that version `number` brought."""
    return Correction(f"/{number}.jpg", f"{number:064x}", "cat", "dog", number, "last layer")


def write_version(
    number: int,
    parent: int | None,
    *,
    neurons: int = 0,
    trained: int = 0,
    replaced: int | None = None,
) -> bytes:
    """Replaces the model in use, which is kept first.

    Args:
        number: Of the version.
        parent: What it was corrected from; None if it was trained.
        neurons: How many it has.
        trained: Which network it is.
        replaced: The version that it was trained to replace.

    Returns:
        The file.
    """
    layer = np.random.default_rng(number).normal(size=(_WIDTH, 1)).astype(np.float32)
    keys = np.stack(
        [np.random.default_rng(1000 + k).normal(size=_KEYS) for k in range(neurons)] or [[]], axis=1
    ).astype(np.float32)
    before, behind = (
        np.random.default_rng(trained + k).bytes(200_000 + 8 * neurons) for k in (10_000, 20_000)
    )
    weights = before[:200_000] + layer.tobytes() + keys.tobytes() + behind
    head = NumpyHead(
        map_shape=(1, 1, _KEYS),
        layers=(HeadLayer(Numbers.of(layer), Numbers.of(np.zeros(1))),),
        neurons=HeadNeurons(
            Numbers.of(keys), Numbers.of(np.zeros(neurons)), Numbers.of(np.ones((neurons, 1)))
        )
        if neurons
        else None,
    ).to_bytes()
    features = np.random.default_rng(trained).bytes(300_000)
    digests = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in (("weights", weights), ("features", features), ("head", head))
    }
    manifest = Manifest(
        name="pets",
        version=number,
        parent=parent,
        replaced=replaced,
        created=f"2026-01-{number % 28 + 1:02d}T00:00:00+00:00",
        class_names=("cat", "dog"),
        decoder=Decoder(height=32, width=32),
        head="sigmoid",
        corrections=() if parent is None else tuple(map(correction, range(2, number + 1))),
        weights_sha256=digests["weights"],
        features_sha256=digests["features"],
        head_sha256=digests["head"],
    )
    keep_version(MODEL)
    MODEL.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(MODEL.with_suffix(".new"), "w") as file:
        for name, content in {
            METADATA: b"{}",
            CONFIG: b'{"layers": []}' * 1000,
            WEIGHTS: weights,
            MANIFEST: msgspec.json.encode(manifest),
            FEATURES: features,
            HEAD: head,
        }.items():
            file.writestr(name, content)
    MODEL.with_suffix(".new").replace(MODEL)
    return MODEL.read_bytes()


def kept() -> dict[str, int]:
    """The files of the kept versions, and their sizes."""
    folder = MODEL.with_suffix(".history") / "versions"
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
