"""What a declared network takes, worked out without Keras and before anything is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imgclf.config.bounds import MOST_VALUES, MOST_WEIGHT_BYTES
from imgclf.config.keras_names import RESIDUAL
from imgclf.config.layer_sizes import Shape, numbers_in, sized
from imgclf.config.loaded import ConfigFile
from imgclf.config.spec import Spec

WEIGHT_BYTES = 4
"""Of a float32: all weights are, whatever the layers compute in."""

MOST_WEIGHTS = MOST_WEIGHT_BYTES // WEIGHT_BYTES

# How many numbers an optimizer keeps of each weight.
_KEPT: Mapping[str, int] = {"SGD": 1, "Lion": 1, "RMSprop": 1, "Adagrad": 1, "Adafactor": 0}
_KEPT_BY_MOST = 2


@dataclass(frozen=True)
class LayerSize:
    """What one layer takes.

    Attributes:
        key: Where it stands in the config.
        spec: Its declaration.
        given: The shape of what it gets of one picture.
        shape: The shape of what it makes of it.
        weights: How many it has; at least, if a side of `given` isn't known.
    """

    key: str
    spec: Spec
    given: Shape
    shape: Shape
    weights: int


@dataclass(frozen=True)
class NetworkSize:
    """What a network takes, as far as it is known.

    Attributes:
        layers: In their order, those of branches among them.
        unknown: The layer from which on nothing is known, and its key; None if there is none.
    """

    layers: tuple[LayerSize, ...]
    unknown: str | None = None

    @property
    def weights(self) -> int:
        """How many numbers are learned or remembered."""
        return sum(layer.weights for layer in self.layers)

    @property
    def values(self) -> int:
        """How many numbers all layers together make of one picture."""
        return sum(numbers_in(layer.shape) for layer in self.layers)

    def weight_bytes(self, optimizer: Spec) -> int:
        """What training takes for weights, their gradients and what the optimizer keeps of them."""
        kept = _KEPT.get(optimizer.name, _KEPT_BY_MOST)
        kept += bool(optimizer.arguments.get("use_ema"))  # an average of each
        return self.weights * WEIGHT_BYTES * (2 + kept)


class _Sizes:
    """Follows a shape through layers."""

    def __init__(self) -> None:
        self.layers: list[LayerSize] = []
        self.unknown: str | None = None

    def follow(self, shape: Shape, key: str, specs: Sequence[Spec]) -> Shape | None:
        """The shape behind these layers; None from a layer on that there is no rule for."""
        for index, spec in enumerate(specs):
            made = self.add(shape, f"{key}.{index}", spec)
            if made is None:
                return None
            shape = made
        return shape

    def add(self, shape: Shape, key: str, spec: Spec) -> Shape | None:
        """The shape behind one layer."""
        if spec.name == RESIDUAL:
            made = self.follow(shape, f"{key}.layers", spec.arguments["layers"])
            shortcut = 0 if made is None or made == shape else _shortcut(shape, made)
            found = None if made is None else (made, shortcut)
        else:
            found = sized(spec, shape)
        if found is None:
            self.unknown = self.unknown or f"{spec.name} ({key})"
            return None
        self.layers.append(LayerSize(key, spec, shape, *found))
        return found[0]


def _shortcut(given: Shape, made: Shape) -> int:
    """Weights of a convolution of 1 x 1, and of batch normalization behind it."""
    return numbers_in(given[-1:]) * numbers_in(made[-1:]) + 4 * numbers_in(made[-1:])


def network_size(
    image_size: tuple[int, int],
    augmentation: Sequence[Spec],
    layers: Sequence[Spec],
    output: Spec,
    *,
    on_features: bool,
) -> NetworkSize:
    """What a network takes that is built of these.

    Args:
        image_size: (height, width) in pixels.
        augmentation: Layers that act in training only.
        layers: The declared ones.
        output: The last one.
        on_features: A pretrained network lies between the two, whose own layers are not counted,
            and of whose features nobody knows here how many there are.
    """
    sizes = _Sizes()
    shape = sizes.follow((*image_size, 3), "augmentation", augmentation)
    if on_features:
        shape = (None,)
    if shape is not None:
        shape = sizes.follow(shape, "model.layers", layers)
    if shape is not None:
        sizes.add(shape, "model.output", output)
    return NetworkSize(tuple(sizes.layers), sizes.unknown)


def refuse_giant(size: NetworkSize, file: ConfigFile) -> None:
    """Makes sure that a network can be built, and be read again once it is written.

    Raises:
        ConfigError: A layer makes too much of one picture, or there are too many weights.
    """
    weights = 0
    for layer in size.layers:
        weights += layer.weights
        refuse_giant_layer(layer, weights, file)


def refuse_giant_layer(layer: LayerSize, weights: int, file: ConfigFile) -> None:
    """The same for one layer.

    Args:
        layer: What it takes.
        weights: How many there are, with its own and those of the layers before it.
        file: Names the line.

    Raises:
        ConfigError: See `refuse_giant`.
    """
    received = f"{layer.spec.shown()}, given {_sides(layer.given)} of one picture"
    made = numbers_in(layer.shape)
    if made > MOST_VALUES:
        raise file.refusal(
            layer.key,
            f"{layer.spec.name} would make {made:,} numbers of one picture",
            received=received,
            allowed=f"{MOST_VALUES:,} at most; a smaller data.image_size, or pooling before it, "
            "makes fewer",
        )
    if weights > MOST_WEIGHTS:
        together = f", {weights:,} with those before it" if weights > layer.weights else ""
        raise file.refusal(
            layer.key,
            f"{layer.spec.name} would have {layer.weights:,} weights{together}",
            received=received,
            allowed=f"{MOST_WEIGHTS:,} in all at most, which are {MOST_WEIGHT_BYTES >> 30} GiB in "
            "a model file; fewer units, or pooling before it, make fewer",
        )


def _sides(shape: Shape) -> str:
    return " x ".join("?" if side is None else str(side) for side in shape)
