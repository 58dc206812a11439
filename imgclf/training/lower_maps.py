"""What lies below the layers that are fine-tuned: computed once for each picture, where it can be.

Where nothing augments, each epoch would run it on the same pictures to the same end. An epoch then
takes neither pictures nor the lower part.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from imgclf.backbones.features import PartFeatures, compute_features
from imgclf.backbones.graphs import FeaturesNetwork
from imgclf.backbones.lower_network import lower_network
from imgclf.config.fine_tune import ALL_LAYERS, FineTune
from imgclf.config.network import Network
from imgclf.data.dataset import DataSet
from imgclf.errors import UsageError
from imgclf.system import console
from imgclf.system.disk import size_text
from imgclf.training.freezing import freeze_below
from imgclf.training.networks import build_network
from imgclf.work_folders import CACHE_DIRECTORY

if TYPE_CHECKING:
    from imgclf.backend import keras

MOST_BYTES = 4_000_000_000
"""That are kept for one training; more would be read from the disk in each epoch."""

_BYTES = 2  # of a number in half precision


def choose_cut(
    network: Network, fine_tune: FineTune, data: DataSet, whole: FeaturesNetwork
) -> int | None:
    """Where the network is cut for fine-tuning, what lies below having been computed.

    At the last place below all that is trained of which as much as that can be kept.

    Args:
        network: What is trained, on a backbone.
        fine_tune: How.
        data: What it is trained on.
        whole: The backbone.

    Returns:
        How many operations lie below; None if fine-tuning has to run all of them.

    Raises:
        ConfigError: There is no layer of the name from which it is to be fine-tuned.
        WriteError: The cache can't be written.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    if network.augmentation or fine_tune.from_ == ALL_LAYERS:
        return None
    from imgclf.backbones.cut import places

    model = build_network(network)
    freeze_below(model, fine_tune.from_, network)
    pictures = len(data.training) + len(data.validation)
    sizes = {place.below: pictures * place.width * _BYTES for place in places(model)}
    if not sizes:
        return None
    most = min(MOST_BYTES, shutil.disk_usage(CACHE_DIRECTORY).free)
    cut = max((below for below, size in sizes.items() if size <= most), default=None)
    if cut is None:
        least = size_text(min(sizes.values()))
        console.note(
            "each epoch of fine-tuning runs the layers below, too: what they make of pictures "
            f"would take {least}, and {size_text(most)} is the most that is kept"
        )
        return None
    try:
        lower_maps(network, data, whole, cut)
    except UsageError as error:
        console.note(f"each epoch of fine-tuning runs the layers below, too: {error.message}")
        return None
    console.note(
        f"what the first {cut} layers make of pictures is computed once, for they are not trained "
        f"and nothing augments: {size_text(sizes[cut])} in {CACHE_DIRECTORY}"
    )
    return cut


def lower_maps(
    network: Network, data: DataSet, whole: FeaturesNetwork, cut: int
) -> tuple[PartFeatures, PartFeatures]:
    """What lies below a cut makes of the training and the validation pictures.

    It is computed for those that it has not been computed for yet.

    Args:
        network: What is trained, on a backbone.
        data: What it is trained on.
        whole: The backbone.
        cut: How many operations lie below.

    Raises:
        UsageError: Numbers in half precision don't reach so far.
        WriteError: The cache can't be written.
        DataError: A picture that isn't kept decoded can't be read any more.
    """

    def make() -> keras.Model:
        from imgclf.backbones.cut import lower_part

        return lower_part(build_network(network), cut)

    lower = lower_network(whole, cut, make)
    return (
        compute_features(lower, data.training, data.settings),
        compute_features(lower, data.validation, data.settings),
    )
