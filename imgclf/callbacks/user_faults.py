"""What people's own code raises, told as theirs: whose it was, in which hook, file and line."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imgclf.backend import keras
from imgclf.errors import ImgclfError, OwnCodeError, first_line

_HINT = "mend it and give the command again; with --debug all that happened is shown"
_BASE = keras.callbacks.Callback
_CALLED = (
    *(name for name in dir(_BASE) if name.startswith("on_")),
    *("set_params", "set_model", "get_state", "set_state"),
)
"""The methods of a callback that others call."""


def guard_callback(callback: Any, reference: str) -> None:
    """Has what a callback's hooks raise say whose they are.

    Args:
        callback: Of somebody's own class.
        reference: What names it in a config or on the command line.
    """
    for name in _CALLED:
        inherited = getattr(type(callback), name, None) is getattr(_BASE, name, None)
        if not inherited:  # Keras must go on seeing which hooks are its own, and do nothing
            guarded = guard_function(getattr(callback, name), f"{reference}: {name}")
            setattr(callback, name, guarded)


def guard_function(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    """A function that does the same, and whose errors name it.

    Args:
        function: Somebody's own.
        what: What a message calls it.
    """

    @functools.wraps(function)
    def guarded(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except ImgclfError:
            raise
        except Exception as error:
            raise OwnCodeError(f"{what} raised {fault(error, function)}", _HINT) from error

    return guarded


def fault(error: BaseException, called: Any = None) -> str:
    """An error in one line, with the file and the line that it came from.

    Args:
        error: What was raised by somebody's code, or by calling it.
        called: What was called, or the file that was run; None for a module that was imported.
    """
    said = first_line(error)
    text = f"{type(error).__name__}: {said}" if str(error).strip() else said
    if isinstance(error, SyntaxError):  # which says so itself
        return text
    frames = traceback.extract_tb(error.__traceback__)
    file = _file_of(called) if called is not None else _imported(frames)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == file]
    if not lines:  # it could not be called like that
        code = getattr(inspect.unwrap(called), "__code__", None)
        lines = [] if code is None else [code.co_firstlineno]
    return f"{text} ({_shown(file)}, line {lines[-1]})" if file and lines else text


def _file_of(called: Any) -> Path | None:
    if isinstance(called, Path):
        return called.resolve()
    try:
        return Path(inspect.getfile(inspect.unwrap(called))).resolve()
    except TypeError:  # not written in Python
        return None


def _imported(frames: traceback.StackSummary) -> Path | None:
    """The first file that was run by the import which failed."""
    machinery = [frame.filename.startswith("<frozen importlib") for frame in frames]
    if True not in machinery:
        return None
    after = len(machinery) - machinery.index(True)
    files = [frame.filename for frame in frames[-after:] if not frame.filename.startswith("<")]
    return Path(files[0]).resolve() if files else None


def _shown(file: Path) -> str:
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)
