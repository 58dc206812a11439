"""The least confidence that an answer must have, for all classes or for each by itself.

Or the precision that answers are to have, from which the confidences follow (`min_precision.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imgclf.errors import UsageError, suggestion

_ALLOWED = "a number between 0 and 1, or CLASS=NUMBER, several of them divided by commas"


def read_min_confidence(text: str, class_names: Sequence[str]) -> Mapping[str, float]:
    """What `--min-confidence` says, for each class; 0 for those that it says nothing of.

    Args:
        text: `0.8`, or `cat=0.9,dog=0.8`; a number alone among these is for all others.
        class_names: The model's.

    Raises:
        UsageError: It says something else, or names no class of the model, or one twice.
    """
    others, least = 0.0, dict[str, float]()
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        name = name.strip()
        if not equals:
            others = _share(number, text)
            continue
        if name not in class_names:
            raise UsageError(
                f"--min-confidence {text}: the model has no class {name!r}; it has "
                f"{', '.join(class_names)}{suggestion(name, class_names)}"
            )
        if name in least:
            raise UsageError(f"--min-confidence {text}: {name} is there twice")
        least[name] = _share(number, text)
    return {name: least.get(name, others) for name in class_names}


def read_min_precision(text: str) -> float:
    """What `--min-precision` says, above 0 and below 1.

    Raises:
        UsageError: It says something else.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if 0 < value < 1:
        return value
    if value == 1:
        raise UsageError(
            "--min-precision 1: no number of pictures tells that an answer is never wrong",
            "--min-precision 0.99",
        )
    per_cent = f"--min-precision {value / 100:g}" if 1 < value < 100 else "--min-precision 0.95"
    raise UsageError(f"--min-precision {text}: allowed is a number above 0 and below 1", per_cent)


def _share(number: str, text: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(
            f"--min-confidence {text}: {number.strip()!r} is no share; allowed is {_ALLOWED}"
        )
    return value
