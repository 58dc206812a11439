"""Collecting everything that is wrong with a config, so that it is told at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Unpack

from imgclf.config.tree import Details, Node, Origin
from imgclf.config.value_checks import Check
from imgclf.errors import Problem, nearest_match


@dataclass
class Report:
    """The problems so far, the keys that have them, and where every key that was read stands."""

    problems: list[Problem] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    origins: dict[str, Origin] = field(default_factory=dict)

    def refuse(self, node: Node, key: str, message: str, **details: Unpack[Details]) -> None:
        """Adds a problem with what stands at `node`."""
        self.refused.add(key)
        self.problems.append(node.origin.problem(key, message, **details))

    def refuse_word(
        self,
        node: Node,
        key: str,
        message: str,
        choices: Iterable[str],
        *,
        word: str | None = None,
        allowed: str | None = None,
    ) -> None:
        """Adds a problem with a word that is none of `choices`, which `allowed` may sum up."""
        word = node.shown() if word is None else word
        choices = list(choices)
        self.refuse(
            node,
            key,
            message,
            received=word,
            allowed=some(choices) if allowed is None else allowed,
            nearest=nearest_match(word, choices),
        )

    def refuse_value(
        self, node: Node, key: str, owner: str, argument: str, check: Check, also: str = ""
    ) -> None:
        """Adds a problem with a value that `check` doesn't accept; `also` is allowed beside it."""
        message = f"{owner} can't take this {argument}"
        if is_quoted_number(node):
            message += "; a number is written without quotes"
        words = getattr(check, "words", ())
        self.refuse(
            node,
            key,
            message,
            received=node.shown(),
            allowed=check.describe() + also,
            nearest=nearest_match(str(node.value), words) if words else None,
        )


def some(words: Iterable[str], limit: int = 60) -> str:
    """Words for a message, cut where nobody reads on."""
    listed = list(words)
    more = f", and {len(listed) - limit} more" if len(listed) > limit else ""
    return (", ".join(listed[:limit]) + more) or "none"


def is_quoted_number(node: Node) -> bool:
    """Whether a number was written in quotes, which makes it a text."""
    if node.text is not None or not isinstance(node.value, str):
        return False
    try:
        float(node.value)
    except ValueError:
        return False
    return True
