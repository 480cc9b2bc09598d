"""Figures per stage from the rollups: what a screen shows at once, whatever the store holds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

from latprobe.analysis.log_bins import quantile_ms
from latprobe.analysis.percentiles import StageStats
from latprobe.analysis.scope import Scope
from latprobe.store.query import Query

MINUTE_NS = 60 * 10**9


def are_rolled_up(scope: Scope) -> bool:
    """Whether the rollups know the scope: whole minutes of whole runs."""
    edges = (scope.from_ns, scope.to_ns)
    return scope.is_of_whole_runs and all(at is None or at % MINUTE_NS == 0 for at in edges)


def rolled_stage_stats(query: Query, scope: Scope) -> list[StageStats]:
    """`span_stats` from the rollups: percentiles to a bin, counts and sums exact.

    `modality` and `cpu_ms` are None, since the rollups do not have them.
    """
    where, parameters = scope.where()
    table = query(
        f"""
        SELECT s.name, s.bin, sum(s.count)::BIGINT AS count, sum(s.errors)::BIGINT AS errors,
               sum(s.duration_ns)::DOUBLE AS duration_ns
        FROM stage_minutes s WHERE {where.replace("s.start_ns", "s.minute_ns")}
        GROUP BY s.name, s.bin ORDER BY s.name, s.bin
        """,
        parameters,
    )
    if table.num_rows == 0:
        return []
    names = np.asarray(table["name"].to_pylist(), dtype=object)
    edges = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    found = [_stats(table.slice(a, b - a)) for a, b in pairwise(edges)]
    return sorted(found, key=lambda stats: (-stats.total_ms, stats.name))


def _stats(rows: pa.Table) -> StageStats:
    bins, counts = (rows[name].to_numpy().astype(np.int64) for name in ("bin", "count"))
    p50, p95, p99 = (quantile_ms(bins, counts, q) for q in (0.5, 0.95, 0.99))
    return StageStats(
        name=str(rows["name"][0].as_py()),
        modality=None,
        count=int(counts.sum()),
        errors=int(rows["errors"].to_numpy().sum()),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        total_ms=float(rows["duration_ns"].to_numpy().sum()) / 1e6,
        cpu_ms=None,
    )
