"""What else is known of a key of a config beside its type; it stands on the key's field."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from imgclf.config.keras_signatures import Kind


class ResumeRule(Enum):
    """What another value means for an earlier training of the same name.

    Attributes:
        ANOTHER: It would be another training: a conflict with one that was interrupted, and a
            new run after one that is finished.
        ON_THE_WAY: One that was interrupted takes it up; after a finished one it is a new run.
        EXTENDS: One that was interrupted takes it up, and a finished one goes on with it.
        NONE: Neither the weights nor the log depend on it.
    """

    ANOTHER = "makes another training"
    ON_THE_WAY = "may change on the way"
    EXTENDS = "extends a finished one"
    NONE = "makes no difference"


@dataclass(frozen=True)
class KeyPolicy:
    """What a change of a key means.

    Attributes:
        resume: What another value means for an earlier training.
        bears_on_weights: Whether two trainings on the same pictures, with the same callbacks,
            may come to different weights if they differ in it.
    """

    resume: ResumeRule = ResumeRule.ANOTHER
    bears_on_weights: bool = True


@dataclass(frozen=True)
class Objects:
    """The key holds Keras objects: a list of them or a single one, as its type says.

    Attributes:
        kind: Which of Keras's modules they are from.
        may_lack: An argument that Keras requires and a config may leave out here.
        or_one: One alone may stand for the list.
    """

    kind: Kind
    may_lack: str = ""
    or_one: bool = False


@dataclass(frozen=True)
class AsWritten:
    """The key holds a text even where it looks like a number, as the folder `2024` does."""


@dataclass(frozen=True)
class WithBackbone:
    """The key has another default where there is a backbone.

    Attributes:
        said: Which, in words for the documentation.
        required_without: Where there is none, the key can't be left out.
    """

    said: str
    required_without: bool = False
