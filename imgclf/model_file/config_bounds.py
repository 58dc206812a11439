"""How much a stranger's config may ask for: numbers, kinds of numbers and names within bounds.

A config of a few bytes can ask for an array of texts of a gigabyte each, which Keras makes before
anybody sees how large it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imgclf.config.bounds import most_of
from imgclf.errors import ModelFileError

_DTYPES = {
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"),
}
_KEY_OF_DTYPE = {"__numpy__": "dtype", "__tensor__": "dtype", "DTypePolicy": "name"}
_LONGEST_NAME = 1000


def refuse_excess(config: Any, path: Path) -> None:
    """Makes sure that nothing in a config is out of all proportion.

    Args:
        config: Of a model; what it was compiled with is a part of it.
        path: Of its file.

    Raises:
        ModelFileError: A number too large, a kind of number that is none, an odd name.
    """
    reason = excess(config)
    if reason is not None:
        raise ModelFileError(f"{path} is not to be trusted: {reason}")


def excess(config: Any) -> str | None:
    """The first thing in a config that is out of all proportion, in words; None if nothing is."""
    return next(_excesses(config), None)


def _excesses(config: Any) -> Iterator[str]:
    waiting: list[tuple[str, Any]] = [("", config)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            key_of_dtype = _KEY_OF_DTYPE.get(str(value.get("class_name")))
            if key_of_dtype is not None:
                yield from _odd_dtype(value.get("config"), key_of_dtype)
            waiting.extend((str(name), part) for name, part in value.items())
        elif isinstance(value, list):
            waiting.extend((key, part) for part in value)
        elif isinstance(value, int) and not isinstance(value, bool):
            most = most_of(key)
            if most is not None and abs(value) > most:
                yield f"its {key} is {value}, and {most} is the most"
        elif isinstance(value, str) and key == "dtype":
            if value not in _DTYPES and value != "string":
                yield f"it asks for numbers of the kind {value!r}"
        elif isinstance(value, str) and key == "name" and not _is_name(value):
            yield f"a part of it is called {value[:100]!r}"


def _odd_dtype(content: Any, key: str) -> Iterator[str]:
    dtype = content.get(key) if isinstance(content, dict) else None
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        yield f"it asks for numbers of the kind {dtype!r}"


def _is_name(text: str) -> bool:
    return text.isprintable() and len(text) <= _LONGEST_NAME
