"""A Keras object as a config declares it: `Conv2D: {filters: 16}`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict


class Declared(BaseModel, ABC):
    """What a config declares in a form of its own, such as `Name` or `{Name: {...}}`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @abstractmethod
    def written(self) -> Any:
        """That form, as plain values."""


class Spec(Declared):
    """A Keras class (or a callback of the user's own) with its arguments.

    Attributes:
        name: Keras's class name as exported (`Conv2D`, `Adam`, `BinaryCrossentropy`), a word
            that Keras settles by the output (`accuracy`), or `module:Class` or `file.py:Class`
            for a user's own callback.
        arguments: By argument name. A value alone stands under the first argument's name.
            Keras objects inside of arguments are Specs.
        off: The callback was turned off: `TensorBoard: none`.
    """

    name: str
    arguments: dict[str, Any] = {}
    off: bool = False

    @property
    def is_custom(self) -> bool:
        """Whether this is a user's own callback."""
        return ":" in self.name

    def shown(self) -> str:
        """The same for a message: `Name: {argument: value}`, or the name alone."""
        given = ", ".join(f"{name}: {value}" for name, value in self.arguments.items())
        return f"{self.name}: {{{given}}}" if given else self.name

    def written(self) -> Any:
        """The form that a config has: `Name`, `{Name: {...}}` or `{Name: "none"}`."""
        if self.off:
            return {self.name: "none"}
        return {self.name: written(self.arguments)} if self.arguments else self.name


def written(value: Any) -> Any:
    """Plain values for YAML, with Specs and the like in the form that they are declared in."""
    if isinstance(value, Declared):
        return value.written()
    if isinstance(value, Mapping):
        return {key: written(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    return value
