"""Which part of a data set a folder's name says that it is, or a cell in a table."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

PartName = Literal["training", "validation", "test"]

PARTS: tuple[PartName, ...] = ("training", "validation", "test")

# As exporters, courses and papers have them.
_WORDS: dict[str, PartName] = {
    word: part
    for part, words in {
        PARTS[0]: "train training trains trn tr trainval learn learning",
        PARTS[1]: "val valid validation validate validating validierung vali va dev devel "
        "development eval evaluation",
        PARTS[2]: "test testing tests tst te holdout",
    }.items()
    for word in words.split()
}

# In Food-11 and in challenges of speech and language, where there is another validation part.
_MAY_BE_TEST = frozenset({"eval", "evaluation"})

# What stands beside such a word and says nothing of its own.
_FILLER_WORDS = """
set sets data dataset datasets daten image images img imgs picture pictures pic pics photo photos
file files folder folders split splits part subset sample samples partition
"""
_FILLERS = frozenset(_FILLER_WORDS.split())


class NamedPart(Struct, frozen=True):
    """What a name says.

    Attributes:
        part: Which one.
        rest: Its other words, as `pets` in `pets_train`: those of one data set have the same.
        may_be_test: It says evaluation, which is a test where validation is there as well.
    """

    part: PartName
    rest: tuple[str, ...]
    may_be_test: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing else."""
        return not self.rest


def part_named(name: str) -> NamedPart | None:
    """The part that a name says: `train`, `Test Images`, `pets-valid`, `imagesTr`, `val2017`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()
    found: list[str] = []
    rest: list[str] = []
    for word in re.split(r"[\W\d_]+", words):
        core = _core(word)
        if core in _WORDS:
            found.append(core)
        elif core and core not in _FILLERS:
            rest.append(core)
    parts = {_WORDS[word] for word in found}
    if len(parts) != 1:
        return None
    return NamedPart(parts.pop(), tuple(rest), bool(_MAY_BE_TEST & set(found)))


def part_of_cell(text: str) -> PartName | None:
    """The part that a table says; a number and other words say none."""
    named = part_named(text)
    return named.part if named is not None and named.is_plain else None


def _core(word: str) -> str:
    """`train` of `trainset` and of `datatrain`."""
    for filler in _FILLERS:
        for core in (word.removesuffix(filler), word.removeprefix(filler)):
            if core != word and core in _WORDS:
                return core
    return word


def says_nothing(name: str) -> bool:
    """Whether a folder is called `images` or `data set`, which is no class."""
    words = [word for word in re.split(r"[\W\d_]+", name.casefold()) if word]
    return bool(words) and all(word in _FILLERS for word in words)
