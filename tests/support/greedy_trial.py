"""The trial of a model file that takes 512 MB more than it calls for: test_first_opening.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from imgclf.model_file import trial

_open = trial.open_quickly


def _open_greedily(*arguments: Any) -> Any:
    np.ones(1 << 26)
    return _open(*arguments)


trial.open_quickly = _open_greedily
main = trial.main
