"""What a plain YAML word means here: YAML 1.2's few rules, not PyYAML's many.

PyYAML follows YAML 1.1, where `1e-4` is text and `off` is false. Reading and writing both use
the table below, so that what is written is read back as it was.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import yaml

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
    r"|\.(?:nan|NaN|NAN)"
)
_NUMBER = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
FRACTION = rf"({_NUMBER}) ?/ ?({_NUMBER})"
"""The pattern of one, such as 1/255."""

_FRACTION = re.compile(FRACTION)
FLAG_WORDS: Mapping[str, bool] = {"yes": True, "on": True, "no": False, "off": False}
"""Texts to YAML 1.2, which YAML 1.1 took for true and false; arguments of Keras may be these."""

_NULL = re.compile(r"|~|null|Null|NULL")
_FLAG = re.compile(r"true|True|TRUE|false|False|FALSE")

# Longer than any number that a config needs; Python refuses to convert 4,300 digits.
_LONGEST_NUMBER = 64

Scalar = None | bool | int | float | str


def read_scalar(text: str) -> Scalar:
    """The value of a plain (unquoted) word: null, true, 3, 1e-4, 1/255, or the word itself.

    Raises:
        ValueError: It looks like a number and is none that can be used, such as `1/0`.
    """
    if _NULL.fullmatch(text):
        return None
    if _FLAG.fullmatch(text):
        return text.lower() == "true"
    fraction = _FRACTION.fullmatch(text)
    if not (fraction or _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text)):
        return text
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("this number is too long")
    if fraction:
        return _divide(float(fraction[1]), float(fraction[2]))
    if _INTEGER.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text, base)
    if text.lower() == ".nan":
        raise ValueError("what is not a number can't be used")
    if text.lower().endswith(".inf"):
        return float(text.replace(".", ""))
    return _finite(float(text))


def plain_word(value: Scalar) -> str | None:
    """The word that `read_scalar` takes for a value; None for a text that needs quotes.

    Raises:
        ValueError: It is a number that can't be read, such as one of a hundred digits.
    """
    if isinstance(value, str):
        try:
            return value if read_scalar(value) == value else None
        except ValueError:
            return None
    if isinstance(value, float) and not math.isfinite(value):
        word = {math.inf: ".inf", -math.inf: "-.inf"}.get(value, ".nan")
    else:
        word = "null" if value is None else str(value).lower()
    read_scalar(word)
    return word


def _divide(numerator: float, denominator: float) -> float:
    if denominator == 0:
        raise ValueError("a number can't be divided by zero")
    return _finite(numerator / denominator)


def _finite(number: float) -> float:
    if number in (float("inf"), float("-inf")):
        raise ValueError("this number is too large")
    return number


class _Dumper(yaml.SafeDumper):
    """Quotes exactly those words that `read_scalar` would take for something else."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 -- PyYAML's own protocol

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


for _tag, _pattern in (
    ("null", _NULL),
    ("bool", _FLAG),
    ("int", _INTEGER),
    ("float", _FLOAT),
    ("float", _FRACTION),
):
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(rf"(?:{_pattern.pattern})$"),
        None,
    )


def write_yaml(value: Any) -> str:
    """YAML of plain values (mappings, lists, words, numbers) that reads back the same."""
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None
    )


def flow_yaml(value: Any) -> str:
    """The same in one line, such as can stand behind a key."""
    text = yaml.dump(
        [value],
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=True,
        width=math.inf,
    )
    return text.strip()[1:-1]
