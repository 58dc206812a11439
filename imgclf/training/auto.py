"""What a config leaves open (`auto`), decided once for a run."""

from __future__ import annotations

from msgspec.structs import replace

from imgclf.backbones.graphs import FeaturesNetwork
from imgclf.config.choices import Precision
from imgclf.config.network import Network
from imgclf.config.schema import Config
from imgclf.data.dataset import DataSet
from imgclf.runs.folder import Settled
from imgclf.system import time_limit
from imgclf.system.processor_share import ProcessorShare
from imgclf.training.fit_into_time import plan_time
from imgclf.training.learning_rates import found_rates
from imgclf.training.lower_maps import choose_cut
from imgclf.training.out_of_memory import out_of_memory_as_error

# Seconds that there are for a training, below which none go to seeing whether bfloat16 is faster.
_TRYING_PAYS = 300.0
# Where all of the time is gone before anything of a training is known, this is asked for.
_AND_MORE = 3


def settle(
    network: Network, config: Config, data: DataSet, backbone: FeaturesNetwork | None
) -> Settled:
    """Decides what a config leaves open, and what fits into the time that holds.

    Args:
        network: What is trained.
        config: How precise it is to be, whether on several devices, how many pictures a step is to
            have, and what is fine-tuned.
        data: What it is trained on.
        backbone: As it comes, if there is one.

    Raises:
        ConfigError: The network can't be built, or be fine-tuned from where it is to be.
        OutOfMemoryError: Not even for a try.
        TimeBudgetError: Not even one epoch fits.
        WriteError: The cache can't be written.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    limit = time_limit.current()
    if limit is not None and limit.left <= 0:
        raise limit.too_short("what comes before the training", _AND_MORE * limit.used)
    precision = _precision(network, config, len(data.training))
    fine_tune, cut = config.training.fine_tune, None
    if backbone is not None and fine_tune is not None:
        cut = choose_cut(network, fine_tune, data, backbone)
    settled = Settled(precision, config.data.first_batch_size, cut=cut, changes_pixels=True)
    settled = replace(settled, rates=found_rates(network, config, data, settled))
    if limit is None:
        return settled
    with out_of_memory_as_error(network.image_size, settled.batch_size):
        return replace(settled, time=plan_time(network, config, data, backbone, settled, limit))


def _precision(network: Network, config: Config, pictures: int) -> Precision:
    batch_size = config.data.first_batch_size
    if config.training.distribution != "none":
        # Each machine might find something else.
        return "bfloat16" if config.training.precision == "bfloat16" else "float32"

    # Keras's import takes seconds, which a config error or "nothing to do" should not cost.
    from imgclf.data.augmenting import leading_augmenting
    from imgclf.model.build import augmentation_layers
    from imgclf.training.precision import choose_precision

    limit = time_limit.current()
    slower = ProcessorShare().slower or 1.0
    short = limit is not None and limit.left < _TRYING_PAYS * slower
    if short and config.training.precision == "auto":
        return "float32"
    with out_of_memory_as_error(network.image_size, batch_size):
        augmenting = leading_augmenting(augmentation_layers(network))
        return choose_precision(network, config.training, augmenting, pictures, batch_size)
