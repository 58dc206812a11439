"""Who this process is among those that train together, from the environment.

The names are Keras's own (see `keras.distribution.initialize`); what they leave open is taken
from what Slurm and Kubernetes set. Nothing here imports Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imgclf.errors import UsageError

ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
NUMBER = "KERAS_DISTRIBUTION_NUM_PROCESSES"
INDEX = "KERAS_DISTRIBUTION_PROCESS_ID"

# Of an Indexed Job. By itself it says nothing: such a Job may be so many separate trainings.
_KUBERNETES_INDEX = "JOB_COMPLETION_INDEX"
_SLURM_JOB = "SLURM_JOB_ID"
_SLURM_NODES = "SLURM_STEP_NODELIST"  # set by srun alone: a batch script is one process
_SLURM_NUMBER = ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")
_SLURM_INDEX = "SLURM_PROCID"

_MOST_PROCESSES = 4096


@dataclass(frozen=True)
class Processes:
    """The processes of one training.

    Attributes:
        count: How many there are.
        index: Which of them this one is, from 0; the first one writes and speaks.
        address: `host:port` of the first one; None if it is the only one.
    """

    count: int = 1
    index: int = 0
    address: str | None = None

    @property
    def first(self) -> bool:
        """Whether this one writes and speaks."""
        return self.index == 0


def find_processes(environment: Mapping[str, str]) -> Processes:
    """Reads Keras's variables, then Slurm's; one process if neither are set.

    Raises:
        UsageError: Some of the variables are missing, or one can't be what it is.
    """
    values = {name: environment.get(name) or None for name in (ADDRESSES, NUMBER, INDEX)}
    if not any(values.values()) and _SLURM_NODES not in environment:
        return Processes()
    if values[INDEX] is None:
        values[INDEX] = environment.get(_KUBERNETES_INDEX)
    if _SLURM_NODES in environment:
        slurm = _from_slurm(environment)
        values = {name: value or slurm[name] for name, value in values.items()}
    number = _whole(NUMBER, values[NUMBER], 1, _MOST_PROCESSES)
    if number == 1:
        return Processes()
    missing = [name for name, value in values.items() if value is None]
    if number is None or missing:
        raise UsageError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set, and "
            f"{' and '.join(name for name, value in values.items() if value)} "
            f"{'is' if len(missing) == 2 else 'are'}",
            "set all three for several processes, or none of them for one",
        )
    index = _whole(INDEX, values[INDEX], 0, number - 1)
    addresses = values[ADDRESSES]
    assert index is not None
    assert addresses is not None
    return Processes(number, index, _first_address(addresses, number))


def _from_slurm(environment: Mapping[str, str]) -> dict[str, str | None]:
    number = next(filter(None, (environment.get(name) for name in _SLURM_NUMBER)), None)
    job = environment.get(_SLURM_JOB, "")
    address = None
    if job.isdigit():
        # Jobs that share a machine get other ports, from those that no service has.
        port = 61440 + int(job) % 4096
        address = f"{_first_node(environment[_SLURM_NODES])}:{port}"
    return {ADDRESSES: address, NUMBER: number, INDEX: environment.get(_SLURM_INDEX)}


def _first_node(nodes: str) -> str:
    """The first of `node001`, `node[001-015],other` or `node[001,007-015]`."""
    name, bracket, rest = nodes.partition("[")
    if not bracket or "," in name:
        return name.partition(",")[0]
    number = rest.partition("]")[0].partition(",")[0].partition("-")[0]
    return f"{name}{number}{_after_bracket(rest)}"


def _after_bracket(rest: str) -> str:
    """What stands behind the bracket, as in `rack[1-4]-ib`."""
    return rest.partition("]")[2].partition(",")[0]


def _first_address(addresses: str, number: int) -> str:
    listed = [address.strip() for address in addresses.split(",")]
    if len(listed) not in (1, number):
        raise UsageError(
            f"{ADDRESSES} lists {len(listed)} addresses for {number} processes",
            "give that of process 0 alone, or one for each",
        )
    host, _, port = listed[0].rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(
            f"{ADDRESSES} is {addresses!r}", "it is HOST:PORT of process 0, say node001:12345"
        )
    return listed[0]


def _whole(name: str, value: str | None, least: int, most: int) -> int | None:
    if value is None:
        return None
    if not value.isdecimal() or not least <= int(value) <= most:
        raise UsageError(f"{name} is {value!r}; allowed: a whole number from {least} to {most}")
    return int(value)
