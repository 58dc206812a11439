"""What an argument may be: small descriptions that read a node and can say themselves in words."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imgclf.config.json_forms import (
    ANYTHING,
    FLAG,
    NEVER,
    NONE,
    JsonSchema,
    any_of,
    list_of,
    number,
    words,
)
from imgclf.config.tree import Node
from imgclf.config.yaml_scalars import FLAG_WORDS

MISMATCH = object()  # what a check returns for a value that it doesn't accept

_PROTOCOLS = ("http://", "https://")


class Check(ABC):
    """One description of what is allowed."""

    @abstractmethod
    def read(self, node: Node) -> Any:
        """The value, or MISMATCH."""

    @abstractmethod
    def describe(self) -> str:
        """What is allowed, in words for a message."""

    @abstractmethod
    def schema(self) -> JsonSchema:
        """The same for an editor; takes all that `read` does, and little else."""


@dataclass(frozen=True)
class Number(Check):
    """A number in a range; `above` and `below` exclude their ends."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def read(self, node: Node) -> Any:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            return MISMATCH
        return value if math.isfinite(value) and self._holds(value) else MISMATCH

    def _holds(self, value: float) -> bool:
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def describe(self) -> str:
        return self._range("a number")

    def schema(self) -> JsonSchema:
        return number(self._bounds())

    def _bounds(self) -> JsonSchema:
        bounds = {
            "minimum": self.least,
            "maximum": self.most,
            "exclusiveMinimum": self.above,
            "exclusiveMaximum": self.below,
        }
        return {name: bound for name, bound in bounds.items() if bound is not None}

    def _range(self, noun: str) -> str:
        if self.least is not None and self.most is not None:
            return f"{noun} from {self.least} to {self.most}"
        bounds = []
        if self.least is not None:
            bounds.append(f"{self.least} or more")
        if self.above is not None:
            bounds.append(f"above {self.above}")
        if self.most is not None:
            bounds.append(f"{self.most} or less")
        if self.below is not None:
            bounds.append(f"below {self.below}")
        return f"{noun}, {' and '.join(bounds)}" if bounds else noun


@dataclass(frozen=True)
class Whole(Number):
    """A whole number in a range; 3.0 is not one, as in Keras."""

    def read(self, node: Node) -> Any:
        return super().read(node) if isinstance(node.value, int) else MISMATCH

    def describe(self) -> str:
        return self._range("a whole number")

    def schema(self) -> JsonSchema:
        return {"type": "integer", **self._bounds()}


@dataclass(frozen=True)
class Flag(Check):
    """True or false; the words that YAML 1.1 took for these are understood too."""

    def read(self, node: Node) -> Any:
        if isinstance(node.value, bool):
            return node.value
        word = node.text.lower() if node.text else ""
        return FLAG_WORDS.get(word, MISMATCH)

    def describe(self) -> str:
        return "true or false"

    def schema(self) -> JsonSchema:
        return FLAG


@dataclass(frozen=True)
class Text(Check):
    """A word or a quoted text; a number only in quotes."""

    def read(self, node: Node) -> Any:
        return node.value if isinstance(node.value, str) and node.value else MISMATCH

    def describe(self) -> str:
        return "a word or a text"

    def schema(self) -> JsonSchema:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Character(Check):
    """One character, as the csv module wants it between two columns."""

    def read(self, node: Node) -> Any:
        value = node.value
        usable = isinstance(value, str) and len(value) == 1 and value not in '"\r\n'
        return value if usable else MISMATCH

    def describe(self) -> str:
        return 'one character, such as "," or ";" or "\\t"'

    def schema(self) -> JsonSchema:
        return {"type": "string", "minLength": 1, "maxLength": 1}


@dataclass(frozen=True)
class Address(Check):
    """Where a server listens."""

    def read(self, node: Node) -> Any:
        value = node.value
        usable = isinstance(value, str) and value.startswith(_PROTOCOLS)
        return value if usable else MISMATCH

    def describe(self) -> str:
        return f"an address that begins with {' or '.join(_PROTOCOLS)}"

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^(?:{'|'.join(_PROTOCOLS)})"}


@dataclass(frozen=True)
class PathText(Check):
    """A file or a folder; `2024/11` is one too, though elsewhere it would be a fraction."""

    what: str = "a path"

    def read(self, node: Node) -> Any:
        number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        value = node.text if number else node.value
        usable = isinstance(value, str) and value.strip() and "\0" not in value
        return value if usable else MISMATCH

    def describe(self) -> str:
        return self.what

    def schema(self) -> JsonSchema:
        return any_of({"type": "string", "pattern": r"\S"}, {"type": "number"})


@dataclass(frozen=True)
class OneOf(Check):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, node: Node) -> Any:
        return node.value if node.value in self.words else MISMATCH

    def describe(self) -> str:
        return ", ".join(self.words)

    def schema(self) -> JsonSchema:
        return words(*self.words)


@dataclass(frozen=True)
class Null(Check):
    """Nothing."""

    def read(self, node: Node) -> Any:
        word = node.text.lower() if node.text else ""
        return None if node.value is None or word == "none" else MISMATCH

    def describe(self) -> str:
        return "null"

    def schema(self) -> JsonSchema:
        return NONE


@dataclass(frozen=True)
class Object(Check):
    """A Keras object, which `imgclf.config.read_spec` reads; what is left is null, if it may be."""

    noun: str
    or_null: bool

    def read(self, node: Node) -> Any:
        return Null().read(node) if self.or_null else MISMATCH

    def describe(self) -> str:
        return f"{self.noun}, or null" if self.or_null else self.noun

    def schema(self) -> JsonSchema:
        return NONE if self.or_null else NEVER


@dataclass(frozen=True)
class Several(Check):
    """A list."""

    item: Check
    least: int = 1
    most: int | None = None

    def read(self, node: Node) -> Any:
        if not isinstance(node.value, list):
            return MISMATCH
        count = len(node.value)
        if count < self.least or (self.most is not None and count > self.most):
            return MISMATCH
        values = [self.item.read(item) for item in node.value]
        return MISMATCH if any(value is MISMATCH for value in values) else values

    def describe(self) -> str:
        count = "" if self.most is None else f" of {self.most}"
        if self.most is not None and self.least != self.most:
            count = f" of {self.least} to {self.most}"
        return f"a list{count} (each {self.item.describe()})"

    def schema(self) -> JsonSchema:
        return list_of(self.item.schema(), self.least, self.most)


@dataclass(frozen=True)
class Names(Check):
    """Names with plain values."""

    def read(self, node: Node) -> Any:
        value = node.plain()
        return value if isinstance(value, Mapping) else MISMATCH

    def describe(self) -> str:
        return "a mapping of names to values"

    def schema(self) -> JsonSchema:
        return {"type": "object"}


@dataclass(frozen=True)
class Anything(Check):
    """Whatever YAML can express; Keras's constructor is the judge."""

    def read(self, node: Node) -> Any:
        return node.plain()

    def describe(self) -> str:
        return "anything"

    def schema(self) -> JsonSchema:
        return ANYTHING


@dataclass(frozen=True)
class Either(Check):
    """The first of several descriptions that accepts."""

    of: tuple[Check, ...]

    def read(self, node: Node) -> Any:
        for check in self.of:
            value = check.read(node)
            if value is not MISMATCH:
                return value
        return MISMATCH

    def describe(self) -> str:
        return ", or ".join(check.describe() for check in self.of)

    def schema(self) -> JsonSchema:
        return any_of(*(check.schema() for check in self.of))


def either(*checks: Check) -> Either:
    """Any of these."""
    return Either(checks)
