"""Keras, imported without the lines that its C++ core prints.

    from imgclf.backend import keras

The import costs seconds; whoever can do without must not import this module.
"""

from __future__ import annotations

import os

from imgclf.quiet import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Else TensorFlow takes the whole memory of a GPU at once, and others that use it find none.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

with quiet_stderr():
    import keras

__all__ = ["keras"]
