"""The import of Keras, where it can't be imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from imgclf import backend


def test_what_a_library_beneath_keras_lacks_is_told(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python would take an AttributeError for `backend` having no `keras`."""
    Path("keras.py").write_text("import math\nmath.no_such_thing\n")
    monkeypatch.delitem(vars(backend), "keras", raising=False)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.syspath_prepend(".")
    with pytest.raises(ImportError, match="Keras can't be imported: module 'math' has no"):
        from imgclf.backend import keras  # noqa: F401
