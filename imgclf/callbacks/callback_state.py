"""What of each callback has to survive an interruption, and how it is read and put back.

A callback that offers `get_state()` and `set_state(state)` speaks for itself. Keras's own
offer nothing; what each of them remembers between two hooks stands in the catalogue.
"""

from __future__ import annotations

from typing import Any

from imgclf.config.callback_catalogue import entry_of_class


def names(callbacks: list[Any]) -> dict[str, Any]:
    """A name for each callback that stays the same in the next process: its class, numbered."""
    named: dict[str, Any] = {}
    for callback in callbacks:
        name, count = type(callback).__name__, 1
        while name in named:
            count += 1
            name = f"{type(callback).__name__} {count}"
        named[name] = callback
    return named


def get_state(callback: Any) -> Any:
    """The callback's state, or None if it has none that we know of."""
    if speaks_for_itself(callback):
        return callback.get_state()
    attributes = _attributes(callback)
    return {name: getattr(callback, name) for name in attributes} if attributes else None


def set_state(callback: Any, state: Any) -> None:
    """Puts back what `get_state` returned, after the callback's own `on_train_begin`."""
    if speaks_for_itself(callback):
        callback.set_state(state)
        return
    for name in _attributes(callback):
        setattr(callback, name, state[name])


def speaks_for_itself(callback: Any) -> bool:
    """Whether it offers `get_state` and `set_state`."""
    return hasattr(callback, "get_state") and hasattr(callback, "set_state")


def begins_anew(callback: Any) -> bool:
    """Whether what it remembers is about one phase of a training, and not about all of it."""
    return entry_of_class(type(callback)).anew_in_each_phase


def forgets(callback: Any) -> bool:
    """Whether it is somebody's own class, of which we can't know what it remembers."""
    own = not type(callback).__module__.startswith(("keras.", "imgclf."))
    return own and not speaks_for_itself(callback) and not _attributes(callback)


def _attributes(callback: Any) -> tuple[str, ...]:
    return entry_of_class(type(callback)).remembers
