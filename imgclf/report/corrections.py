"""What came of a correction, for people."""

from __future__ import annotations

from imgclf.corrections.assess import Corrected
from imgclf.corrections.guard import Judged


def fate_line(picture: Corrected) -> str:
    """What the model said of a picture, what it says now, and what came of it."""
    if picture.fate == "unreadable":
        return f"{picture.before.path}: {picture.before.error} (unreadable)"
    before, after = (
        f"{said.label} {said.confidence:.1%}" for said in (picture.before, picture.after)
    )
    said = before if before == after else f"{before} -> {after}"
    reason = "" if picture.reason is None else f": {picture.reason}"
    return f"{picture.before.path}: {said} ({picture.fate}{reason})"


def judged_table(judged: Judged) -> str:
    """What the held-out pictures say; `after` may be below `trained` by `tolerance`.

    `asked` is what all the corrections together would have made of them.
    """
    width = max(len(name) for name in judged.pictures)
    header = f"{'held-out':<{width}}  pictures  trained  before   asked   after  tolerance"
    rows = [
        f"{name:<{width}}  {count:>8}  {judged.trained[name]:>7.4f}  {judged.before[name]:>6.4f}"
        f"  {judged.asked[name]:>6.4f}  {judged.after[name]:>6.4f}  {judged.tolerance[name]:>9.4f}"
        for name, count in judged.pictures.items()
    ]
    return "\n".join([header, *rows])
