"""Training on a pretrained network: first what stands on it, then, if declared, the network itself.

In the first phase the network is frozen, so its features are computed once and what stands on it
is trained on those, an epoch in a fraction of a second. The second phase begins with the head of
the first (Kumar et al. 2022, Fine-Tuning can Distort Pretrained Features and Underperform
Out-of-Distribution) and trains on pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.features import PartFeatures, compute_features
from imgclf.backbones.graphs import FeaturesNetwork, features_network
from imgclf.backbones.views import views_of
from imgclf.config.callback_catalogue import entry_of
from imgclf.config.ema import Ema
from imgclf.config.fine_tune import FineTune
from imgclf.config.network import Network
from imgclf.config.spec import Spec
from imgclf.data.augmenting import Augmenting
from imgclf.data.dataset import DataSet
from imgclf.data.source import Examples, Source, encode_labels
from imgclf.model.engine import Outputs
from imgclf.system import console
from imgclf.training.freezing import freeze_below
from imgclf.training.label_shares import begin_at_label_shares
from imgclf.training.label_smoothing import smooth_labels
from imgclf.training.mixed_labels import measure_by_larger_part
from imgclf.training.networks import TrainedWeights, build_network, show_summary
from imgclf.training.phases import Phase
from imgclf.training.role import Role
from imgclf.training.settings import TrainingSettings
from imgclf.training.sources import sources_of

if TYPE_CHECKING:
    from imgclf.backend import keras

LABEL_SMOOTHING = 0.1
"""Of the second phase, where neither the config nor the loss says how much."""


@dataclass(frozen=True)
class FrozenFeatures:
    """What the pretrained network, as it came, makes of a data set.

    Attributes:
        network: That network.
        training: In the views that augmentation gives.
        validation: Of the pictures as they are.
    """

    network: FeaturesNetwork
    training: PartFeatures
    validation: PartFeatures


def frozen_features(network: Network, data: DataSet, *, mirrored: bool = True) -> FrozenFeatures:
    """Computes the features that there are not yet; without Keras where the graph is there.

    Args:
        network: What is trained, on a backbone.
        data: What it is trained on.
        mirrored: Of mirrored pictures, too, if augmentation has them.

    Raises:
        ConfigError: The backbone can't be had.
        WriteError: The cache can't be written.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    assert network.backbone is not None
    runs = features_network(network.backbone, network.image_size, network.file)
    views = views_of(network.augmentation if mirrored else ())
    return FrozenFeatures(
        runs,
        compute_features(runs, data.training, data.settings, views),
        compute_features(runs, data.validation, data.settings),
    )


def head_phase(
    network: Network,
    data: DataSet,
    features: FrozenFeatures,
    settings: TrainingSettings,
    role: Role,
) -> Phase:
    """The phase that trains what stands on the pretrained network."""

    def make(_: keras.Model | None) -> keras.Model:
        from imgclf.backend import keras
        from imgclf.model.build import build_head
        from imgclf.model.layer_names import STANDARDIZATION

        keras.utils.set_random_seed(settings.seed)
        head = build_head(network, features.network.width)
        head.get_layer(STANDARDIZATION).set_weights(feature_moments(features.training))
        begin_at_label_shares(head, data.training.labels, network.head)
        smooth_labels(head, settings.label_smoothing or 0, network.head)
        if settings.summary:
            show_summary(head)
        return head

    labels = np.concatenate([data.training.labels] * len(features.training.rows))
    examples = (
        examples_of(features.training, labels, data, network),
        examples_of(features.validation, data.validation.labels, data, network),
    )
    return Phase(settings.epochs, *sources_of(examples, data, settings, role), model=make)


def head_outputs(
    network: Network, features: FrozenFeatures, weights: TrainedWeights
) -> Outputs | None:
    """What the published network puts out for the validation pictures, shape (pictures, units).

    From their features; None if the backbone is not as it came any more.
    """
    from imgclf.model.build import build_head

    if not weights.head_only:
        return None
    head = build_head(network, features.network.width)
    head.set_weights(weights.arrays)
    values, rows = features.validation.values, features.validation.rows[0]
    outputs = [
        np.asarray(head(values[rows[start : start + 1024]].astype(np.float32), training=False))
        for start in range(0, len(rows), 1024)
    ]
    return np.concatenate(outputs)


