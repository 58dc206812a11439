"""The trial of a stranger's model file with less memory than it has; by test_first_opening.py."""

from __future__ import annotations

from imgclf.model_file import trial

trial._ANYWAY, trial._A_THREAD, trial._COPIES = -(64 << 20), 0, 0
main = trial.main
