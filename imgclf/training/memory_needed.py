"""What training takes of the memory, roughly, and whether the machine has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imgclf.config.network import Network, size_of
from imgclf.errors import ConfigError
from imgclf.system.memory import memory_of_machine

# Of Python, TensorFlow and pictures that are mapped. Whole trainings of catdog.yaml in float32 held
# 1.6, 2.5, 2.4 and 4.7 GB, in batches of 32 at 180 and 260 pixels, then of 128; where this says
# 1.5, 2.0, 2.8 and 4.6.
_PROCESS_BYTES = 1000 << 20
# A number that a layer makes is kept for the way back, where it gets a gradient.
_BYTES_OF_A_VALUE = 8
_DEVICES = Path("/proc/driver/nvidia")


@dataclass(frozen=True)
class NetworkTakes:
    """What a network takes, as `check` says it.

    Attributes:
        weights: How many numbers it learns or remembers, as far as they are counted.
        backbone: The pretrained network that it stands on, of which nothing is known without Keras.
        uncounted: The first layer that there is no rule for, likewise; None if all are counted.
        batch_size: Pictures in a step.
        memory: Bytes that training takes, roughly: for the weights, for pictures on their way, and
            for the process itself.
        memory_there: Bytes that there are; None where nobody says.
    """

    weights: int
    backbone: str | None
    uncounted: str | None
    batch_size: int
    memory: int
    memory_there: int | None

    def in_words(self) -> str:
        """One line for people."""
        if self.backbone is not None:
            return f"on {self.backbone}; what a pretrained network takes is not counted here"
        there, about = self.memory_there, "about"
        of = "" if there is None else f" of the {_gigabytes(there)} that there are"
        counted = f"{self.weights:,} parameters"
        if self.uncounted is not None:
            counted, about = f"{counted} before {self.uncounted}, which isn't counted", "at least"
        return (
            f"{counted}; training in batches of {self.batch_size} takes {about} "
            f"{_gigabytes(self.memory)} of memory{of}"
        )


def network_takes(network: Network, batch_size: int) -> NetworkTakes:
    """What a network takes that is trained in batches of so many pictures."""
    size = size_of(network)
    of_pictures = size.values * batch_size * _BYTES_OF_A_VALUE
    memory = _PROCESS_BYTES + size.weight_bytes(network.optimizer) + of_pictures
    backbone = None if network.backbone is None else network.backbone.name
    there = memory_of_machine()
    return NetworkTakes(size.weights, backbone, size.unknown, batch_size, memory, there)


def refuse_beyond_memory(network: Network) -> None:
    """Makes sure that the weights can be trained here; a batch may be halved, they can't.

    Where there is a device of its own memory, nothing is asked.

    Raises:
        ConfigError: They, their gradients and what the optimizer keeps take more than there is.
    """
    there, size = memory_of_machine(), size_of(network)
    needed = size.weight_bytes(network.optimizer)
    if there is None or needed <= there or _DEVICES.exists():
        return
    largest = max(size.layers, key=lambda layer: layer.weights)
    raise _refusal(network, largest.key, largest.weights, size.weights, needed, there)


def _refusal(
    network: Network, key: str, weights: int, in_all: int, needed: int, there: int
) -> ConfigError:
    return network.file.refusal(
        key,
        f"training takes {_gigabytes(needed)} for the weights alone, with their gradients and what "
        f"{network.optimizer.name} keeps of them, and there are {_gigabytes(there)} of memory",
        received=f"{weights:,} weights here, of {in_all:,}",
        allowed="fewer units, or pooling before it",
    )


def _gigabytes(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.1f} GB"
