"""How sure a gate has to be of one limit, in terms a reader can check: an interval and a count.

The more limits a gate has, the surer it has to be of each. An interval at that level is made of the
test itself (Miettinen, "Estimability and estimation in case-referent studies", 1976): it holds 0
where, and only where, the test does not show a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, expm1, log1p
from statistics import NormalDist

from latprobe.analysis.compare.comparison import Row
from latprobe.analysis.intervals import Interval

_NORMAL = NormalDist()
# The chance of being told of a change, were it what was measured.
_POWER = 0.8
# From this chance on, nothing is known of the noise that a count could be reckoned from.
_MOST_CHANCE = 0.4


@dataclass(frozen=True, slots=True)
class Proof:
    """One limit's evidence: the change lies in `interval` at `level` (0.993 is 99.3 %)."""

    interval: Interval
    level: float
    # What was measured over what it takes, in standard errors.
    clear: float
    wanted: float


def proof_of(row: Row, size: float, p_value: float, *, false_alarms: float) -> Proof | None:
    """The evidence for a change of `size` (signed) in the direction of which `p_value` is the
    chance; `false_alarms` is what this limit is allowed of them. None where nothing varied, or
    where it is no evidence at all."""
    if not 0 < p_value < 0.5 or size <= -1 or size == 0:
        return None
    is_share = row.metric == "error_share"
    effect = size if is_share else log1p(size)
    clear, wanted = -_NORMAL.inv_cdf(p_value), -_NORMAL.inv_cdf(false_alarms)
    half = abs(effect) / clear * wanted
    low, high = effect - half, effect + half
    if not is_share:
        low, high = expm1(low), expm1(min(high, 50.0))
    return Proof(Interval(low, high), 1 - 2 * false_alarms, clear, wanted)


def unproven(row: Row, proof: Proof | None, p_value: float, *, limits: int) -> str:
    """Why a change over its limit fails nothing, and how many requests would tell."""
    if proof is None or p_value > _MOST_CHANCE:
        return (
            f"Over its limit, but recordings of one program differ by as much in {p_value:.0%} of "
            "cases, by chance; record more."
        ).replace("%", " %", 1)
    low, high = (f"{end * 100:+.1f}" for end in (proof.interval.low, proof.interval.high))
    start = "Over its limit, but it may be chance"
    if row.verdict == "worse":
        start = "Likely worse, as the comparison says, but not sure enough to fail a build"
    asks = f"{limits} limits ask" if limits > 1 else "a gate asks"
    now = f"{row.count_before:,} and {row.count_after:,} now"
    return (
        f"{start}: at the {level_text(proof.level)} that {asks} for "
        f"it lies between {low} and {high}; {_more_needed(row, proof)} would tell ({now})."
    )


def level_text(level: float) -> str:
    """A level in per cent, as precise as it has to be."""
    return f"{level * 100:.1f}".removesuffix(".0") + " %"


def _more_needed(row: Row, proof: Proof) -> str:
    """How many requests would tell, were the change what was measured: the variance of a figure of
    n and m requests goes with 1/n + 1/m."""
    before, after = row.count_before, row.count_after
    times = ((proof.wanted + _NORMAL.inv_cdf(_POWER)) / proof.clear) ** 2
    needed = times / (1 / before + 1 / after)
    if 2 * needed > max(before, after):
        return f"about {_rounded(2 * needed):,} on each side"
    side = "before" if before < after else "after"
    return f"about {_rounded(1 / (1 / needed - 1 / max(before, after))):,} {side}"


def _rounded(count: float) -> int:
    step = 10 if count < 1000 else 100
    return ceil(count / step) * step
