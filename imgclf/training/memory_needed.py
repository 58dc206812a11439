"""What training takes of the memory, roughly, and whether the machine has it."""

from __future__ import annotations

from pathlib import Path

from imgclf.config.network import Network, size_of
from imgclf.config.network_size import NetworkSize
from imgclf.errors import ConfigError
from imgclf.system.memory import memory_of_machine

# Of Python, TensorFlow and what they keep; measured on small networks.
_PROCESS_BYTES = 700 << 20
# A number that a layer makes is kept for the way back, where it gets a gradient.
_BYTES_OF_A_VALUE = 8
_DEVICES = Path("/proc/driver/nvidia")


def memory_needed(network: Network, size: NetworkSize, batch_size: int) -> int:
    """Bytes that training takes, roughly: what is known of the network, and the process itself.

    Args:
        network: What is trained.
        size: What it takes.
        batch_size: Pictures in a step.
    """
    of_pictures = size.values * batch_size * _BYTES_OF_A_VALUE
    return _PROCESS_BYTES + size.weight_bytes(network.optimizer) + of_pictures


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
        f"training takes {gigabytes(needed)} for the weights alone, with their gradients and what "
        f"{network.optimizer.name} keeps of them, and this machine has {gigabytes(there)}",
        received=f"{weights:,} weights here, of {in_all:,}",
        allowed="fewer units, or pooling before it",
    )


def gigabytes(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.1f} GB"
