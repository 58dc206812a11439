"""What a change of each key means, the other way round."""

from __future__ import annotations

from imgclf.config.key_policy import ResumeRule
from imgclf.config.resume_rules import known_policies


def keys_by_rule() -> dict[ResumeRule, list[str]]:
    """The keys by what another value of them means; callbacks and arguments where they differ."""
    return {
        rule: [key for key, policy in known_policies().items() if policy.resume is rule]
        for rule in ResumeRule
    }
