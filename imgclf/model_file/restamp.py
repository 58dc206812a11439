"""A model file that is another's but for its manifest."""

from __future__ import annotations

import zipfile
from pathlib import Path

import msgspec

from imgclf.model_file.archive import MANIFEST, ModelArchive
from imgclf.model_file.known_files import is_made_here, remember
from imgclf.model_file.manifest import Manifest
from imgclf.system.files import atomic_path


def copy_with_manifest(source: Path, manifest: Manifest, target: Path) -> None:
    """Writes the file; it replaces what there was.

    Args:
        source: The other one, checked member by member.
        manifest: With the same checksums.
        target: Where to.

    Raises:
        ModelFileError: The other one is damaged.
        WriteError: There is no room for it.
    """
    with ModelArchive(source) as archive:
        archive.refuse_strange_members()
        archive.verify_weights(manifest)
        archive.verify_graphs(manifest)
        members = {name: archive.read(name) for name in archive.members()}
    members[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest))
    size = sum(map(len, members.values()))
    with atomic_path(target, size) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    if is_made_here(source):
        remember(target)
