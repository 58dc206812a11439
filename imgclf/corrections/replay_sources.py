"""Where the pictures to replay and to judge by come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imgclf.corrections.replay_memory import ReplayMemory, choose_memory, load_memory
from imgclf.data.dataset import Part, read_labelled
from imgclf.data.division import split
from imgclf.data.left_out import warn_of_left_out
from imgclf.errors import DataError
from imgclf.model_file.lookup import history_directory
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.trained_on import TrainingData, training_data
from imgclf.system import console

_SEED = 123


def find_memory(
    model: Path, manifest: Manifest, directory: Path | None
) -> tuple[ReplayMemory, bool]:
    """Pictures to replay and to judge by.

    Those of `directory`, if there is one; else the model's replay memory; else, if that is gone,
    those of the data set that the model was trained on.

    Args:
        model: The model file.
        manifest: Its manifest.
        directory: Whatever can be trained on, with none of the model's classes missing.

    Returns:
        The pictures, and whether they are worth keeping beside the model.

    Raises:
        DataError: There are none, or too few.
    """
    data = training_data(manifest)
    if data is not None and not data.directory.is_dir():
        data = None
    if directory is not None:
        if data is not None and (data.arrangement.table or data.directory).samefile(directory):
            return _of_training(data), True
        return _halves(manifest, directory), True
    memory = load_memory(model)
    suitable = memory and memory.for_model(manifest)
    if suitable:
        return suitable, False
    if data is not None:
        console.note(f"no replay memory beside {model}: using {data.directory}")
        return _of_training(data), True
    raise DataError(
        f"{model} has no replay memory beside it, so nothing could tell whether a correction "
        "does harm",
        f"it lies in {history_directory(model)}: copy it along with the model; or name folders "
        "of pictures, one for each class, to replay and to judge by: --data FOLDER; or do without "
        "a guard: --unguarded",
    )


def _of_training(data: TrainingData) -> ReplayMemory:
    """The data set that the model was trained on, divided as it was then."""
    found = data.read("the pictures that it is judged by")
    memory = choose_memory(found.training, found.validation, found.folder.class_names, data.seed)
    suitable = memory.for_model(data.manifest)
    if suitable is None:
        raise DataError(f"{data.directory} has no pictures of the classes of {data.manifest.name}")
    return suitable


def _halves(manifest: Manifest, directory: Path) -> ReplayMemory:
    """Half of the pictures to replay, the other half to judge by; equal files together."""
    names = manifest.class_names
    found = read_labelled(directory, names, manifest.decoder.settings(), "not test")
    warn_of_left_out(found.skipped)
    whole = found.part
    replayed, judging = (
        {picture.path for picture in half} for half in split(whole.pictures, len(names), 0.5, _SEED)
    )
    memory = choose_memory(_only(whole, replayed), _only(whole, judging), names, _SEED)
    few = [
        name
        for label, name in enumerate(names)
        if label not in memory.replay.labels or label not in memory.judge.labels
    ]
    if few:
        raise DataError(
            f"--data {directory}: two different pictures of each class are wanted at least, one "
            f"to replay and one to judge by; too few of {', '.join(few)}"
        )
    return memory


def _only(part: Part, paths: set[Path]) -> Part:
    rows = np.array([k for k, one in enumerate(part.pictures) if one.path in paths], np.int64)
    pictures = tuple(part.pictures[row] for row in rows.tolist())
    return Part(pictures, part.pixels, part.rows[rows], part.labels[rows])
