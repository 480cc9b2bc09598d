"""What a suggestion saves, for tests: fails where it says nothing of it."""

from __future__ import annotations

from latprobe.advice.suggestion import Gain, Saving, Suggestion


def saving(found: Suggestion) -> Saving:
    """The saving, which has to be there."""
    assert found.saving is not None
    return found.saving


def p50_ms(found: Suggestion) -> float:
    """Off the median request."""
    return _value(saving(found).p50_ms)


def p95_ms(found: Suggestion) -> float:
    """Off the 95th percentile."""
    return _value(saving(found).p95_ms)


def usd_per_1000(found: Suggestion) -> float:
    """Off the cost of 1,000 requests."""
    return _value(saving(found).cost_usd_per_1000)


def _value(gain: Gain | None) -> float:
    assert gain is not None
    return gain.value
