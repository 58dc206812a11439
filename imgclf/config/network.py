"""What a network is built from, as a config declares it and its classes complete it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from imgclf.config.auto_rate import with_rate
from imgclf.config.backbone import Backbone
from imgclf.config.keras_names import BY_OUTPUT, MIXING
from imgclf.config.loaded import ConfigFile, LoadedConfig
from imgclf.config.network_size import NetworkSize, network_size, refuse_giant
from imgclf.config.output_head import Head, resolve_head
from imgclf.config.spec import Spec, written


@dataclass(frozen=True)
class Network:
    """A network before it is built, and what it is compiled with.

    Attributes:
        image_size: (height, width) in pixels.
        backbone: The pretrained network that it is built on; None for one from scratch.
        augmentation: Layers that act in training only.
        layers: From the picture, or the features of the backbone, to the last layer before the
            output.
        head: The output layer, the loss, and the form of the labels.
        optimizer: A Keras optimizer; by Keras's own learning rate where that is still to be found.
        metrics: What is measured beside the loss.
        file: Names the line of what Keras refuses.
    """

    image_size: tuple[int, int]
    backbone: Backbone | None
    augmentation: tuple[Spec, ...]
    layers: tuple[Spec, ...]
    head: Head
    optimizer: Spec
    metrics: tuple[Spec, ...]
    file: ConfigFile

    def written(self) -> dict[str, Any]:
        """Plain values of all that it is built from and compiled with."""
        values = {field.name: written(getattr(self, field.name)) for field in fields(self)}
        # Without a backbone it is what it was before there were any, and is known by the same.
        left_out = ("file", "backbone") if self.backbone is None else ("file",)
        return {name: value for name, value in values.items() if name not in left_out}


def declared_network(loaded: LoadedConfig, num_classes: int) -> Network:
    """The network that a config declares for so many classes.

    Raises:
        ConfigError: See `resolve_head`; or it would fill the memory, see `refuse_giant`.
    """
    config = loaded.config
    mixed = any(spec.name in MIXING for spec in config.augmentation)
    head = resolve_head(
        config.model.output,
        config.training,
        num_classes,
        loaded.file,
        mixed=mixed,
        multi_label=config.data.multi_label,
    )
    if config.model.backbone is not None:
        head = _from_nothing(head)
    optimizer, ema = with_rate(config.training.optimizer, None), config.training.ema
    metrics = config.training.metrics
    network = Network(
        config.data.image_size,
        config.model.backbone,
        config.augmentation,
        config.model.layers,
        head,
        optimizer if ema is None else ema.kept_by(optimizer),
        tuple(map(_of_each_class, metrics)) if config.data.multi_label else metrics,
        loaded.file,
    )
    refuse_giant(size_of(network), loaded.file)
    return network


def size_of(network: Network) -> NetworkSize:
    """What it takes, as far as that is known without Keras."""
    return network_size(
        network.image_size,
        network.augmentation,
        network.layers,
        network.head.output,
        on_features=network.backbone is not None,
    )


def _of_each_class(metric: Spec) -> Spec:
    """Keras takes `accuracy` of several units for that of the largest one."""
    if metric.name not in BY_OUTPUT["metrics"]:
        return metric
    return Spec(name="BinaryAccuracy", arguments={"name": metric.name})


def _from_nothing(head: Head) -> Head:
    """The same, but its weights begin at zero, unless the config says with what.

    Random ones of a thousand features are noise that a few steps don't get rid of: from ten
    pictures a class, cats and dogs were right 84 times in 100 with it and 95 without.
    """
    arguments = {"kernel_initializer": Spec(name="Zeros"), **head.output.arguments}
    output = Spec(name=head.output.name, arguments=arguments)
    return Head(output, head.loss, head.label_mode)
