"""Whether a suggestion that was followed did what was predicted: measured on later requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from latprobe.advice.applied import Applied
from latprobe.advice.like_for_like import LikeForLike, like_for_like
from latprobe.advice.no_change import allows_no_change, doubt, requests_to_tell
from latprobe.analysis.counted_calls import calls_sql
from latprobe.analysis.intervals import (
    SEED,
    Estimate,
    Floats,
    block_draws,
    block_length,
    interval_of,
    quantile_interval,
)
from latprobe.analysis.requests import requests_sql
from latprobe.analysis.scope import Scope
from latprobe.store.query import Query

# Fewer later requests than this say nothing about a median.
MIN_REQUESTS = 20

Outcome = Literal[
    "as predicted",
    "as predicted but for other stages",
    "less than predicted",
    "more than predicted",
    "not enough requests yet",
    "not predicted",
]

# So many of the stages that moved meanwhile are named.
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Requests as they ran, in ms and tokens a request; None: not measured."""

    requests: int
    p50_ms: Estimate | None = None
    p95_ms: Estimate | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """The requests before and after, and what each saves in tokens with its 95 % interval.

    `like_for_like` is the latency since without what stages moved that the change does not touch;
    None where none did.
    """

    applied: Applied
    before: Measured
    after: Measured
    input_tokens_saved: Estimate | None
    output_tokens_saved: Estimate | None
    outcome: Outcome
    like_for_like: LikeForLike | None = None

    @property
    def meanwhile(self) -> tuple[str, ...]:
        """A sentence for each stage that moved and that the change does not touch."""
        if self.like_for_like is None:
            return ()
        return tuple(each.words for each in self.like_for_like.drifts[:_MOST_NAMED])

    @property
    def verdict(self) -> str:
        """The outcome as a reader sees it."""
        if self.outcome == "not enough requests yet":
            return f"{self.outcome} ({self.after.requests} of {MIN_REQUESTS})"
        if not self.allows_no_change:
            return self.outcome
        but = " but for other stages" if self.outcome == "as predicted but for other stages" else ""
        return f"within the predicted range{but}, which also allows no change"

    @property
    def allows_no_change(self) -> bool:
        """Whether it is as predicted, and would be so too with the median as it was before."""
        is_within = self.outcome in ("as predicted", "as predicted but for other stages")
        return is_within and allows_no_change(self.applied)

    @property
    def doubt(self) -> str:
        """A sentence on what the verdict leaves open; "" where nothing."""
        return doubt(self.applied) if self.allows_no_change else ""

    def to_json(self) -> dict[str, object]:
        """The documented keys of one row of `latprobe applied --json`."""
        mark = self.applied
        return {
            "id": mark.id,
            "rule": mark.rule,
            "title": mark.title,
            "subject": mark.subject,
            "service": mark.service,
            "root": mark.root,
            "applied_ns": mark.applied_ns,
            "together": list(mark.together),
            "predicted": {
                "requests": mark.requests,
                "p50": _predicted(mark.p50_after_ms, mark.p50_low_ms, mark.p50_high_ms),
                "p95": _predicted(mark.p95_after_ms, mark.p95_low_ms, mark.p95_high_ms),
                "input_tokens_saved": mark.input_tokens_saved,
                "output_tokens_saved": mark.output_tokens_saved,
            },
            "before": _measured(self.before),
            "measured": {
                **_measured(self.after),
                "input_tokens_saved": _estimate(self.input_tokens_saved),
                "output_tokens_saved": _estimate(self.output_tokens_saved),
            },
            "outcome": self.outcome,
            "verdict": self.verdict,
            "allows_no_change": self.allows_no_change,
            "requests_to_tell": requests_to_tell(self.applied) if self.allows_no_change else None,
            "note": mark.note,
            "like_for_like": _like_for_like(self.like_for_like),
            "meanwhile": list(self.meanwhile),
        }


def verify(
    query: Query,
    applied: Applied,
    *,
    until_ns: int | None = None,
    subjects: Sequence[str] = (),
    seed: int = SEED,
) -> Verified:
    """The requests that started after the mark, up to `until_ns`, beside those before it.

    The outcome is of the median: it is as predicted where the measured one lies in the interval
    that was predicted for it, and so but for other stages where it does so without what those
    moved. `subjects` are those of the suggestions followed with this one.
    """
    before = _fetch(query, applied, applied.from_ns, applied.applied_ns)
    after = _fetch(query, applied, applied.applied_ns, until_ns)
    measured = _figures(after, seed)
    alike = None
    if len(before.duration_ms) and measured.requests >= MIN_REQUESTS:
        own = [applied.subject, *subjects]
        alike = like_for_like(query, applied, subjects=own, until_ns=until_ns, seed=seed)
    return Verified(
        applied=applied,
        before=_figures(before, seed),
        after=measured,
        input_tokens_saved=_saved(before.input_tokens, after.input_tokens, seed),
        output_tokens_saved=_saved(before.output_tokens, after.output_tokens, seed),
        outcome=_outcome(applied, measured, alike),
        like_for_like=alike,
    )


