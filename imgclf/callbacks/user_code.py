"""People's own code: `package.module:Name` and `path/file.py:Name`, loaded and checked."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.captured_prints import prints_as_notes
from imgclf.callbacks.user_faults import fault, guard_callback, guard_function
from imgclf.config.loaded import ConfigFile
from imgclf.config.references import own_code
from imgclf.config.spec import Spec
from imgclf.errors import UsageError, nearest_match


def make_custom_callback(reference: str, arguments: Mapping[str, Any]) -> Any:
    """Makes a callback of somebody's own.

    Args:
        reference: `module:Class` or `file.py:Class`; paths and modules are looked for from the
            working directory on.
        arguments: For its constructor.

    Raises:
        UsageError: It can't be found, isn't a Keras callback, or refuses its arguments.
    """
    found = load_object(reference)
    if not isinstance(found, type) or not issubclass(found, keras.callbacks.Callback):
        raise UsageError(
            f"{reference} is not a Keras callback", "derive the class from keras.callbacks.Callback"
        )
    _check_arguments(reference, found, arguments)
    try:
        made = found(**arguments)
    except (Exception, SystemExit) as error:  # whatever somebody's code may raise
        raise UsageError(f"{reference} can't be made: {fault(error, found)}") from error
    guard_callback(made, reference)
    return made


def try_own_code(callbacks: Sequence[Spec], file: ConfigFile) -> None:
    """Imports all that callbacks name and makes those that are classes, as a training would.

    Raises:
        ConfigError: With everything that can't be imported or made, by key and line.
    """
    problems = []
    with prints_as_notes():
        for code in own_code(callbacks):
            try:
                if code.what == "Class":
                    make_custom_callback(code.reference, code.arguments)
                else:
                    load_function(code.reference)
            except UsageError as error:
                problems.append(file.problem(code.key, error.message, hint=error.hint))
    if problems:
        raise file.error(*problems)


def load_function(reference: str) -> Callable[..., Any]:
    """The function that `module:function` or `file.py:function` names.

    Raises:
        UsageError: It can't be found, or can't be called.
    """
    found = load_object(reference)
    if not callable(found):
        raise UsageError(f"{reference} is not a function")
    return guard_function(found, reference)


def load_object(reference: str) -> Any:
    """What `module:Name` or `file.py:Name` names; running the module is part of it.

    Raises:
        UsageError: There is no such module, file or name in it, or running it raised.
    """
    place, separator, name = reference.rpartition(":")
    if not separator or not place or not name.isidentifier():
        raise UsageError(
            f"{reference!r} doesn't name any code", "write package.module:Class or file.py:Class"
        )
    module = _load_file(Path(place).expanduser()) if place.endswith(".py") else _load_module(place)
    if not hasattr(module, name):
        near = nearest_match(name, [other for other in vars(module) if not other.startswith("_")])
        hint = f"did you mean {place}:{near}?" if near else None
        raise UsageError(f"there is no {name!r} in {place}", hint)
    return getattr(module, name)


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        near = nearest_match(path.name, [other.name for other in path.parent.glob("*.py")])
        hint = f"did you mean {path.parent / near}?" if near else None
        raise UsageError(f"there is no file {path}", hint)
    # One name for one file, so that two callbacks of it share its module.
    name = f"imgclf_custom_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} can't be loaded as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(f"running {path} failed: {fault(error, path)}") from error
    return module


def _load_module(name: str) -> ModuleType:
    try:
        with _working_directory_importable():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(
                f"there is no module {name!r}",
                "it must be installed, or lie in the working directory",
            ) from None
        raise UsageError(f"importing {name} failed: {fault(error)}") from error
    except (Exception, SystemExit) as error:
        raise UsageError(f"importing {name} failed: {fault(error)}") from error


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """A console script, unlike `python -m`, doesn't look for modules there."""
    entry = str(Path.cwd())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def _check_arguments(reference: str, found: type, arguments: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return  # its constructor is not written in Python; calling it will tell
    parameters = signature.parameters
    swallows = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    for name in arguments:
        if name not in parameters and not swallows:
            near = nearest_match(name, parameters)
            raise UsageError(
                f"{reference} has no argument {name!r}",
                f"allowed: {', '.join(parameters) or 'none'}"
                + (f"; did you mean {near!r}?" if near else ""),
            )
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise UsageError(f"{reference}: {error}", f"its arguments: {signature}") from None
