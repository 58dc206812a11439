"""Keras, imported when it is first asked for, and without the lines that its C++ core prints.

    from imgclf.backend import keras

That statement is what costs seconds; whoever can do without Keras must not make it. It is Keras on
TensorFlow, which alone makes LiteRT graphs, whatever $KERAS_BACKEND says; only a process that
takes part in a `data_parallel` training chooses JAX before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from imgclf.errors import UsageError
from imgclf.system.stderr import quiet_stderr
from imgclf.system.threads import do_meanwhile

if TYPE_CHECKING:
    import keras

__all__ = ["choose", "keras", "keras_importing"]

_chosen: Literal["tensorflow", "jax"] = "tensorflow"


def choose(backend: Literal["tensorflow", "jax"]) -> None:
    """Says which of its backends Keras will run on: a process has one, chosen before the import."""
    global _chosen
    _chosen = backend


@contextmanager
def keras_importing(*, needed: bool) -> Iterator[None]:
    """Inside, Keras is imported while other threads read or decode pictures.

    That takes seconds of one core, and they leave one idle half of the time.

    Args:
        needed: It is needed whatever the pictures are: then also while files are only read.
    """
    with do_meanwhile(lambda: __getattr__("keras"), needed=needed):
        yield


def _refuse_another(imported: Any) -> None:
    """A program that has imported Keras itself has chosen what it runs on, for good."""
    if imported is not None and (other := imported.backend.backend()) != _chosen:
        raise UsageError(
            f"Keras runs on {other} in this process, and imgclf needs it on {_chosen}",
            f"before the first `import keras`: os.environ['KERAS_BACKEND'] = '{_chosen}'",
        )


def __getattr__(name: str) -> Any:
    if name != "keras":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _refuse_another(sys.modules.get("keras"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Else TensorFlow takes the whole memory of a GPU at once, and others that use it find none.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ["KERAS_BACKEND"] = _chosen
    with quiet_stderr():
        try:
            import keras
        except AttributeError as error:
            # Of a NumPy that doesn't fit, say; Python would take it for "there is no `keras` here".
            raise ImportError(f"Keras can't be imported: {error}") from error
    globals()["keras"] = keras  # so that this function is not asked again
    return keras
