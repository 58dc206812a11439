"""Keras's objects and callbacks in the JSON schema of a config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, get_args, get_type_hints

from imgclf.config.argument_checks import allowed_names, check_of, has_place_here, object_kind
from imgclf.config.callback_catalogue import entry_of
from imgclf.config.docstrings import attributes, first_line, keras_arguments, keras_summary
from imgclf.config.json_forms import (
    ANYTHING,
    NEVER,
    NULL,
    OFF,
    JsonSchema,
    any_case_pattern,
    any_of,
    described,
    list_of,
    mapping,
    names_with,
    number,
    reference,
    words,
)
from imgclf.config.keras_names import RESIDUAL, class_names
from imgclf.config.keras_names import words as words_of
from imgclf.config.keras_signatures import REQUIRED, Kind, methods, signature
from imgclf.config.references import REFERENCE
from imgclf.config.schedules import SCHEDULES

_REFERENCE: JsonSchema = {"type": "string", "pattern": REFERENCE}
_SCHEDULER = "LearningRateScheduler"


def object_form(kind: Kind, may_lack: str = "") -> JsonSchema:
    """A Keras object: see `read_spec`; a reference to what `definitions` has.

    Args:
        kind: Of Keras's modules.
        may_lack: A required argument that may be left out.
    """
    return reference(f"{kind} that may lack {may_lack}" if may_lack else kind)


def definitions(lacking: Mapping[Kind, str]) -> dict[str, JsonSchema]:
    """What the forms of objects refer to.

    Args:
        lacking: By kind, a required argument that may be left out somewhere.
    """
    found: dict[str, JsonSchema] = {}
    for kind in get_args(Kind):
        found |= {f"{kind}.{name}": _class(kind, name) for name in _classes(kind)}
        found[kind] = _named(kind)
    for kind, argument in lacking.items():
        found[f"{kind} that may lack {argument}"] = _named(kind, argument)
    found["callbacks"] = _callbacks()
    return found


def _classes(kind: Kind) -> tuple[str, ...]:
    return () if kind == "activations" else class_names(kind)


def _named(kind: Kind, may_lack: str = "") -> JsonSchema:
    """`Name`, `Name: value` or `Name: {argument: value}`."""
    inside = {word: _behind(kind, name, may_lack) for word, name in words_of(kind).items()}
    alone = [word for word, name in words_of(kind).items() if not _required(kind, name, may_lack)]
    any_case: dict[str, JsonSchema] = {}
    if kind == "layers":
        layers = list_of(object_form(kind), 1)
        text = "What these layers make of something is added to it (He et al. 2016)."
        inside[RESIDUAL] = described(any_of(layers, mapping({"layers": layers}, ["layers"])), text)
    if kind == "optimizers":  # which Keras takes in capitals, too
        any_case = {any_case_pattern(name): reference(f"{kind}.{name}") for name in _classes(kind)}
    keyed = {**mapping(inside, least=1), "maxProperties": 1, "patternProperties": any_case}
    texts = [{"type": "string", "pattern": pattern} for pattern in any_case]
    return any_of(words(*alone), *texts, keyed)


def _behind(kind: Kind, name: str, may_lack: str) -> JsonSchema:
    """What may stand behind a name."""
    if not name[0].isupper():
        return NULL
    if may_lack in _required(kind, name):
        return _class(kind, name, may_lack)
    return reference(f"{kind}.{name}")


def _required(kind: Kind, name: str, may_lack: str = "") -> list[str]:
    if not name[0].isupper():
        return []
    return [
        argument
        for argument, default in signature(kind, name).arguments.items()
        if default is REQUIRED and argument != may_lack and not has_place_here(kind, name, argument)
    ]


def _class(kind: Kind, name: str, may_lack: str = "") -> JsonSchema:
    """The arguments by name, or the first one's value alone."""
    first, required = signature(kind, name).first, _required(kind, name, may_lack)
    by_name = {argument: _argument(kind, name, argument) for argument in allowed_names(kind, name)}
    forms = [mapping(by_name, required)]
    if not required:
        forms.append(NULL)
    if first is not None and set(required) <= {first}:
        forms.append(_value(kind, name, first))
    return described(any_of(*forms), keras_summary(kind, name))


def _argument(kind: Kind, owner: str, argument: str) -> JsonSchema:
    default = allowed_names(kind, owner)[argument]
    plain = default is None or isinstance(default, bool | int | float | str)
    text = keras_arguments(kind, owner).get(argument, "")
    return described(_value(kind, owner, argument), text, **({"default": default} if plain else {}))


def _value(kind: Kind, owner: str, argument: str) -> JsonSchema:
    inner = object_kind(argument)
    if inner is None:
        of_keras = NEVER
    elif argument in ("layers", "cells"):
        of_keras = list_of(object_form(inner), 1)
    else:
        of_keras = object_form(inner)
    return any_of(check_of(kind, owner, argument).schema(), of_keras)


def _callbacks() -> JsonSchema:
    """Keras's, each of which may be off, and people's own."""
    kind: Kind = "callbacks"
    inside = {name: any_of(OFF, *_callback(name)) for name in _classes(kind)}
    alone = [name for name, form in inside.items() if _may_stand_alone(name)]
    own = {REFERENCE: any_of(OFF, names_with(ANYTHING))}
    keyed = {**mapping(inside, least=1), "maxProperties": 1, "patternProperties": own}
    return any_of(words(*alone), _REFERENCE, keyed)


def _may_stand_alone(name: str) -> bool:
    return entry_of(name).takes != "a schedule" and not _required("callbacks", name)


def _callback(name: str) -> Iterator[JsonSchema]:
    match entry_of(name).takes:
        case "hooks":
            hooks = (one for one in methods("callbacks", "Callback") if one.startswith("on_"))
            yield mapping(dict.fromkeys(hooks, _REFERENCE))
        case "a schedule":
            yield from _schedules()
        case "arguments":
            yield reference(f"callbacks.{name}")


def _schedules() -> Iterator[JsonSchema]:
    own = {
        argument: _argument("callbacks", _SCHEDULER, argument)
        for argument in signature("callbacks", _SCHEDULER).arguments
    }
    for name, schedule in SCHEDULES.items():
        said, types = attributes(schedule), get_type_hints(schedule)
        given = [one for one in fields(schedule) if one.init]  # type: ignore[arg-type]
        taken = {one.name: described(_of_type(types[one.name]), said[one.name]) for one in given}
        needed = [one.name for one in given if one.default is MISSING]
        form = mapping({**own, **taken, "schedule": words(name)}, ["schedule", *needed])
        yield described(form, first_line(schedule))
        if not needed:
            yield words(name)
    yield mapping({**own, "schedule": _REFERENCE}, ["schedule"])
    yield _REFERENCE


def _of_type(kind: Any) -> JsonSchema:
    """What a schedule's argument of this type takes."""
    plain: dict[Any, JsonSchema] = {
        int: {"type": "integer"},
        float: number({}),
        str: {"type": "string"},
    }
    return plain[kind] if kind in plain else names_with(_of_type(get_args(kind)[1]), least=1)
