"""What differs between the configs of two trainings, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imgclf.config.callback_catalogue import entry_of
from imgclf.config.key_policy import ResumeRule
from imgclf.config.resume_rules import policy_of
from imgclf.config.schema import SINGLE_SPECS, SPEC_LISTS, with_defaults
from imgclf.spelling import Lines

_SHOWN = 16
_MISSING = object()
_WITH_KEYS_INSIDE = ("training.fine_tune", "training.class_weight", "training.ema")


@dataclass(frozen=True)
class Change:
    """One field that differs between an earlier training and the one asked for now.

    Attributes:
        key: Dotted, as in `--set`.
        before: None if the earlier config did not have it.
        now: None if the present one does not.
        rule: What that means for the earlier training.
        because: Why it means that, where the key alone doesn't say.
    """

    key: str
    before: Any
    now: Any
    rule: ResumeRule
    because: str = ""

    def __str__(self) -> str:
        why = f" ({self.because})" if self.because else ""
        return f"{self.key}: {_shown(self.before)} -> {_shown(self.now)}{why}"


def compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """All that differs between the `fields` of two configs, those of the earlier one first."""
    keys = [*before, *(key for key in now if key not in before)]
    return [
        Change(key, before.get(key), now.get(key), policy_of(key).resume)
        for key in keys
        # A key that is missing is not one that says null: that may mean something else to Keras.
        if before.get(key, _MISSING) != now.get(key, _MISSING)
    ]


def listed(changes: Sequence[Change]) -> Lines:
    """One a line, for people."""
    lines = [f"  {change}" for change in changes[:_SHOWN]]
    if len(changes) > _SHOWN:
        lines.append(f"  and {len(changes) - _SHOWN} more")
    return Lines.of(*lines)


def fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a config by their dotted keys, lists of Keras objects too.

    Args:
        values: As `Config.written()` gives them; a key that there was not yet when they were
            stored has its default.
    """
    tree = with_defaults(values)
    training, data = tree["training"], tree["data"]
    if training["seed"] is None:
        training["seed"] = data["seed"]
    return dict(_flat(tree, ""))


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if key in SPEC_LISTS:
        for place, name, spec in _places(value):
            yield from _flat_spec(spec, f"{key}.{name if key == 'callbacks' else place}")
    elif (key in SINGLE_SPECS or key == "model.backbone") and value is not None:
        yield from _flat_spec(value, key)
    elif key in _WITH_KEYS_INSIDE and value is None:
        return  # else it would be one key more that differs, beside those that are inside of it
    elif isinstance(value, Mapping) and (value or not key):
        for name, item in value.items():
            yield from _flat(item, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def _flat_spec(spec: Any, key: str) -> Iterator[tuple[str, Any]]:
    name, arguments = _name(spec), _arguments(spec)
    if not isinstance(arguments, Mapping):  # `TensorBoard: none`
        yield key, f"{name}: {arguments}"
        return
    # To name what is there anyway changes nothing.
    if key != f"callbacks.{name}" or not entry_of(name).on_by_default:
        yield key, name
    for argument, value in arguments.items():
        yield f"{key}.{argument}", value


def _places(specs: Sequence[Any]) -> Iterator[tuple[int, str, Any]]:
    """Each with its place and a name that no other has."""
    seen: dict[str, int] = {}
    for place, spec in enumerate(specs):
        name = _name(spec)
        seen[name] = seen.get(name, 0) + 1
        yield place, name if seen[name] == 1 else str(place), spec


def _name(spec: Any) -> str:
    return str(next(iter(spec))) if isinstance(spec, Mapping) else str(spec)


def _arguments(spec: Any) -> Any:
    return next(iter(spec.values())) if isinstance(spec, Mapping) else {}


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, default=str)
