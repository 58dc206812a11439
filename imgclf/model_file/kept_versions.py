"""The folder of kept versions: whole files, and those that are in parts of others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from imgclf.errors import ModelFileError
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.lookup import IN_PARTS, WHOLE, kept_files
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.version_parts import PartsFile, manifest_in, write_parts
from imgclf.model_file.version_recipe import MOST_DIVIDED
from imgclf.system.files import atomic_path, sync_folder

# A version that has more than this of its own is kept whole, which takes no time.
_MOST_OWN = 0.5


def kept_manifest(path: Path) -> Manifest:
    """What a kept version says of itself, without putting it together.

    Raises:
        ModelFileError: It is damaged, or a file is gone that it shares bytes with.
    """
    if path.suffix == WHOLE:
        return read_manifest(path)
    file = PartsFile(path)
    file.require_sources()
    return file.manifest()


def kept_size(path: Path) -> int:
    """How many bytes a kept version has when it is whole.

    Raises:
        ModelFileError: It is damaged.
    """
    return path.stat().st_size if path.suffix == WHOLE else PartsFile(path).recipe.size


def put_together(path: Path, target: Path) -> None:
    """Writes a kept version to a file, as it was.

    Raises:
        ModelFileError: It is damaged.
    """
    if path.suffix == WHOLE:
        shutil.copyfile(path, target)
    else:
        target.write_bytes(PartsFile(path).checked_content())


def keep(model: Path, folder: Path, manifest: Manifest) -> None:
    """Keeps a model file, of which only what is new is written if an earlier one is like it.

    Any other becomes a hard link, which costs neither time nor space; it stays as it is because
    models are replaced and never edited.

    Args:
        model: The file.
        folder: Of the kept versions.
        manifest: The model's.

    Raises:
        WriteError: There is no room for it.
    """
    kept = kept_files(folder)
    if manifest.version in kept:
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not _keep_in_parts(model, folder, manifest, kept):
        target = folder / f"{manifest.version:04d}{WHOLE}"
        try:
            os.link(model, target)
        except OSError:  # a file system without hard links
            with atomic_path(target) as temporary:
                shutil.copyfile(model, temporary)
    sync_folder(folder)


def _keep_in_parts(model: Path, folder: Path, manifest: Manifest, kept: Mapping[int, Path]) -> bool:
    """False if no earlier version is like it."""
    size = model.stat().st_size
    like = manifest.parent if manifest.parent in kept else max(kept, default=None)
    if like is None or size > MOST_DIVIDED:
        return False
    # What only corrections need, and not what only lists versions.
    from imgclf.model_file.shared_bytes import divide, member_spans, read_parts, read_whole

    try:
        earlier = kept[like]
        if kept_size(earlier) > MOST_DIVIDED:
            return False
        known = read_whole(earlier) if earlier.suffix == WHOLE else read_parts(PartsFile(earlier))
        content = model.read_bytes()
        recipe, own = divide(content, member_spans(model, content), known)
        if len(own) > _MOST_OWN * size or manifest_in(recipe, own) != manifest:
            return False
    except (ModelFileError, ValueError):  # the earlier one is damaged, or one is packed otherwise
        return False
    write_parts(folder / f"{manifest.version:04d}{IN_PARTS}", recipe, own)
    return True
