"""What can be said of each slope: it matters, it does not, or that cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from latprobe.analysis.intervals import Estimate, Floats, interval_of
from latprobe.analysis.latency_model.part import FittedPart, Term

Finding = Literal["matters", "does_not_matter", "unknown"]

# A whole range of tokens that moves the call by less than this does not matter.
NEGLIGIBLE = 0.05
_LEAST_SKILL = 0.05
_WIDEST = 0.5
_MOST_INFLATION = 10.0
# Of the median: where the 5th and 95th percentiles are closer, tokens hardly vary.
_LEAST_RANGE = 0.2
WORDS: dict[Term, str] = {
    "input": "input tokens",
    "output": "output tokens",
    "new_lengths": "new lengths",
}


@dataclass(frozen=True, slots=True)
class Slope:
    """`ns_per_token` None where tokens do not vary; `reason` says why the finding is unknown.

    `range_effect`: what going through the recorded range (5th to 95th percentile) moves, as a
    share of the median call.
    """

    term: Term
    finding: Finding
    ns_per_token: Estimate | None
    range_effect: Estimate | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class TokenRange:
    """Recorded tokens: the 5th and 95th percentile, and all of them; `words` is what they are."""

    low: float
    high: float
    least: float
    most: float
    median: float
    words: str = "tokens"

    @classmethod
    def of(cls, tokens: Floats, words: str = "tokens") -> TokenRange:
        low, middle, high = np.quantile(tokens, [0.05, 0.5, 0.95]).tolist()
        return cls(low, high, float(tokens.min()), float(tokens.max()), middle, words)

    @property
    def hardly_varies(self) -> bool:
        return self.high - self.low < max(_LEAST_RANGE * self.median, 2.0)


def fixed_slope(term: Term, tokens: TokenRange | None) -> Slope:
    """The slope of tokens that were not recorded (None) or are all alike."""
    if tokens is None:
        reason = f"No {WORDS[term]} were recorded, so what they cost cannot be told."
    else:
        reason = (
            f"The {tokens.words} hardly vary (p5 {tokens.low:,.0f}, p95 {tokens.high:,.0f}); "
            "record calls with shorter and longer ones to learn what they cost."
        )
    return Slope(term, "unknown", None, None, reason)


def slope_of(
    part: FittedPart, term: Term, tokens: TokenRange, *, usual_ns: float, inflation: float
) -> Slope:
    """What the part's line says of one term; `usual_ns` is the median call's duration."""
    at = part.terms.index(term)
    value, draws = float(part.line[at]), part.draws[:, at]
    share = (tokens.high - tokens.low) / usual_ns
    per_token = Estimate(value, interval_of(draws))
    effect = Estimate(value * share, interval_of(draws * share))
    if effect.interval and max(-effect.interval.low, effect.interval.high) <= NEGLIGIBLE:
        return Slope(term, "does_not_matter", per_token, effect, None)
    reason = _doubt(part, per_token, tokens.words, inflation)
    return Slope(term, "unknown" if reason else "matters", per_token, effect, reason)


def without_all_of_it(slope: Slope) -> Slope:
    """The input's slope where decoding slows with the input too: that it does not matter is then
    only half known."""
    if slope.term != "input" or slope.finding != "does_not_matter":
        return slope
    reason = (
        "The first token comes as fast after long inputs, but decoding is slower after them, and "
        "how much of that a shorter input would save cannot be told; try it on some calls."
    )
    return replace(slope, finding="unknown", reason=reason)


def variance_inflation(columns: Sequence[Floats]) -> float:
    """The largest factor by which the columns' likeness widens what is known of one of them.

    1 where they have nothing in common; 1 / (1 - R^2) of each by the others.
    """
    if len(columns) < 2:
        return 1.0
    correlation = np.corrcoef(np.stack(columns))
    if np.linalg.det(correlation) < 1e-9:
        return float("inf")
    return float(np.max(np.diag(np.linalg.inv(correlation))))


def _doubt(part: FittedPart, per_token: Estimate, words: str, inflation: float) -> str | None:
    interval = per_token.interval
    if inflation > _MOST_INFLATION:
        return (
            "Input and output tokens rise and fall together in these calls, so what each costs "
            "cannot be told apart; stream the answers (time to the first token separates them) "
            "or record calls that vary one alone."
        )
    if part.skill < _LEAST_SKILL:
        return (
            f"Held-out calls are predicted no better with their {words} than without "
            f"(skill {part.skill:.0%}); record more calls, or look for what else slows them."
        )
    if interval is None or interval.low <= 0:
        return (
            f"The interval of the cost of {words} includes 0; record more calls, or calls with "
            f"more varied {words}."
        )
    if interval.high - interval.low > _WIDEST * per_token.value:
        width = (interval.high - interval.low) / per_token.value
        return (
            f"The interval of the cost of {words} is {width:.0%} of it wide (at most "
            f"{_WIDEST:.0%} is usable); record more calls."
        )
    return None
