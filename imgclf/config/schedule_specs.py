"""LearningRateScheduler with a schedule that is declared, not programmed."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

from imgclf.config.argument_checks import check_of
from imgclf.config.keras_signatures import signature
from imgclf.config.problems import Report, some
from imgclf.config.read_spec import refuse_argument
from imgclf.config.references import check_reference
from imgclf.config.schedules import SCHEDULES
from imgclf.config.spec import Spec
from imgclf.config.tree import Node
from imgclf.config.value_checks import MISMATCH
from imgclf.errors import nearest_match

_NAME = "LearningRateScheduler"
_CHOICES = (*SCHEDULES, "module:function", "file.py:function")


def read_scheduler(report: Report, node: Node, value: Node | None, key: str) -> Spec:
    """`{schedule: exponential, rate: -0.1}`, or `{schedule: file.py:function}`.

    The schedule's own arguments stand beside Keras's; the Spec keeps all of them by name.
    """
    items = _items(value)
    for argument, item in items.items():
        report.origins[f"{key}.{argument}"] = item.origin
    chosen = items.get("schedule")
    if chosen is None or not isinstance(chosen.value, str):
        report.refuse(
            chosen or node,
            f"{key}.schedule",
            f"{_NAME} needs a schedule",
            received=chosen.shown() if chosen else some(items),
            allowed=some(_CHOICES),
        )
        return Spec(name=_NAME)
    schedule = chosen.value
    own = _fields(schedule)
    if ":" in schedule:
        check_reference(report, chosen, f"{key}.schedule", schedule, "function")
    elif not own:
        message = "there is no schedule of this name"
        report.refuse_word(chosen, f"{key}.schedule", message, _CHOICES, word=schedule)
        return Spec(name=_NAME)
    _check_arguments(report, key, schedule, items, own)
    _check_verbose(report, key, items)
    _try_schedule(report, node, key, schedule, items, own)
    return Spec(name=_NAME, arguments={name: item.plain() for name, item in items.items()})


def _items(value: Node | None) -> dict[str, Node]:
    if value is None or value.is_empty:
        return {}
    return value.value if isinstance(value.value, dict) else {"schedule": value}


def _fields(schedule: str) -> dict[str, Field[Any]]:
    """The arguments of a declared schedule; none for one that isn't declared."""
    if schedule not in SCHEDULES:
        return {}
    return {f.name: f for f in fields(SCHEDULES[schedule]) if f.init}  # type: ignore[arg-type]


def _check_arguments(
    report: Report, key: str, schedule: str, items: dict[str, Node], own: dict[str, Field[Any]]
) -> None:
    allowed = [*signature("callbacks", _NAME).arguments, *own]
    for argument, item in items.items():
        if argument not in allowed:
            owner = f"the schedule {schedule}"
            refuse_argument(report, item, f"{key}.{argument}", owner, argument, allowed)


def _check_verbose(report: Report, key: str, items: dict[str, Node]) -> None:
    if "verbose" in items:
        check = check_of("callbacks", _NAME, "verbose")
        if check.read(items["verbose"]) is MISMATCH:
            report.refuse_value(items["verbose"], f"{key}.verbose", _NAME, "verbose", check)


def _try_schedule(
    report: Report,
    node: Node,
    key: str,
    schedule: str,
    items: dict[str, Node],
    own: dict[str, Field[Any]],
) -> None:
    """Makes the schedule, which checks its arguments by itself."""
    misspelt = {nearest_match(name, own) for name in items if name not in own}
    missing = [
        name
        for name, f in own.items()
        if f.default is MISSING and name not in items and name not in misspelt
    ]
    if missing:
        message = f"the schedule {schedule} needs {' and '.join(missing)}"
        report.refuse(node, key, message, received=some(items), allowed=some(own))
    elif own and not misspelt & own.keys():
        arguments = {name: items[name].plain() for name in own if name in items}
        try:
            SCHEDULES[schedule](**arguments)
        except (ValueError, TypeError, OverflowError) as error:
            message, _, received = str(error).partition("; received: ")
            named = [name for name in own if name in items and (name in message or len(own) == 1)]
            place = named[0] if named else None
            report.refuse(
                items[place] if place else node,
                f"{key}.{place}" if place else key,
                f"the schedule {schedule}: {message}",
                received=received or (items[place].shown() if place else None),
            )
