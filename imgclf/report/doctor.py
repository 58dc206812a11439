"""What `imgclf doctor` found, for people."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from imgclf.spelling import Lines, on_one_line
from imgclf.system.health import Finding

_MARKS = {"good": " ", "optional": "-", "broken": "!"}


def findings_table(findings: Sequence[Finding]) -> Lines:
    """Each below what it is about, with `!` before what is broken and `-` before what could be."""
    width = max((len(on_one_line(one.name)) for one in findings), default=0)
    lines: list[str] = []
    for about, group in groupby(findings, lambda one: one.about):
        lines.append(about)
        for one in group:
            lines.append(f"{_MARKS[one.state]} {on_one_line(one.name):<{width}}  {one.found}")
            if one.remedy is not None:
                lines.append(f"  {'':<{width}}  {one.remedy}")
    return Lines.of(*lines)
