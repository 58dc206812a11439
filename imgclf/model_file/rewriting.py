"""A model file written again with some members changed, without Keras."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping

import msgspec

from imgclf.model_file.archive import HEAD, HELD_OUT, MANIFEST, WEIGHTS, ModelArchive
from imgclf.model_file.held_out import HeldOut
from imgclf.model_file.known_files import remember
from imgclf.model_file.manifest import Manifest
from imgclf.system.files import atomic_path


def rewrite(
    archive: ModelArchive,
    manifest: Manifest,
    changed: Mapping[str, bytes],
    held_out: HeldOut | None,
) -> Manifest:
    """Replaces a model file, which is closed, by one with other weights and another head.

    All other members are copied as they are, the graph of the features among them.

    Args:
        archive: The model file as it is.
        manifest: What the new one is to say; its checksums are filled in here.
        changed: The new weights and the new head, and whatever else is another.
        held_out: Which held-out pictures the new one has right; None if that isn't known.

    Returns:
        The manifest as written.

    Raises:
        ModelFileError: What is to be copied is damaged.
        WriteError: There is no room for it.
    """
    archive.verify_graphs(archive.manifest())
    judged = None if held_out is None else held_out.to_bytes()
    written = msgspec.structs.replace(
        manifest,
        weights_sha256=hashlib.sha256(changed[WEIGHTS]).hexdigest(),
        head_sha256=hashlib.sha256(changed[HEAD]).hexdigest(),
        held_out_sha256=None if judged is None else hashlib.sha256(judged).hexdigest(),
    )
    changed = {**changed, MANIFEST: msgspec.json.format(msgspec.json.encode(written))}
    names = [name for name in archive.members() if name != HELD_OUT]
    if judged is not None:
        changed[HELD_OUT] = judged
        names.append(HELD_OUT)
    sizes = {name: archive.size(name) for name in names}
    sizes |= {name: len(content) for name, content in changed.items()}
    with atomic_path(archive.path, sum(sizes.values())) as temporary:
        with zipfile.ZipFile(temporary, "w") as file:
            for name in names:  # one at a time, for they can be large
                file.writestr(name, changed[name] if name in changed else archive.read(name))
        archive.close()  # for where a file that is open can't be replaced
    remember(archive.path)
    return written
