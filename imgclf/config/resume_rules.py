"""What a change of a key means for an earlier training, of all keys and all callbacks."""

from __future__ import annotations

from functools import cache

from imgclf.config.callback_catalogue import CATALOGUE
from imgclf.config.key_policy import KeyPolicy, ResumeRule
from imgclf.config.schema import policies


def policy_of(key: str) -> KeyPolicy:
    """The policy of a dotted key (`callbacks.TensorBoard.log_dir`): its own, or that of the
    nearest one that it stands in."""
    known, parts = _known(), key.split(".")
    places = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((known[place] for place in places if place in known), KeyPolicy())


def keys_by_rule() -> dict[ResumeRule, list[str]]:
    """The keys by what another value of them means; callbacks and arguments where they differ."""
    return {
        rule: [key for key, policy in _known().items() if policy.resume is rule]
        for rule in ResumeRule
    }


@cache
def _known() -> dict[str, KeyPolicy]:
    known = policies()
    for entry in CATALOGUE:
        rules = {"": entry.resume, **{f".{name}": rule for name, rule in entry.resume_of.items()}}
        for inside, rule in rules.items():
            if rule is not ResumeRule.ANOTHER:
                known[f"callbacks.{entry.name}{inside}"] = KeyPolicy(rule)
    return known
