"""Keras, imported without the lines that its C++ core prints.

    from imgclf.backend import keras

The import costs seconds; whoever can do without must not import this module. It is Keras on
TensorFlow, which alone makes LiteRT graphs, whatever $KERAS_BACKEND says; only a process that
takes part in a `data_parallel` training asks for JAX before (see `keras_choice`).
"""

from __future__ import annotations

import os

from imgclf import keras_choice
from imgclf.quiet import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Else TensorFlow takes the whole memory of a GPU at once, and others that use it find none.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ["KERAS_BACKEND"] = keras_choice.backend

with quiet_stderr():
    import keras

__all__ = ["keras"]
