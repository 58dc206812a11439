"""Keras, imported without the lines that its C++ core prints.

    from imgclf.backend import keras

The import costs seconds; whoever can do without must not import this module.
"""

from __future__ import annotations

import os

from imgclf.quiet import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

with quiet_stderr():
    import keras

__all__ = ["keras"]