def verify_all(query: Query, applied: Sequence[Applied], *, seed: int = SEED) -> list[Verified]:
    """Each of them until the next one of the same service was followed, oldest first."""
    found = []
    for each in applied:
        later = [
            other.applied_ns
            for other in applied
            if other.applied_ns > each.applied_ns and other.service in (None, each.service)
        ]
        subjects = [other.subject for other in applied if other.id in each.together]
        until_ns = min(later, default=None)
        found.append(verify(query, each, until_ns=until_ns, subjects=subjects, seed=seed))
    return found


def count_after(query: Query, applied: Applied) -> int:
    """How many requests started since it was followed."""
    return len(_fetch(query, applied, applied.applied_ns, None).duration_ms)


@dataclass(frozen=True, slots=True)
class _Series:
    """Requests in the order of their starts; tokens None where no call was recorded at all."""

    duration_ms: Floats
    input_tokens: Floats | None
    output_tokens: Floats | None


def _fetch(query: Query, applied: Applied, from_ns: int, to_ns: int | None) -> _Series:
    calls, call_parameters = calls_sql(Scope(service=applied.service, from_ns=from_ns))
    scope = Scope(service=applied.service, from_ns=from_ns, to_ns=to_ns)
    requests, parameters = requests_sql(scope)
    table = query(
        f"""{calls}, request_tokens AS (
            SELECT trace_id, sum(input_tokens)::DOUBLE AS input_tokens,
                   sum(output_tokens)::DOUBLE AS output_tokens
            FROM calls GROUP BY trace_id
        )
        SELECT greatest(r.duration_ns, 0) / 1e6 AS duration_ms, u.input_tokens, u.output_tokens
        FROM ({requests}) r LEFT JOIN request_tokens u USING (trace_id)
        WHERE ? IS NULL OR r.name = ?
        ORDER BY r.start_ns, r.trace_id
        """,
        [*call_parameters, *parameters, applied.root, applied.root],
    )

    def tokens(name: str) -> Floats | None:
        column = table[name]
        if column.null_count == len(column):
            return None
        return np.asarray(column.fill_null(0.0).to_numpy(), np.float64)

    return _Series(
        duration_ms=np.asarray(table["duration_ms"].to_numpy(), np.float64),
        input_tokens=tokens("input_tokens"),
        output_tokens=tokens("output_tokens"),
    )


def _figures(series: _Series, seed: int) -> Measured:
    count = len(series.duration_ms)
    if count == 0:
        return Measured(0)
    return Measured(
        requests=count,
        p50_ms=quantile_interval(series.duration_ms, 0.5, seed=seed),
        p95_ms=quantile_interval(series.duration_ms, 0.95, seed=seed),
        input_tokens=_mean(series.input_tokens),
        output_tokens=_mean(series.output_tokens),
    )


def _saved(before: Floats | None, after: Floats | None, seed: int) -> Estimate | None:
    """How much lower the mean is in `after`: two independent series, drawn in blocks of time."""
    if before is None or after is None or not len(before) or not len(after):
        return None
    rng = np.random.default_rng(seed)
    first, second = (
        np.array([each[rows].mean() for rows in block_draws(len(each), rng=rng, block=length)])
        for each in (before, after)
        for length in (block_length(each),)
    )
    return Estimate(float(before.mean() - after.mean()), interval_of(first - second))


def _outcome(applied: Applied, after: Measured, alike: LikeForLike | None) -> Outcome:
    low, high = applied.p50_low_ms, applied.p50_high_ms
    if low is None or high is None:
        return "not predicted"
    if after.p50_ms is None or after.requests < MIN_REQUESTS:
        return "not enough requests yet"
    if low <= after.p50_ms.value <= high:
        return "as predicted"
    judged_ms = after.p50_ms.value if alike is None else alike.p50_ms.value
    if low <= judged_ms <= high:
        return "as predicted but for other stages"
    return "less than predicted" if judged_ms > high else "more than predicted"


def _mean(values: Floats | None) -> float | None:
    return None if values is None else float(values.mean())


def _predicted(value: float | None, low: float | None, high: float | None) -> dict[str, object]:
    return {"after_ms": value, "ci95_ms": None if low is None else [low, high]}


def _measured(each: Measured) -> dict[str, object]:
    return {
        "requests": each.requests,
        "p50_ms": _estimate(each.p50_ms),
        "p95_ms": _estimate(each.p95_ms),
        "input_tokens": each.input_tokens,
        "output_tokens": each.output_tokens,
    }


def _like_for_like(each: LikeForLike | None) -> dict[str, object] | None:
    if each is None:
        return None
    drifts = [{"stage": drift.stage, "more_ms": drift.ms} for drift in each.drifts]
    return {
        "p50_ms": _estimate(each.p50_ms),
        "p95_ms": _estimate(each.p95_ms),
        "drifts": drifts,
    }


def _estimate(each: Estimate | None) -> dict[str, object] | None:
    if each is None:
        return None
    interval = each.interval
    return {"value": each.value, "ci95": None if interval is None else interval.to_json()}
