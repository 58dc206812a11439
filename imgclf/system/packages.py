"""Which packages there are, which there should be, and how to get them."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata

NAMES = {"keras": "Keras", "tensorflow": "TensorFlow", "ai-edge-litert": "LiteRT"}
"""What answers depend on, by pip's names, as people call it."""

_OURS = "imgclf"
_FOR_DEVELOPMENT = ("dev", "docs")


@dataclass(frozen=True)
class Package:
    """A package that imgclf uses.

    Attributes:
        name: As pip has it.
        installed: Its version; None if it isn't there.
        wanted: The versions that will do: `>=3.15.1,<3.16`; empty for any.
        extra: What it is for, if it is no part of every installation: `imgclf[onnx]`.
        fits: Whether that version will do.
    """

    name: str
    installed: str | None
    wanted: str
    extra: str | None
    fits: bool

    @property
    def to_install(self) -> str:
        """What to type for it."""
        what = f"{_OURS}[{self.extra}]" if self.extra else f"{self.name}{self.wanted}"
        return f"pip install '{what}'"


def version_of(name: str) -> str | None:
    """The version of a package; None if it isn't installed."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return None


def versions() -> dict[str, str]:
    """What to say of oneself in a report of a fault, by the names that people use."""
    found = {"Python": sys.version.split()[0]}
    return found | {shown: version_of(name) or "not installed" for name, shown in NAMES.items()}


def packages() -> list[Package]:
    """All that imgclf's own metadata name but for its development, each once.

    Raises:
        PackageNotFoundError: imgclf isn't installed, and runs from a folder.
        ImportError: `packaging`, by which pip compares versions, isn't there.
    """
    from packaging.requirements import Requirement

    ours = metadata.distribution(_OURS)
    extras = [
        extra
        for extra in ours.metadata.get_all("Provides-Extra", [])
        if extra not in _FOR_DEVELOPMENT
    ]
    found: dict[str, Package] = {}
    for extra in (None, *extras):
        for requirement in map(Requirement, ours.requires or []):
            marker = requirement.marker
            wanted = marker is None or marker.evaluate({"extra": extra or ""})
            if wanted and requirement.name not in found and requirement.name != _OURS:
                installed = version_of(requirement.name)
                fits = installed is not None and requirement.specifier.contains(
                    installed, prereleases=True
                )
                text = str(requirement.specifier)
                found[requirement.name] = Package(requirement.name, installed, text, extra, fits)
    return list(found.values())
