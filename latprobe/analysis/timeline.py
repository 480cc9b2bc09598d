"""Latency and counts over time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from latprobe.analysis.log_bins import quantile_ms
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.stage_detail import HistogramBin, SlowSpan, StageDetail, stage_detail
from latprobe.store.query import Query

__all__ = [
    "HistogramBin",
    "SlowSpan",
    "StageDetail",
    "TimelinePoint",
    "stage_detail",
    "stage_timeline",
]

MINUTE_NS = 60 * 10**9
# Longer windows are read from the rollups, to whole minutes, with percentiles good to 4.4 %.
RAW_WINDOW_NS = 30 * MINUTE_NS


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """One bucket from `time_ns` on. Percentiles are None where the bucket is empty."""

    time_ns: int
    count: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None


def stage_timeline(
    query: Query, scope: Scope = EVERYTHING, *, buckets: int = 120, spans_per_bucket: int = 0
) -> list[TimelinePoint]:
    """The scope's spans over its window, oldest first; requests (roots) if it names no stage.

    Buckets are equal, at most `buckets`, empty ones included; [] if nothing is in the scope. With
    `spans_per_bucket` there are fewer and wider ones where a short window holds few spans. A
    window over 30 minutes is read from the rollups in whole minutes unless the scope asks for
    what they do not know.
    """
    window = _window(query, scope)
    if window is None:
        return []
    first, last = window
    if last - first > RAW_WINDOW_NS and scope.is_of_whole_runs:
        first = first // MINUTE_NS * MINUTE_NS
        width = -(-(last - first) // (buckets * MINUTE_NS)) * MINUTE_NS
        table = _fetch_rolled_up(query, scope, first=first, last=last, width=width)
        found = _from_bins(table)
    else:
        if spans_per_bucket:
            spans = _count(query, scope, first=first, last=last)
            buckets = min(buckets, max(spans // spans_per_bucket, 1))
        width = max(1, -(-(last - first) // buckets))
        found = _fetch_raw(query, scope, first=first, last=last, width=width)
    count = max(1, -(-(last - first) // width))
    empty = (0, 0, None, None)
    return [TimelinePoint(first + i * width, *found.get(i, empty)) for i in range(count)]


_Figures = tuple[int, int, float | None, float | None]


def _window(query: Query, scope: Scope) -> tuple[int, int] | None:
    if scope.from_ns is not None and scope.to_ns is not None:
        return (scope.from_ns, scope.to_ns) if scope.to_ns > scope.from_ns else None
    where, parameters = scope.where()
    row = query(
        f"SELECT min(s.start_ns) AS first, max(s.start_ns) AS last FROM spans s WHERE {where}",
        parameters,
    ).to_pylist()[0]
    if row["first"] is None:
        return None
    first = row["first"] if scope.from_ns is None else scope.from_ns
    last = row["last"] + 1 if scope.to_ns is None else scope.to_ns
    return first, max(last, first + 1)


def _count(query: Query, scope: Scope, *, first: int, last: int) -> int:
    where, parameters = scope.where()
    roots = "" if scope.stage is not None else "AND s.parent_span_id IS NULL"
    table = query(
        f"SELECT count(*) AS count FROM spans s "
        f"WHERE {where} AND s.start_ns >= ? AND s.start_ns < ? {roots}",
        [*parameters, first, last],
    )
    return int(table["count"][0].as_py())


def _fetch_raw(
    query: Query, scope: Scope, *, first: int, last: int, width: int
) -> dict[int, _Figures]:
    where, parameters = scope.where()
    roots = "" if scope.stage is not None else "AND s.parent_span_id IS NULL"
    rows = query(
        f"""
        SELECT ((s.start_ns::HUGEINT - ?) // ?)::BIGINT AS bucket, count(*) AS count,
               count(*) FILTER (s.status = 'error') AS errors,
               quantile_cont(s.duration_ns, [0.5, 0.95]) AS percentiles
        FROM spans s WHERE {where} AND s.start_ns >= ? AND s.start_ns < ? {roots} GROUP BY 1
        """,
        [first, width, *parameters, first, last],
    ).to_pylist()
    return {
        row["bucket"]: (row["count"], row["errors"], *(p / 1e6 for p in row["percentiles"]))
        for row in rows
    }


def _fetch_rolled_up(query: Query, scope: Scope, *, first: int, last: int, width: int) -> pa.Table:
    kept = replace(scope, from_ns=None, to_ns=None)
    where, parameters = kept.where()
    roots = "" if scope.stage is not None else "AND s.is_root"
    return query(
        f"""
        SELECT ((s.minute_ns::HUGEINT - ?) // ?)::BIGINT AS bucket, s.bin,
               sum(s.count)::BIGINT AS count, sum(s.errors)::BIGINT AS errors
        FROM stage_minutes s WHERE {where} AND s.minute_ns >= ? AND s.minute_ns < ? {roots}
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        [first, width, *parameters, first, last],
    )


def _from_bins(table: pa.Table) -> dict[int, _Figures]:
    bucket, bins, count, errors = (
        table[name].to_numpy() for name in ("bucket", "bin", "count", "errors")
    )
    found: dict[int, _Figures] = {}
    edges = np.append(np.flatnonzero(np.diff(bucket)) + 1, len(bucket))
    start = 0
    for end in edges.tolist() if len(bucket) else ():
        rows = slice(start, end)
        p50, p95 = (quantile_ms(bins[rows], count[rows], q) for q in (0.5, 0.95))
        found[int(bucket[start])] = (int(count[rows].sum()), int(errors[rows].sum()), p50, p95)
        start = end
    return found
