"""What a config leaves open (`auto`), decided once for a run."""

from __future__ import annotations

from imgclf.config.network import Network
from imgclf.config.schema import DataConfig, TrainingConfig
from imgclf.runs.folder import Settled


def settle(network: Network, training: TrainingConfig, data: DataConfig, pictures: int) -> Settled:
    """Decides what a config leaves open.

    Args:
        network: What is trained.
        training: How precise it is to be, and whether on several devices.
        data: How many pictures a step is to have.
        pictures: How many are trained on in an epoch.

    Raises:
        ConfigError: The network can't be built.
        OutOfMemoryError: Not even for a try.
    """
    batch_size = data.first_batch_size
    if training.distribution != "none":
        # Each machine might find something else.
        return Settled("bfloat16" if training.precision == "bfloat16" else "float32", batch_size)

    # Keras's import takes seconds, which a config error or "nothing to do" should not cost.
    from imgclf.data.resampling import leading_resampling
    from imgclf.model.build import augmentation_layers
    from imgclf.training.out_of_memory import out_of_memory_as_error
    from imgclf.training.precision import choose_precision

    with out_of_memory_as_error(network.image_size, batch_size):
        resampling = leading_resampling(augmentation_layers(network))
        precision = choose_precision(network, training, resampling, pictures, batch_size)
    return Settled(precision, batch_size)
