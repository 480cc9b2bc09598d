"""One stage in detail: its distribution, its slowest spans, what was recorded on it."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.percentiles import StageStats
from latprobe.analysis.scope import Scope
from latprobe.analysis.stage_tokens import stage_stats
from latprobe.errors import UsageError
from latprobe.store.query import Query

# Histogram bins an octave: 19 % wide each.
_BINS = 4
_ATTRIBUTE_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class HistogramBin:
    """Spans with `from_ms <= duration < to_ms`; the first bin of all may be 0..0 (no duration)."""

    from_ms: float
    to_ms: float
    count: int


@dataclass(frozen=True, slots=True)
class SlowSpan:
    """One of the stage's slowest spans, and the trace to look at."""

    trace_id: str
    span_id: str
    start_ns: int
    duration_ms: float
    status: str
    model: str | None
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True, slots=True)
class StageDetail:
    """`attributes` are the attribute names on its latest 10,000 spans, the commonest first."""

    stats: StageStats
    histogram: tuple[HistogramBin, ...]
    slowest: tuple[SlowSpan, ...]
    attributes: tuple[str, ...]


def stage_detail(
    query: Query, scope: Scope, *, slowest: int = 20, stats: StageStats | None = None
) -> StageDetail:
    """The detail of `scope.stage`. NoDataError if the scope has no such span.

    `stats` are its figures where they are at hand; to look them up takes seconds for millions of
    spans.
    """
    if scope.stage is None:
        raise UsageError("No stage is named. Name one; `latprobe report` lists them.")
    known = stage_stats(query, scope) if stats is None else [stats]
    if not known:
        raise nothing_found(query, scope)
    return StageDetail(
        stats=known[0],
        histogram=_histogram(query, scope),
        slowest=_slowest(query, scope, slowest),
        attributes=_attributes(query, scope),
    )


def _histogram(query: Query, scope: Scope) -> tuple[HistogramBin, ...]:
    """Logarithmic bins from the shortest to the longest span, empty ones included."""
    where, parameters = scope.where()
    rows = query(
        f"""
        SELECT CASE WHEN s.duration_ns > 0 THEN floor({_BINS} * log2(s.duration_ns))::INTEGER
               END AS bin, count(*) AS count
        FROM spans s WHERE {where} GROUP BY 1
        """,
        parameters,
    ).to_pylist()
    counts = {row["bin"]: row["count"] for row in rows}
    zero = counts.pop(None, 0)
    bins = [HistogramBin(0.0, 0.0, zero)] if zero else []
    for at in range(min(counts), max(counts) + 1) if counts else ():
        low, high = (2 ** (edge / _BINS) / 1e6 for edge in (at, at + 1))
        bins.append(HistogramBin(low, high, counts.get(at, 0)))
    return tuple(bins)


def _slowest(query: Query, scope: Scope, limit: int) -> tuple[SlowSpan, ...]:
    where, parameters = scope.where()
    rows = query(
        f"""
        SELECT replace(s.trace_id::VARCHAR, '-', '') AS trace_id,
               format('{{:016x}}', s.span_id) AS span_id, s.start_ns,
               s.duration_ns / 1e6 AS duration_ms, s.status, s.model,
               s.input_tokens, s.output_tokens
        FROM spans s WHERE {where} ORDER BY s.duration_ns DESC, s.start_ns LIMIT {int(limit)}
        """,
        parameters,
    ).to_pylist()
    return tuple(SlowSpan(**row) for row in rows)


def _attributes(query: Query, scope: Scope) -> tuple[str, ...]:
    where, parameters = scope.where()
    found = query(
        f"""
        SELECT key FROM (
            SELECT unnest(json_keys(latest.attributes)) AS key FROM (
                SELECT s.attributes FROM spans s
                WHERE {where} AND s.attributes IS NOT NULL
                ORDER BY s.start_ns DESC LIMIT {_ATTRIBUTE_ROWS}) latest
        ) GROUP BY key ORDER BY count(*) DESC, key
        """,
        parameters,
    )
    return tuple(found["key"].to_pylist())
