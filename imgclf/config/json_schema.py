"""The JSON schema of a config, by which editors complete and check what is typed.

It is made from what reads configs: the types of the keys, the checks of arguments, the signatures
and docstrings of the installed Keras. It takes whatever the loader takes. The loader is stricter:
no schema can say what goes together, or what of a network comes after what.

Draft 7 is what the YAML language server of most editors understands best.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import starmap
from typing import Any

from pydantic import BaseModel

from imgclf.config.docstrings import attributes
from imgclf.config.json_forms import (
    NULL,
    SHARED,
    JsonSchema,
    all_of,
    any_of,
    described,
    list_of,
    mapping,
    number,
    reference,
    words,
)
from imgclf.config.json_objects import definitions, object_form
from imgclf.config.read_config import OWN_FORMS
from imgclf.config.schema import (
    SECTIONS,
    SINGLE_SPECS,
    SPEC_LISTS,
    TEXTS,
    Config,
    DataConfig,
    ModelConfig,
    TrainingConfig,
)

FILE_NAME = ".imgclf-schema.json"
"""Of the schema beside a config, which names it in its first line."""

NAMED_BY = f"# yaml-language-server: $schema={FILE_NAME}"
"""That first line."""


_NONE = any_of(NULL, words("none"))
_TOLD_ELSEWHERE = ("title", "description", "default")


def config_schema() -> JsonSchema:
    """The whole schema, in JSON schema draft 7."""
    lacking = {one.kind: one.may_lack for one in SINGLE_SPECS.values() if one.may_lack}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A config of imgclf",
        **_keys(Config),
        "definitions": {
            **{name: _keys(section, f"{name}.") for name, section in SECTIONS.items()},
            **SHARED,
            **definitions(lacking),
        },
    }


@cache
def schema_text() -> str:
    """The same as a file, with a line for each definition."""
    schema = config_schema()
    defined = ",\n".join(starmap(_pair, schema.pop("definitions").items()))
    others = ",\n".join(starmap(_pair, schema.items()))
    return f'{{\n{others},\n"definitions": {{\n{defined}\n}}\n}}\n'


def _pair(name: str, value: Any) -> str:
    return f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"


def _keys(section: type[BaseModel], prefix: str = "") -> JsonSchema:
    """The keys of a section; see `read_config`."""
    plain, said = section.model_json_schema()["properties"], attributes(section)
    forms = {
        name: reference(name)
        if name in SECTIONS
        else described(
            _key(f"{prefix}{name}", plain[name]), f"{said[name]} Allowed: {field.description}."
        )
        for name, field in section.model_fields.items()
    }
    required = [name for name, field in section.model_fields.items() if field.is_required()]
    if section is DataConfig:
        required.remove("directory")  # a table has the folder that it lies in
        return all_of(mapping(forms, required), _any_of_keys("directory", "table"))
    if section is ModelConfig:
        return all_of(mapping(forms), _any_of_keys("backbone", "layers"))
    if section is TrainingConfig:
        return any_of(mapping(forms, required), NULL)
    return mapping(forms, required)


def _any_of_keys(*names: str) -> JsonSchema:
    """At least one of these says something."""
    says = {"not": any_of(NULL, list_of({}, most=0))}
    return any_of(*({"properties": {name: says}, "required": [name]} for name in names))


def _key(key: str, plain: JsonSchema) -> JsonSchema:
    """What a key takes; `plain` is what its type says."""
    if key in OWN_FORMS:
        return OWN_FORMS[key].schema()
    if key in SPEC_LISTS:
        objects = SPEC_LISTS[key]
        one = object_form(objects.kind)
        return any_of(list_of(one), _NONE, *([one] if objects.or_one else []))
    if key in SINGLE_SPECS:
        objects = SINGLE_SPECS[key]
        left_out = [_NONE] if NULL in plain.get("anyOf", []) else []
        return any_of(object_form(objects.kind, objects.may_lack), *left_out)
    form = _as_read(plain)
    return any_of(form, {"type": "number"}) if key in TEXTS else form


def _as_read(plain: JsonSchema) -> JsonSchema:
    """What pydantic says of a type, in draft 7 and as YAML is read."""
    if "anyOf" in plain:
        return any_of(*map(_as_read, plain["anyOf"]))
    form = {name: value for name, value in plain.items() if name not in _TOLD_ELSEWHERE}
    if form.get("type") == "number":
        return number({name: bound for name, bound in form.items() if name != "type"})
    if "prefixItems" in form:
        form["items"] = [_as_read(item) for item in form.pop("prefixItems")]
    return form
