"""What a change of a key means for an earlier training, of all keys and all callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from imgclf.config.callback_catalogue import CATALOGUE
from imgclf.config.key_policy import KeyPolicy, ResumeRule
from imgclf.config.schema import policies


def policy_of(key: str) -> KeyPolicy:
    """The policy of a dotted key (`callbacks.TensorBoard.log_dir`): its own, or that of the
    nearest one that it stands in."""
    known, parts = known_policies(), key.split(".")
    places = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((known[place] for place in places if place in known), KeyPolicy())


@cache
def known_policies() -> Mapping[str, KeyPolicy]:
    """The policy of each key; of callbacks and their arguments where it differs from the usual."""
    known = policies()
    for entry in CATALOGUE:
        rules = {"": entry.resume, **{f".{name}": rule for name, rule in entry.resume_of.items()}}
        for inside, rule in rules.items():
            if rule is not ResumeRule.ANOTHER:
                known[f"callbacks.{entry.name}{inside}"] = KeyPolicy(rule)
    return known
