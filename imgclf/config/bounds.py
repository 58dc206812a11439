"""How much a config may ask for, one's own or a stranger's, before anything is made of it.

A few bytes can ask for a layer that fills the memory, or for a metric with 30,000 x 30,000 counts,
which Keras makes before anybody sees how large they are.
"""

from __future__ import annotations

MOST_VALUES = 1 << 27
"""Numbers that one layer makes of one picture: 512 MiB, which no classifier of pictures takes."""

MOST_WEIGHT_BYTES = 8 << 30
"""Of all weights together, which lie in one member of a model file."""

_LARGEST = 10**7
_LARGEST_SIDE = 8192  # of pictures

_LARGEST_OF = {
    "num_classes": 4096,  # a metric makes the square of it
    "num_thresholds": 1 << 20,
    "num_bins": 1 << 20,
    **dict.fromkeys(("kernel_size", "pool_size", "strides", "dilation_rate"), _LARGEST_SIDE),
}

# Which say nothing of sizes.
_NO_SIZES = {
    "seed",
    "shared_object_id",
    "decay_steps",
    "first_decay_steps",
    "warmup_steps",
    "boundaries",
}


def most_of(key: str) -> int | None:
    """The largest whole number that may stand under a key; None if it says nothing of a size."""
    return None if key in _NO_SIZES else _LARGEST_OF.get(key, _LARGEST)
