"""What editors make of a config, by the JSON schema."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match
from ruamel.yaml import YAML

from imgclf.config.json_schema import config_schema


def refused_by_schema(text: str) -> str | None:
    """What the schema has against a config, read by the rules of YAML 1.2; None if nothing."""
    reader = YAML(typ="safe", pure=True)
    reader.constructor.add_constructor("tag:yaml.org,2002:timestamp", _text)
    found = best_match(_validator().iter_errors(_plain(reader.load(text))))
    return None if found is None else f"{found.json_path}: {found.message[:300]}"


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(config_schema())


def _plain(value: Any) -> Any:
    """As check-jsonschema does it: all names are texts."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _text(_: object, node: Any) -> str:
    """A date, which YAML 1.2 has none of."""
    return str(node.value)
