"""Model files that are not what was written."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from imgclf.model_file.archive import FEATURES, MANIFEST, PICTURES_SEEN, WHOLE_GRAPH


def rewritten(model: Path, member: str, edit: Callable[[bytes], bytes]) -> Path:
    """A copy of a model file in which one member is another."""
    target = model.with_name("other.keras")
    with zipfile.ZipFile(model) as source:
        contents = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(target, "w") as made:
        for name, content in contents.items():
            made.writestr(name, edit(content) if name == member else content)
    return target


def with_graph(model: Path, edit: Callable[[bytes], bytes]) -> Path:
    """A copy with another LiteRT graph, and its checksum as a hostile author would set it."""
    with zipfile.ZipFile(model) as archive:
        name = WHOLE_GRAPH if WHOLE_GRAPH in archive.namelist() else FEATURES
        checksum = hashlib.sha256(edit(archive.read(name))).hexdigest()

    def set_right(manifest: bytes) -> bytes:
        key = "twin_sha256" if name == WHOLE_GRAPH else "features_sha256"
        return json.dumps(json.loads(manifest) | {key: checksum}).encode()

    return rewritten(rewritten(model, name, edit), MANIFEST, set_right)


def without_pictures_seen(model: Path) -> Path:
    """A copy as earlier versions wrote it, which doesn't say what the model was trained on."""
    older = model.with_name("older.keras")

    def silent(content: bytes) -> bytes:
        manifest = msgspec.json.decode(content)
        del manifest["pictures_seen_sha256"]
        return msgspec.json.encode(manifest)

    with zipfile.ZipFile(model) as source, zipfile.ZipFile(older, "w") as made:
        for name in source.namelist():
            if name != PICTURES_SEEN:
                content = source.read(name)
                made.writestr(name, silent(content) if name == MANIFEST else content)
    return older
