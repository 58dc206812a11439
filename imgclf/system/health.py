"""What a look at a machine comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["good", "optional", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        about: `machine`, `packages`, `libraries`, `devices`, `weights`, `folders`, `terminal` or
            `locks`.
        name: What of it.
        found: What is there.
        state: "broken" if something needs it that people will do; "optional" if it brings more.
        remedy: What to type or to do; None if nothing needs be done.
    """

    about: str
    name: str
    found: str
    state: State = "good"
    remedy: str | None = None


@dataclass(frozen=True)
class Health:
    """All that was found.

    Attributes:
        healthy: Nothing is broken.
    """

    healthy: bool
    findings: tuple[Finding, ...]
