"""Whether a figure over its limit fails the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from latprobe.analysis.compare.comparison import Row
from latprobe.analysis.compare.evidence import FEWEST, FEWEST_P95
from latprobe.analysis.compare.limits import Limit
from latprobe.analysis.compare.proof import Proof, proof_of, unproven

State = Literal["pass", "fail", "unclear", "absent"]

# The chance of failing a program that did not change, over all limits of one gate.
FALSE_ALARMS = 0.02
_LEAST = 1e-16


@dataclass(frozen=True, slots=True)
class Chance:
    """Of so clear a change for the worse, by itself and among `limits`; None: too few to ask."""

    raw: float | None
    adjusted: float | None
    limits: int

    def proof(self, row: Row, size: float) -> Proof | None:
        """The evidence at the level that this limit has to reach."""
        if self.raw is None or self.adjusted is None or row.change is None or row.change.is_certain:
            return None
        # Beyond 8 standard errors a chance is rounded to 0.
        raw, adjusted = max(self.raw, _LEAST), max(self.adjusted, _LEAST)
        shared = adjusted / raw if adjusted < 1 else self.limits
        return proof_of(row, size, raw, false_alarms=FALSE_ALARMS / max(shared, 1.0))

    @property
    def is_shown(self) -> bool:
        """Rare enough to fail a gate."""
        return self.adjusted is not None and self.adjusted <= FALSE_ALARMS


def over_limit(
    limit: Limit, row: Row, own: float, chance: Chance, proof: Proof | None
) -> tuple[State, str]:
    """Whether what was measured over its limit is more than chance; `own`: by how much worse."""
    if chance.raw is None or chance.adjusted is None:
        fewest = FEWEST_P95 if limit.metric == "p95_ms" else FEWEST
        return "unclear", f"Too few to tell: this takes at least {fewest} on each side."
    if not chance.is_shown and not is_called_worse(row):
        return "unclear", unproven(row, proof, chance.raw, limits=chance.limits)
    if own > limit.worse_by or row.change is None or row.change.shift is None:
        return "fail", _why_more_than_chance(row, chance)
    moved = f"{row.change.shift.value:+.1%}".replace("%", " %")
    return "fail", (
        f"The durations around it moved by {moved}; the percentile alone is too noisy to differ."
    )


def is_called_worse(row: Row) -> bool:
    """By the comparison, of the whole request: that alone fails a gate.

    Not of a stage: with ten of them and memory between requests, 7 % of gates failed by chance.
    """
    return row.stage is None and row.verdict == "worse"


def _why_more_than_chance(row: Row, chance: Chance) -> str:
    text = "Over its limit, and more than chance"
    if not chance.is_shown:
        return f"{text} by the comparison of all figures, which calls it worse."
    if row.verdict == "unclear":
        return f"{text} where only the limits are asked of; among all figures it may be."
    return f"{text}."
