"""Opens models with changed configs, weights and manifests, each in a process that may die.

    python -m tests.support.fuzz_keras KIND FIRST LAST FOLDER

with KIND config, weights or manifest, and FOLDER that `prepare` has filled; shows what came of the
cases of these numbers. See benchmarks/fuzz_models.py.
"""

from __future__ import annotations

import hashlib
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from imgclf.errors import ImgclfError
from imgclf.model_file.archive import (
    CONFIG,
    FEATURES,
    HEAD,
    MANIFEST,
    METADATA,
    WEIGHTS,
    WHOLE_GRAPH,
)
from imgclf.system.disk import problem_of
from tests.support.changed_keras import changed_config, changed_weights
from tests.support.fuzz_model_files import other_manifest

KINDS = ("config", "weights", "manifest")


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_archive(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def changed_file(kind: str, number: int, models: list[dict[str, bytes]], target: Path) -> bool:
    """Writes a changed model; hashes are set right.

    Returns:
        Whether it is one of imgclf's.
    """
    random_ = random.Random(f"{kind} {number}")
    members = dict(random_.choice(models))
    ours = MANIFEST in members
    if kind == "config":
        members[CONFIG] = changed_config(members[CONFIG], random_)
        if random_.random() < 0.03:
            members[METADATA] = other_manifest(members[METADATA], random_)
    elif kind == "weights":
        members[WEIGHTS] = changed_weights(members[WEIGHTS], random_)
    elif ours:
        if random_.random() < 0.3:
            members[MANIFEST] = _of_several_labels(members[MANIFEST], random_)
        members[MANIFEST] = other_manifest(members[MANIFEST], random_)
    if ours and kind != "manifest":
        manifest = json.loads(members[MANIFEST])
        manifest["weights_sha256"] = hashlib.sha256(members[WEIGHTS]).hexdigest()
        # So Keras answers.
        for name, key in ((WHOLE_GRAPH, "twin"), (FEATURES, "features"), (HEAD, "head")):
            members.pop(name, None)
            manifest[f"{key}_sha256"] = None
        members[MANIFEST] = json.dumps(manifest).encode()
    write_archive(target, members)
    return ours


def _of_several_labels(content: bytes, random_: random.Random) -> bytes:
    """A manifest that says of its model that it gives several labels, and from where on."""
    manifest = json.loads(content)
    count = random_.choice([len(manifest["class_names"]), random_.randrange(4)])
    several = {
        "head": "multi_label",
        "format_version": random_.choice([1, 2, 3]),
        "label_thresholds": [random_.choice([0, 0.5, 1, 1e308, -1]) for _ in range(count)],
    }
    kept = {} if random_.random() < 0.5 else {"corrections": [], "new_classes": 0}
    return json.dumps(manifest | several | kept).encode()


def told(kind: str, action: Callable[[], str]) -> str:
    """What came of it, in a word and the message."""
    try:
        return f"{kind}: {action()}"
    except ImgclfError as error:
        assert error.exit_status != 1, str(error)
        assert error.message
        return f"{kind}: refused\n{error}"
    except OSError as error:
        assert problem_of(error) is not None, repr(error)
        return f"{kind}: refused\n{error}"


def case_of(kind: str, folder: Path, seed: str = "") -> Callable[[int], str]:
    """The cases of a kind; folder/models has what is changed."""
    models = [members_of(path) for path in sorted((folder / "fuzzed").glob("*.keras"))]
    if kind == "manifest":
        models = [one for one in models if MANIFEST in one]

    def case(number: int) -> str:
        target = folder / f"{kind}.keras"
        ours = changed_file(kind, number, models, target)
        return told(kind, lambda: (_use if ours else _adopt)(target, number))

    return case


def _use(path: Path, number: int) -> str:
    """What `predict`, `history` and `evaluate --suspects` do with a model of imgclf."""
    from imgclf.config.load import config_from_values
    from imgclf.model_file.classifier import open_classifier

    classifier = open_classifier(path)
    decoder = classifier.manifest.decoder
    pixels = np.random.default_rng(0).integers(0, 256, (2, decoder.height, decoder.width, 3))
    found = classifier.probabilities(pixels.astype(np.uint8))
    assert found.shape == (2, len(classifier.manifest.class_names)), found.shape
    config_from_values(classifier.manifest.config, path)
    return "answered"


def _adopt(path: Path, number: int) -> str:
    from imgclf.commands.adopt import _fit, _look_inside, _write, refuse_misfits
    from imgclf.model_file.manifest import Decoder, Manifest

    contents = _look_inside(path)
    size = (32, 32) if number % 3 == 0 else None
    refuse_misfits(path, contents.config, ["a", "b"], size)
    network = _fit(path, contents, ["a", "b"], size, None, 0.0)
    if number % 10:
        return "adopted"
    height, width, _ = network.model.input_shape[1:]
    manifest = Manifest(
        name="x",
        created="x",
        class_names=("a", "b"),
        decoder=Decoder(height=height, width=width),
        head=network.head,
    )
    _write(network, manifest, path.with_suffix(".adopted.keras"))
    return "adopted and written"
