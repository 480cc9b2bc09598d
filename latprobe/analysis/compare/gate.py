"""Whether a recording is allowed to be as it is: against a baseline, and against fixed amounts.

A change fails when it is over its limit *and* shown to be one. Over its limit is what was measured;
shown means that two recordings of the same program would differ so clearly at most once in fifty
gates, over all limits of the gate together; or that the comparison of the two, over all figures of
whole requests, calls it worse. Over the limit and not shown is "unclear".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from latprobe.analysis.compare.comparison import Comparison, Row, compare_measured
from latprobe.analysis.compare.false_discovery import any_false_alarm
from latprobe.analysis.compare.limit_state import FALSE_ALARMS, Chance, State, over_limit
from latprobe.analysis.compare.limits import Budget, Limit
from latprobe.analysis.compare.measured import Measured
from latprobe.analysis.compare.over_budget import Amount, measured_amount
from latprobe.analysis.compare.proof import Proof
from latprobe.analysis.intervals import Interval
from latprobe.errors import UsageError


@dataclass(frozen=True, slots=True)
class GateRow:
    """One limit or budget and what came of it.

    `change` is relative (of error_share in points) and None for budgets; `allowed` is the limit on
    it, or the budget's amount. `interval` is 95 %, of the change or of the amount. `reason` is
    empty for a plain pass. `proof`, of a change over its limit, is the interval at the level that
    the gate asks for: it holds 0 where the gate cannot tell.
    """

    metric: str
    stage: str | None
    kind: Literal["limit", "budget"]
    before: float | None
    after: float | None
    change: float | None
    interval: Interval | None
    allowed: float
    state: State
    reason: str = ""
    p_value: float | None = None
    proof: Proof | None = None
    # Not told by the gate, and called worse by the comparison.
    is_likely: bool = False

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "metric": self.metric,
            "stage": self.stage,
            "kind": self.kind,
            "before": self.before,
            "after": self.after,
            "change": self.change,
            "ci95": None if self.interval is None else self.interval.to_json(),
            "allowed": self.allowed,
            "state": self.state,
            "reason": self.reason,
            "is_likely": self.is_likely,
            "adjusted_p": self.p_value,
            "proof_ci": None if self.proof is None else self.proof.interval.to_json(),
            "proof_level": None if self.proof is None else self.proof.level,
        }


@dataclass(frozen=True, slots=True)
class Gate:
    """All limits and budgets of one gate. `comparison` is None without a baseline."""

    rows: tuple[GateRow, ...]
    requests_before: int | None
    requests_after: int
    comparison: Comparison | None
    notes: tuple[str, ...] = ()

    @property
    def has_failed(self) -> bool:
        """Some limit or budget is broken."""
        return any(row.state == "fail" for row in self.rows)

    @property
    def is_unclear(self) -> bool:
        """Some cannot be told from so few requests."""
        return any(row.state == "unclear" for row in self.rows)

    @property
    def unmeasured(self) -> tuple[GateRow, ...]:
        """Limits and budgets on figures that a side did not measure."""
        return tuple(row for row in self.rows if row.state == "absent")

    def to_json(self) -> dict[str, object]:
        """The documented keys of `latprobe gate --json`."""
        return {
            "passed": not self.has_failed,
            "unclear": self.is_unclear,
            "requests_before": self.requests_before,
            "requests_after": self.requests_after,
            "rows": [row.to_json() for row in self.rows],
            "notes": list(self.notes),
        }


def judge(
    before: Measured | None,
    after: Measured,
    limits: Sequence[Limit] = (),
    budgets: Sequence[Budget] = (),
    *,
    comparison: Comparison | None = None,
) -> Gate:
    """The gate's rows, limits first. Both sides have requests; limits need `before`.

    `comparison` is that of the two, if it is known already.
    Raises UsageError for a stage that is in neither recording.
    """
    for stage in [limit.stage for limit in limits] + [budget.stage for budget in budgets]:
        _require_stage(stage, before, after)
    rows = _judge_budgets(after, budgets)
    if before is None:
        return Gate(tuple(rows), None, after.requests, None, after.notes)
    found = comparison or compare_measured(before, after)
    judged = _judge_limits(found, limits, before)
    return Gate((*judged, *rows), before.requests, after.requests, found, found.notes)


def _require_stage(stage: str | None, before: Measured | None, after: Measured) -> None:
    known = {*after.stages, *(before.stages if before is not None else ())}
    if stage is None or stage in known:
        return
    near = get_close_matches(stage, sorted(known), n=1)
    hint = f"Did you mean {near[0]!r}?" if near else "`latprobe report` lists the stages."
    raise UsageError(f"No stage {stage!r} was recorded. {hint}")


def _judge_limits(found: Comparison, limits: Sequence[Limit], before: Measured) -> list[GateRow]:
    rows = [found.row(each.metric, each.stage) for each in limits]
    raw = [_worse_p(row) for row in rows]
    # What never varies cannot raise a false alarm, and takes no part in the sharing of them.
    tested = [i for i, p in enumerate(raw) if p is not None and not _is_certain(rows[i])]
    adjusted = dict(zip(tested, any_false_alarm([raw[i] or 0.0 for i in tested]), strict=True))
    return [
        _judge_limit(limit, row, Chance(raw[place], adjusted.get(place, raw[place]), len(tested)))
        for place, (limit, row) in enumerate(zip(limits, rows, strict=True))
    ]


def _is_certain(row: Row | None) -> bool:
    return row is not None and row.change is not None and row.change.is_certain


def _worse_p(row: Row | None) -> float | None:
    if row is None or row.change is None:
        return None
    return row.change.p_down if _is_throughput(row.metric) else row.change.p_up


def _is_throughput(metric: str) -> bool:
    return metric == "throughput_per_s"


def _judge_limit(limit: Limit, row: Row | None, chance: Chance) -> GateRow:
    if row is None or row.change is None:
        return _without_change(limit, row)
    change, falls = row.change, _is_throughput(limit.metric)
    own = -change.value if falls else change.value
    worse_by = max(change.size_down if falls else change.size_up, own)
    is_over = worse_by > limit.worse_by + 1e-9
    proof = chance.proof(row, -worse_by if falls else worse_by) if is_over else None
    state, reason = over_limit(limit, row, own, chance, proof) if is_over else ("pass", "")
    return GateRow(
        limit.metric,
        limit.stage,
        "limit",
        row.before,
        row.after,
        change.value,
        change.interval,
        -limit.worse_by if falls else limit.worse_by,
        state,
        reason,
        chance.adjusted,
        # Told by the comparison instead: then this interval is not why.
        None if state == "fail" and not chance.is_shown else proof,
        state == "unclear" and row.verdict == "worse",
    )


def _without_change(limit: Limit, row: Row | None) -> GateRow:
    """A limit on what one side or both did not measure."""
    before, after = (None, None) if row is None else (row.before, row.after)
    state: State = "absent"
    reason = "Not measured on both sides."
    if before == 0 and after:
        state, reason = "fail", "There was none before."
    if row is not None and row.verdict == "vanished":
        state, reason = "pass", "The stage is gone."
    if row is not None and row.verdict == "appeared":
        reason = "The stage is new: there is nothing to compare it with."
    return GateRow(
        limit.metric, limit.stage, "limit", before, after, None, None, limit.worse_by, state, reason
    )


def _judge_budgets(after: Measured, budgets: Sequence[Budget]) -> list[GateRow]:
    """They share the false alarms allowed, as limits do."""
    amounts = [measured_amount(after, each) for each in budgets]
    tested = [
        (place, each.p_over)
        for place, each in enumerate(amounts)
        if each is not None and each.p_over is not None
    ]
    shared = any_false_alarm([p_value for _, p_value in tested])
    adjusted = {place: p_value for (place, _), p_value in zip(tested, shared, strict=True)}
    return [
        _judge_budget(amount, budget, adjusted.get(place))
        for place, (amount, budget) in enumerate(zip(amounts, budgets, strict=True))
    ]


def _judge_budget(amount: Amount | None, budget: Budget, p_value: float | None) -> GateRow:
    state, reason = _budget_state(amount, p_value)
    return GateRow(
        budget.metric,
        budget.stage,
        "budget",
        None,
        None if amount is None else amount.value,
        None,
        None if amount is None else amount.interval,
        budget.value,
        state,
        reason,
        p_value,
    )


def _budget_state(amount: Amount | None, p_value: float | None) -> tuple[State, str]:
    if amount is None:
        return "absent", "Not measured."
    if not amount.is_over:
        return "pass", ""
    if p_value is None or p_value > FALSE_ALARMS:
        return "unclear", _over_by_chance(p_value)
    return "fail", "Over its budget, and more than chance."


def _over_by_chance(p_value: float | None) -> str:
    """`p_value` is shared among the budgets of the gate."""
    if p_value is None:
        return "Over its budget, but too few to tell: record more requests."
    return (
        f"Over its budget, but by chance as much comes of {p_value:.1%} of programs just within it "
        f"(a gate fails from {FALSE_ALARMS:.0%} on): record more requests."
    ).replace("%", " %")
