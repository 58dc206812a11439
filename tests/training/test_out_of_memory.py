"""Memory that does not suffice ends a training with what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imgclf.commands.train import train
from imgclf.errors import UsageError
from imgclf.training.out_of_memory import out_of_memory_as_error
from tests.support.trainings import CONFIG

PETS = Path("pets.yaml")


@pytest.mark.slow
def test_too_little_memory_names_the_batch_size_to_try(
    drawn: Path, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layer asks for 1.1 TB at once, which no allocator grants, and for nothing before.

    So large a layer is refused, or else there would be memory for it here.
    """
    monkeypatch.setattr("imgclf.config.network_size.MOST_VALUES", 1 << 60)
    shutil.copytree(drawn, in_folder, dirs_exist_ok=True)
    size = "{size: [10000000, 1]}"
    giant = f"    - UpSampling2D: {size}\n    - GlobalAveragePooling2D\n"
    PETS.write_text(CONFIG.replace("    - Flatten\n", giant))
    with pytest.raises(UsageError) as caught:
        train(PETS)
    assert "does not suffice for batches of 16 pictures of 32 x 32" in str(caught.value)
    assert "--set data.batch_size=8 --fresh" in str(caught.value)


def test_a_full_disk_is_not_taken_for_too_little_memory() -> None:
    import tensorflow as tf

    full = tf.errors.ResourceExhaustedError(None, None, "x.tfevents; No space left on device")
    with pytest.raises(tf.errors.ResourceExhaustedError), out_of_memory_as_error((8, 8), 4):
        raise full
    with pytest.raises(UsageError, match="batch_size=2 --fresh"), out_of_memory_as_error((8, 8), 4):
        raise MemoryError