def fine_tuning_phase(
    network: Network,
    fine_tune: FineTune,
    sources: tuple[Source, Source],
    augmenting: Augmenting | None,
    settings: TrainingSettings,
    callbacks: Sequence[Spec],
) -> Phase:
    """The phase that trains the pretrained network, too.

    Args:
        network: What is trained.
        fine_tune: How.
        sources: What to train on and to validate on: pictures, or what the lower part of the
            network makes of them, if the settings have it cut.
        augmenting: What the former does in place of augmentation layers.
        settings: How it is trained in general.
        callbacks: As declared; some of them want something of the optimizer.
    """

    below = settings.settled.cut

    def make(before: keras.Model | None) -> keras.Model:
        from imgclf.backbones.cut import upper_part
        from imgclf.backend import keras
        from imgclf.model.build import compile_again, compile_model, set_head_weights

        keras.utils.set_random_seed(settings.seed)
        model = build_network(network, augmenting, settings.settled.precision)
        freeze_below(model, fine_tune.from_, network)
        if before is not None:
            set_head_weights(model, before.get_weights())
        if below is not None:
            model = upper_part(model, below)
            compile_model(model, network)
        steps = sources[0].num_batches
        fixed = settings.settled.time is None or not settings.settled.time.adapts
        falls = fixed and not sets_rates(callbacks)
        rate: Any = fine_tune.learning_rate
        if falls:
            rate = keras.optimizers.schedules.CosineDecay(rate, steps * fine_tune.epochs)
        compile_again(model, _optimizer(fine_tune, rate, callbacks, settings.ema))
        if not network.head.loss.arguments.get("label_smoothing"):
            given = settings.label_smoothing
            smooth_labels(model, LABEL_SMOOTHING if given is None else given, network.head)
        measure_by_larger_part(model, network)
        layers = sum(1 for layer in model.layers if layer.trainable_weights)
        on = "pictures" if below is None else f"what the {below} below them made of pictures"
        most = "" if fixed else "at most "
        plural = "" if fine_tune.epochs == 1 else "s"
        console.note(f"fine-tuning {layers} layers on {on}, {most}{fine_tune.epochs} epoch{plural}")
        return model

    best = settings.publish == "best"
    return Phase(fine_tune.epochs, *sources, model=make, from_best=best)


def averaged(
    network: Network, fine_tuned: Sequence[Any], head: Sequence[Any], cut: int | None = None
) -> list[NDArray[np.float32]]:
    """Half way between a fine-tuned network and what it began as.

    Wortsman et al. 2022, Robust Fine-Tuning of Zero-Shot Models, section 3.

    Args:
        network: What was trained.
        fine_tuned: The weights that fine-tuning came to.
        head: Those of the head that it began with; the rest began as the backbone comes.
        cut: Where it was cut, if they are those of its upper part.
    """
    from imgclf.backbones.cut import upper_part
    from imgclf.model.build import set_head_weights

    first = build_network(network)
    set_head_weights(first, head)
    if cut is not None:
        first = upper_part(first, cut)
    pairs = zip(first.get_weights(), fine_tuned, strict=True)
    return [np.asarray((one + other) / 2, np.float32) for one, other in pairs]


def sets_rates(callbacks: Sequence[Spec]) -> bool:
    """Whether one of the callbacks sets the learning rate, which else falls along a cosine."""
    return any(entry_of(spec.name).sets_learning_rate for spec in callbacks if not spec.off)


def _optimizer(
    fine_tune: FineTune, rate: Any, callbacks: Sequence[Spec], ema: Ema | None
) -> keras.optimizers.Optimizer:
    from imgclf.backend import keras

    in_use = [entry_of(spec.name) for spec in callbacks if not spec.off]
    averages = ema or (Ema() if any(entry.needs_averages for entry in in_use) else None)
    return keras.optimizers.AdamW(
        rate,
        global_clipnorm=fine_tune.global_clipnorm,
        use_ema=averages is not None,
        ema_momentum=(averages or Ema()).momentum,
    )


def feature_moments(features: PartFeatures) -> list[NDArray[np.float32]]:
    """What features are standardized by: mean and variance of each, shape (features,) each.

    To each variance the mean of all is added: of a few pictures some features hardly vary, and
    would be blown up. From ten pictures a class cats and dogs are right more often by it; from many
    it made no difference.
    """
    total, squares, count = 0.0, 0.0, features.rows.size
    order = np.sort(features.rows.ravel())  # as they lie on the disk
    for start in range(0, count, 1024):
        rows = features.values[order[start : start + 1024]].astype(np.float64)
        total, squares = total + rows.sum(axis=0), squares + (rows**2).sum(axis=0)
    mean = np.asarray(total / count)
    variance = np.maximum(squares / count - mean**2, 0)
    return [mean.astype(np.float32), (variance + variance.mean()).astype(np.float32)]


def examples_of(
    features: PartFeatures, labels: NDArray[np.int64], data: DataSet, network: Network
) -> Examples:
    """What the network, or its lower part, makes of pictures, in all their views, with labels."""
    encoded = encode_labels(labels, network.head.label_mode, len(data.folder.class_names))
    return Examples(features.values, features.rows.ravel(), encoded, data.fingerprint)
