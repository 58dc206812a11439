"""Which of Keras's backends `imgclf.backend` will import: a process has one, chosen before."""

from __future__ import annotations

from typing import Literal

backend: Literal["tensorflow", "jax"] = "tensorflow"
