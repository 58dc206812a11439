"""Training pictures beside what augmentation makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgclf.data.augmenting import Augmenting
from imgclf.data.dataset import Part
from imgclf.data.mixing import Mixing
from imgclf.report.pages import as_jpeg
from imgclf.report.run_facts import Augmentation, Augmented

if TYPE_CHECKING:
    from imgclf.backend import keras

_PICTURES, _DRAWS = 4, 7  # with the original eight, which fill rows of four too
_SIZE = 160


def sample_augmentation(
    network: keras.Model,
    augmenting: Augmenting | None,
    mixing: Mixing | None,
    declared: int,
    part: Part,
    class_names: Sequence[str],
) -> Augmentation:
    """Draws what a training makes of its pictures.

    Args:
        network: With all of its augmentation layers; their random seeds move on.
        augmenting: What the source does in place of the first of them.
        mixing: What it mixes; those shown are mixed with each other.
        declared: How many of its layers stand under `augmentation` in the config.
        part: The training pictures.
        class_names: Of these.
    """
    layers = _augmentation_layers(network, augmenting, declared)
    return Augmentation(
        random=declared > 0 or mixing is not None or any(map(_is_random, network.layers)),
        samples=tuple(_samples(augmenting, mixing, layers, part, class_names)),
    )


def _augmentation_layers(
    network: keras.Model, augmenting: Augmenting | None, declared: int
) -> list[Any]:
    """The layers of the network that augment, also if they are declared with the others."""
    layers = network.layers[1:]  # the first takes the pictures in
    count = declared
    while count < len(layers) and _is_random(layers[count]):
        count += 1
    return list(layers[len(augmenting.layers) if augmenting else 0 : count])


def _is_random(layer: Any) -> bool:
    return type(layer).__name__.startswith("Random")


def _samples(
    augmenting: Augmenting | None,
    mixing: Mixing | None,
    layers: Sequence[Any],
    part: Part,
    names: Sequence[str],
) -> Iterator[Augmented]:
    if not layers and augmenting is None and mixing is None:
        return
    chosen = _one_of_each(part.first_labels)
    pixels = part.pixels[part.rows[chosen]]
    copies = np.repeat(pixels, _DRAWS, axis=0)
    random = np.random.default_rng(0)
    if augmenting is not None:
        copies = augmenting.apply(copies, augmenting.draw(random, *copies.shape[:3]))
    if mixing is not None:
        for draw in range(_DRAWS):  # each a batch of its own, of all pictures that are shown
            of_all = copies[draw::_DRAWS]
            mixture = mixing.draw(random, *of_all.shape[:3])
            copies[draw::_DRAWS] = mixture.pictures(of_all, of_all[mixture.partners])
    drawn: Any = copies.astype(np.float32)
    for layer in layers:
        drawn = layer(drawn, training=True)
    draws = np.asarray(drawn)
    if draws.ndim != 4 or draws.shape[-1] != 3:  # no pictures any more
        return
    for position, index in enumerate(chosen.tolist()):
        of_it = draws[position * _DRAWS : (position + 1) * _DRAWS]
        yield Augmented(
            part.pictures[index].called(names),
            as_jpeg(pixels[position], _SIZE),
            tuple(as_jpeg(draw.clip(0, 255).astype(np.uint8), _SIZE) for draw in of_it),
        )


def _one_of_each(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pictures of as many classes as there is room for, and several of a class if there are few."""
    turns = np.empty_like(labels)
    for label in np.unique(labels):
        of_it = np.flatnonzero(labels == label)
        turns[of_it] = np.arange(len(of_it))
    return np.lexsort((labels, turns))[:_PICTURES]
