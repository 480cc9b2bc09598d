"""Requests over time, from roots that are at hand already."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.root_table import RootTable
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints
from latprobe.analysis.timeline import MINUTE_NS, RAW_WINDOW_NS, TimelinePoint


def request_timeline(
    roots: RootTable, scope: Scope, *, buckets: int = 120, requests_per_bucket: int = 0
) -> list[TimelinePoint]:
    """What `stage_timeline` says of requests, with exact percentiles in long windows too."""
    rows = roots.rows(scope)
    start = roots.start_ns[rows]
    if not len(rows):
        return []
    first = int(start[0]) if scope.from_ns is None else scope.from_ns
    last = int(start[-1]) + 1 if scope.to_ns is None else scope.to_ns
    if last - first > RAW_WINDOW_NS:
        first = first // MINUTE_NS * MINUTE_NS
        width = -(-(last - first) // (buckets * MINUTE_NS)) * MINUTE_NS
    else:
        if requests_per_bucket:
            buckets = min(buckets, max(len(rows) // requests_per_bucket, 1))
        width = max(1, -(-(last - first) // buckets))
    times = np.arange(first, max(last, first + 1), width)
    bucket = (start - first) // width
    counts = np.bincount(bucket, minlength=len(times))
    errors = np.bincount(bucket[roots.is_error[rows]], minlength=len(times))
    sorted_ns = _sorted_within(roots.duration_ns[rows], counts)
    p50, p95 = (_quantiles_ms(sorted_ns, counts, q) for q in (0.5, 0.95))
    columns = (times.tolist(), counts.tolist(), errors.tolist(), p50, p95)
    return [TimelinePoint(*figures) for figures in zip(*columns, strict=True)]


def _sorted_within(values: Ints, counts: Ints) -> Ints:
    """The values, those of each bucket in order; roots are by start, and so by bucket. A sort by
    bucket and value took ten times as long."""
    for part in np.split(values, np.cumsum(counts)[:-1]):  # views: `values` is a copy already
        part.sort()
    return values


def _quantiles_ms(sorted_ns: Ints, counts: Ints, q: float) -> list[float | None]:
    """The quantile of each bucket, interpolated as numpy does; None where it is empty."""
    rank = np.cumsum(counts) - counts + q * np.maximum(counts - 1, 0)
    below = np.minimum(rank.astype(np.int64), len(sorted_ns) - 1)
    above = np.minimum(below + 1, len(sorted_ns) - 1)
    part = rank - below
    values = (sorted_ns[below] * (1 - part) + sorted_ns[above] * part) / 1e6
    return [
        value if count else None
        for value, count in zip(values.tolist(), counts.tolist(), strict=True)
    ]
