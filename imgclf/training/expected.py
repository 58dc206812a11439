"""How long the phases of a training will take, for who watches it."""

from __future__ import annotations

from imgclf.backbones.speed import fine_tuning_seconds
from imgclf.config.backbone import LITE
from imgclf.config.network import Network
from imgclf.data.dataset import DataSet
from imgclf.system import console
from imgclf.training.settings import TrainingSettings

_VALIDATION_IN_STEPS = 0.5  # of a training step, for as many pictures


def expected_seconds(
    network: Network, data: DataSet, settings: TrainingSettings
) -> list[float | None]:
    """Seconds of each phase, as far as they are known before it begins.

    Of the first nothing is: its own steps tell soon enough.

    Args:
        network: What is trained.
        data: What it is trained on.
        settings: How.
    """
    fine_tune, time = settings.fine_tune, settings.settled.time
    if fine_tune is None or network.backbone is None:
        return [None]
    training, validation = len(data.training), len(data.validation)
    if time is not None and time.fine_tuning_step is not None:
        pictures = training + _VALIDATION_IN_STEPS * validation
        steps = pictures / settings.settled.batch_size
        return [None, time.fine_tuned * steps * time.fine_tuning_step]
    # A few passes to see it are only for who looks.
    if not console.current().terminal or network.backbone.name not in LITE:
        return [None, None]
    seconds = fine_tuning_seconds(network.backbone, fine_tune.epochs, training, validation)
    return [None, seconds]
