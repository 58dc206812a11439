"""The pieces of a config's JSON schema: what a reader takes, as an editor sees it.

Editors read YAML 1.2 as we do, but for fractions (`1/255` is a text to them) and for words such as
`off` and `none`, which are texts to them as well. Where a quoted text and a bare word are different
things to us, the schema takes both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from imgclf.config.yaml_scalars import FLAG_WORDS, FRACTION

JsonSchema: TypeAlias = dict[str, Any]

NEVER: JsonSchema = {"not": {}}
ANYTHING: JsonSchema = {}
NULL: JsonSchema = {"type": "null"}


def any_of(*forms: JsonSchema) -> JsonSchema:
    """What any of these takes."""
    taken: list[JsonSchema] = []
    for form in forms:
        inner = form["anyOf"] if set(form) == {"anyOf"} else [form]
        taken += [one for one in inner if one != NEVER and one not in taken]
    return taken[0] if len(taken) == 1 else {"anyOf": taken} if taken else NEVER


def all_of(*forms: JsonSchema) -> JsonSchema:
    """What all of these take."""
    return {"allOf": list(forms)}


def described(form: JsonSchema, text: str, **more: Any) -> JsonSchema:
    """The same with words for a person, for whom a reference alone has no room in draft 7."""
    around = {"allOf": [form]} if "$ref" in form else form
    return {"description": text, **more, **around} if text else {**more, **around}


def reference(name: str) -> JsonSchema:
    """What is defined under a name."""
    return {"$ref": f"#/definitions/{name}"}


def words(*allowed: str) -> JsonSchema:
    """One of several words."""
    return {"enum": list(allowed)}


def in_any_case(*allowed: str) -> JsonSchema:
    """One of several words, in capitals or not; an editor proposes them as they are given."""
    return any_of(words(*allowed), {"type": "string", "pattern": any_case_pattern(*allowed)})


def any_case_pattern(*allowed: str) -> str:
    """For patterns of JSON, which know of no flags."""
    return f"^(?:{'|'.join(''.join(map(_either_case, word)) for word in allowed)})$"


def _either_case(letter: str) -> str:
    return f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else letter


def number(bounds: JsonSchema) -> JsonSchema:
    """A number within bounds, or a fraction."""
    return any_of({"type": "number", **bounds}, reference("fraction"))


def list_of(item: JsonSchema, least: int = 0, most: int | None = None) -> JsonSchema:
    """A list of so many of the same."""
    at_most = {} if most is None else {"maxItems": most}
    return {"type": "array", "items": item, "minItems": least, **at_most}


def mapping(
    properties: Mapping[str, JsonSchema], required: Sequence[str] = (), least: int = 0
) -> JsonSchema:
    """Keys that are known, and no others."""
    needed = {"required": list(required)} if required else {}
    return {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
        "minProperties": least,
        **needed,
    }


def names_with(value: JsonSchema, least: int = 0) -> JsonSchema:
    """Names of somebody's own, with values that are alike."""
    return {"type": "object", "additionalProperties": value, "minProperties": least}


FLAG, NONE, OFF = reference("flag"), reference("none"), reference("off")
"""What the check of true and false takes, that of null, and `Node.is_off`."""

SHARED: Mapping[str, JsonSchema] = {
    "flag": any_of({"type": "boolean"}, in_any_case(*FLAG_WORDS)),
    "none": any_of(NULL, in_any_case("none")),
    "off": any_of(NULL, {"enum": [False]}, in_any_case("none", "off", "no")),
    "fraction": {"type": "string", "pattern": f"^(?:{FRACTION})$"},
}
"""What these refer to."""

SCALAR: JsonSchema = {"type": ["string", "number", "boolean"]}
