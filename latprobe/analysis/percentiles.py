"""Counts, percentiles and sums per stage, exact over the raw rows."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.analysis.scope import Scope
from latprobe.store.query import Query

# What StageStats is made of, in its order, over the alias `s` of `spans`.
_STATS = """
    s.name,
    any_value(s.modality) AS modality,
    count(*) AS count,
    count(*) FILTER (s.status = 'error') AS errors,
    quantile_cont(s.duration_ns, [0.5, 0.95, 0.99]) AS percentiles,
    sum(s.duration_ns)::DOUBLE / 1e6 AS total_ms,
    sum(s.cpu_ns)::DOUBLE / 1e6 AS cpu_ms
"""


@dataclass(frozen=True, slots=True)
class StageStats:
    """One stage's spans: times in ms; `cpu_ms` sums the spans that have it, else None.

    Tokens and cost are of the model calls that count (`latprobe.analysis.stage_tokens`).
    """

    name: str
    modality: str | None
    count: int
    errors: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    total_ms: float
    cpu_ms: float | None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    tokens_estimated: bool = False


def span_stats(query: Query, scope: Scope) -> list[StageStats]:
    """One row a stage in the scope, the largest total first, without tokens."""
    where, parameters = scope.where()
    table = query(
        f"SELECT {_STATS} FROM spans s WHERE {where} GROUP BY s.name "
        "ORDER BY total_ms DESC, s.name",
        parameters,
    )
    return [_from_row(row) for row in table.to_pylist()]


def _from_row(row: dict[str, object]) -> StageStats:
    percentiles = row.pop("percentiles")
    assert isinstance(percentiles, list)
    p50, p95, p99 = (value / 1e6 for value in percentiles)
    return StageStats(**row, p50_ms=p50, p95_ms=p95, p99_ms=p99)  # type: ignore[arg-type]  # a row of _STATS
