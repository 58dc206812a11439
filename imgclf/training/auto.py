"""What a config leaves open (`auto`), decided once for a run."""

from __future__ import annotations

from imgclf.backbones.graphs import FeaturesNetwork
from imgclf.config.choices import Precision
from imgclf.config.network import Network
from imgclf.config.schema import Config
from imgclf.data.dataset import DataSet
from imgclf.runs.folder import Settled
from imgclf.training.lower_maps import choose_cut


def settle(
    network: Network, config: Config, data: DataSet, backbone: FeaturesNetwork | None
) -> Settled:
    """Decides what a config leaves open.

    Args:
        network: What is trained.
        config: How precise it is to be, whether on several devices, how many pictures a step is to
            have, and what is fine-tuned.
        data: What it is trained on.
        backbone: As it comes, if there is one.

    Raises:
        ConfigError: The network can't be built, or be fine-tuned from where it is to be.
        OutOfMemoryError: Not even for a try.
        WriteError: The cache can't be written.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    precision = _precision(network, config, len(data.training))
    fine_tune, cut = config.training.fine_tune, None
    if backbone is not None and fine_tune is not None:
        cut = choose_cut(network, fine_tune, data, backbone)
    return Settled(precision, config.data.first_batch_size, cut=cut)


def _precision(network: Network, config: Config, pictures: int) -> Precision:
    batch_size = config.data.first_batch_size
    if config.training.distribution != "none":
        # Each machine might find something else.
        return "bfloat16" if config.training.precision == "bfloat16" else "float32"

    # Keras's import takes seconds, which a config error or "nothing to do" should not cost.
    from imgclf.data.resampling import leading_resampling
    from imgclf.model.build import augmentation_layers
    from imgclf.training.out_of_memory import out_of_memory_as_error
    from imgclf.training.precision import choose_precision

    with out_of_memory_as_error(network.image_size, batch_size):
        resampling = leading_resampling(augmentation_layers(network))
        return choose_precision(network, config.training, resampling, pictures, batch_size)
