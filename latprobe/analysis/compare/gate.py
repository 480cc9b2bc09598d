"""Whether a recording is allowed to be as it is: against a baseline, and against fixed amounts.

A change fails when it is over its limit *and* shown to be one. Over its limit is what was measured;
shown means that two recordings of the same program would differ so clearly at most once in fifty
gates, over all limits of the gate together. Over the limit and not shown is "unclear".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import ceil, log1p
from typing import Literal

from latprobe.analysis.compare.comparison import Comparison, Row, compare_measured
from latprobe.analysis.compare.evidence import FEWEST, FEWEST_P95, Change
from latprobe.analysis.compare.false_discovery import any_false_alarm
from latprobe.analysis.compare.limits import Budget, Limit
from latprobe.analysis.compare.measured import Measured
from latprobe.analysis.compare.over_budget import Amount, measured_amount
from latprobe.analysis.intervals import Interval
from latprobe.errors import UsageError

State = Literal["pass", "fail", "unclear", "absent"]

# The chance of failing a program that did not change, over all limits of one gate.
FALSE_ALARMS = 0.02


@dataclass(frozen=True, slots=True)
class GateRow:
    """One limit or budget and what came of it.

    `change` is relative (of error_share in points) and None for budgets; `allowed` is the limit on
    it, or the budget's amount. `interval` is 95 %, of the change or of the amount. `reason` is one
    sentence, empty for a plain pass.
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
            "adjusted_p": self.p_value,
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
        _judge_limit(limit, row, adjusted.get(place, raw[place]))
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


def _judge_limit(limit: Limit, row: Row | None, p_value: float | None) -> GateRow:
    if row is None or row.change is None:
        return _without_change(limit, row)
    change = row.change
    size = change.size_down if _is_throughput(limit.metric) else change.size_up
    state, reason = _state(limit, row, change, size, p_value)
    return GateRow(
        limit.metric,
        limit.stage,
        "limit",
        row.before,
        row.after,
        change.value,
        change.interval,
        -limit.worse_by if _is_throughput(limit.metric) else limit.worse_by,
        state,
        reason,
        p_value,
    )


def _state(
    limit: Limit, row: Row, change: Change, size: float, p_value: float | None
) -> tuple[State, str]:
    own = -change.value if _is_throughput(limit.metric) else change.value
    if max(size, own) <= limit.worse_by + 1e-9:
        return "pass", ""
    if p_value is None:
        fewest = FEWEST_P95 if limit.metric == "p95_ms" else FEWEST
        return "unclear", f"Too few to tell: this takes at least {fewest} on each side."
    if p_value > FALSE_ALARMS:
        return "unclear", _more_needed(row, change, size)
    if own > limit.worse_by or change.shift is None:
        return "fail", "Over its limit, and more than chance."
    moved = f"{change.shift.value:+.1%}".replace("%", " %")
    return "fail", (
        f"The durations around it moved by {moved}; the percentile alone is too noisy to differ."
    )


def _more_needed(row: Row, change: Change, size: float) -> str:
    """How many requests would tell, were the change what was measured."""
    interval = change.interval if change.shift is None else change.shift.interval
    text = "Over its limit, but so few requests differ by as much by chance"
    fewest = min(row.count_before, row.count_after)
    if interval is None or size <= 0 or interval.low <= -1 or row.metric == "error_share":
        return f"{text}; record more."
    half = (log1p(interval.high) - log1p(interval.low)) / 2
    wanted = fewest * (1.6 * half / log1p(size)) ** 2
    more = max(ceil(wanted / 10) * 10, fewest + 10)
    return f"{text}; about {more:,} on each side would tell."


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
        return "unclear", "Over its budget, but not by more than chance: record more requests."
    return "fail", "Over its budget, and more than chance."
