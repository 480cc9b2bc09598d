"""Which tokens of a prompt a provider's cache serves, and what taking some away does to that."""

from __future__ import annotations

from collections.abc import Sequence

from latprobe.advice.call_texts import CallText
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.analysis.cache.provider_rules import LOCAL, PrefixRule, rule_for


def cached_shares(call: CallText) -> list[float]:
    """Of each input part in its order, the share 0..1 that was read from the cache."""
    left = float(call.cache_read_tokens or 0)
    shares = []
    for part in call.side("input"):
        tokens = part.tokens or 0
        shares.append(min(max(left / tokens, 0.0), 1.0) if tokens else 0.0)
        left -= tokens
    return shares


def priced_rule(group: TemplateCalls) -> PrefixRule | None:
    """The rule of a provider that bills cached input by itself; None for all others."""
    rule = rule_for(group.provider, group.model)
    return None if rule is None or rule is LOCAL or rule.read_price is None else rule


def loses_cache(group: TemplateCalls, *, saved: float, saved_cached: float) -> str | None:
    """Why fewer tokens would cost more, since the cached prefix gets too short to be kept.

    `saved` tokens of the prompt, `saved_cached` of them in the prefix. None where they would not.
    """
    rule = priced_rule(group)
    if rule is None or rule.read_price is None or group.cached_tokens <= 0 or saved_cached <= 0:
        return None
    left = group.cached_tokens - saved_cached
    if left >= rule.minimum_tokens:
        return None
    before = group.input_tokens - group.cached_tokens * (1 - rule.read_price)
    after = group.input_tokens - saved
    if after < before:
        return None
    return (
        f"The prefix that {rule.name} keeps would shrink from {group.cached_tokens:,.0f} to "
        f"{max(left, 0):,.0f} tokens, below the {rule.minimum_tokens:,} that it takes, so that all "
        f"input is billed in full: {before:,.0f} -> {after:,.0f} full-price tokens a call."
    )


def mean(values: Sequence[float]) -> float:
    """The mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0
