"""What of JAX is used here that has no public name, or is experimental, and what for.

JAX promises nothing of it between minor versions. `tests/distribution/test_jax_private.py` holds
each name against the installed JAX, so an upgrade fails there, by name.
"""

from __future__ import annotations

import jax
from jax._src import distributed
from jax.experimental import multihost_utils

# In what JAX raises when a connection breaks in the middle of a step.
_BROKEN = ("gloo", "coordination", "connection", "unavailable", "barrier", "heartbeat", "nccl")


def run_one_step_at_a_time() -> None:
    """Has a processor wait for the end of each step before it begins another.

    Else two steps that exchange something could meet in another order elsewhere.
    """
    jax.config.update("jax_cpu_enable_async_dispatch", False)


def tell(key: str, text: str) -> None:
    """Leaves a text with the service of process 0, for all processes; each key once.

    Raises:
        RuntimeError: The connection broke, or the key has a text already.
    """
    distributed.global_state.client.key_value_set(key, text)


def wait_for(key: str, milliseconds: int) -> str:
    """The text that a process left there, or will.

    Raises:
        RuntimeError: The connection broke, or nobody did.
    """
    text: str = distributed.global_state.client.blocking_key_value_get(key, milliseconds)
    return text


def stop_is_agreed(step: int) -> bool:
    """Whether all processes end with this step since one of them got SIGTERM.

    JAX notes the signal, tells the other processes, and settles on a step that none of them has
    begun. To ask costs no message until then.

    Args:
        step: One more at each call, and the same in all processes.
    """
    reached: bool = multihost_utils.reached_preemption_sync_point(step)
    return reached


def speaks_of_a_lost_process(message: str) -> bool:
    """Whether that is what JAX says when another process is gone; it has several types for it."""
    return any(word in message.lower() for word in _BROKEN)
