"""The report's figures while somebody waits for them: the same questions at a fixed cost.

What differs from `build_report`: percentiles of many spans come from the rollups, to within a bin
of 4.4 %; critical path, self time and verdicts come from a few hundred requests; tokens belong to
the calls that started in the window. Counts, errors, sums and the requests' percentiles are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from latprobe.analysis.active_time import throughput_per_s
from latprobe.analysis.call_table import CallTable
from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.percentiles import StageStats, span_stats
from latprobe.analysis.report import RequestStats, StageRow, stage_row
from latprobe.analysis.request_paths import RequestPaths, add_batch
from latprobe.analysis.request_sample import SLOW_QUANTILE, sample_requests
from latprobe.analysis.rolled_stages import are_rolled_up, rolled_stage_stats
from latprobe.analysis.root_table import RootTable
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints
from latprobe.analysis.stage_tokens import with_tokens
from latprobe.store.query import Query

# Requests whose critical path is computed, and half as many of the slowest 5 %; fewer where they
# have more spans than can be read while somebody waits.
SAMPLED_TRACES = 400
SAMPLED_SPANS = 16_000
MIN_TRACES = 20
# Up to so many spans exact percentiles cost no more than those from the rollups.
EXACT_SPANS = 150_000
# In more spans than this, any trace takes a tenth of a second of CPU to be found.
FOUND_SPANS = 2_000_000


@dataclass(frozen=True, slots=True)
class Overview:
    """Stages ranked by critical share, and the requests they serve.

    `sampled_traces` requests gave the critical shares. `is_exact` says that no percentile is from
    bins. `coverage` is as in `Observer`; `wall_ns` sums the durations of all requests.
    `cost_origins` is as in `CallTable`.
    """

    spans: int
    stages: tuple[StageRow, ...]
    requests: RequestStats
    sampled_traces: int
    is_exact: bool
    coverage: float | None
    wall_ns: int
    cost_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Headline:
    """The figures of the requests in a scope, as in its `Overview`."""

    spans: int
    requests: RequestStats
    cost_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageFigures:
    """Counts, percentiles and total times of the stages, without tokens; `is_exact`: none of the
    percentiles is binned."""

    stats: tuple[StageStats, ...]
    is_exact: bool


def stage_figures(query: Query, scope: Scope) -> StageFigures:
    """Exact figures of few spans; of many those from the rollups, without modality."""
    if are_rolled_up(scope) and _count(query, scope) > EXACT_SPANS:
        return StageFigures(tuple(rolled_stage_stats(query, scope)), is_exact=False)
    return StageFigures(tuple(span_stats(query, scope)), is_exact=True)


def build_headline(
    query: Query, roots: RootTable, calls: CallTable, scope: Scope, *, spans: int | None = None
) -> Headline:
    """The headline of a scope without stage and model; raises NoDataError when it is empty.

    `spans`: how many are in the scope, for callers that have counted them.
    """
    spans = _count(query, scope) if spans is None else spans
    if not spans:
        raise nothing_found(query, scope)
    inside = calls.within(scope, roots)
    return Headline(
        spans=spans,
        requests=_request_stats(roots, inside, roots.rows(scope)),
        cost_origins=inside.cost_origins(),
    )


def build_overview(
    query: Query,
    roots: RootTable,
    calls: CallTable,
    scope: Scope,
    *,
    headline: Headline | None = None,
    figures: Callable[[], StageFigures] | None = None,
) -> Overview:
    """The overview of a scope without stage and model; raises NoDataError when it is empty.

    `headline` is what `build_headline` found, `figures` gives what `stage_figures` does: for
    callers that have them, or have begun to ask.
    """
    head = build_headline(query, roots, calls, scope) if headline is None else headline
    rows = roots.rows(scope)
    paths, modalities = _walk(query, roots, rows, spans=head.spans)
    found = figures() if figures is not None else stage_figures(query, scope)
    stats = found.stats if found.is_exact else _with_modality(query, found.stats, modalities)
    tokens = calls.by_stage(scope, roots)
    ranked = [stage_row(each, paths) for each in with_tokens(stats, tokens)]
    ranked.sort(key=lambda row: (-row.critical_share, -row.total_ms, row.name))
    return Overview(
        spans=sum(each.count for each in stats),
        stages=tuple(ranked),
        requests=head.requests,
        sampled_traces=paths.traces,
        is_exact=found.is_exact,
        coverage=paths.explained_ns / paths.wall_ns if paths.wall_ns else None,
        wall_ns=int(roots.duration_ns[rows].sum()),
        cost_origins=head.cost_origins,
    )


def _count(query: Query, scope: Scope) -> int:
    where, parameters = scope.where()
    table = query(f"SELECT count(*) AS count FROM spans s WHERE {where}", parameters)
    return int(table["count"][0].as_py())


def _walk(
    query: Query, roots: RootTable, rows: Ints, *, spans: int
) -> tuple[RequestPaths, dict[str, str | None]]:
    """What the sampled requests add up to, and the modality of each stage in them."""
    if not len(rows):
        return RequestPaths(), {}
    wanted = max(min(SAMPLED_TRACES, SAMPLED_SPANS * len(rows) // max(spans, 1)), MIN_TRACES)
    found = sample_requests(query, roots, rows, wanted=wanted, are_drawn=spans > FOUND_SPANS)
    paths = RequestPaths(traces=len(found))
    add_batch(paths, found.spans, found.weight, found.is_slow)
    return paths, _modalities(found.spans)


def _modalities(spans: pa.Table) -> dict[str, str | None]:
    """The modality of each stage in the table; None where no span of it has one."""
    found = spans.group_by("name").aggregate([("modality", "min")])
    names, modalities = found["name"].to_pylist(), found["modality_min"].to_pylist()
    return dict(zip(names, modalities, strict=True))


def _with_modality(
    query: Query, stats: Sequence[StageStats], known: dict[str, str | None]
) -> list[StageStats]:
    missing = [each.name for each in stats if each.name not in known]
    if missing:
        marks = ", ".join("?" for _ in missing)
        rows = query(
            "SELECT s.name, any_value(s.modality) AS modality FROM spans s "
            f"WHERE s.name IN ({marks}) GROUP BY s.name",
            missing,
        ).to_pylist()
        known = known | {row["name"]: row["modality"] for row in rows}
    return [replace(each, modality=known.get(each.name)) for each in stats]


def _request_stats(roots: RootTable, calls: CallTable, rows: Ints) -> RequestStats:
    if not len(rows):
        return RequestStats(0, 0, None, None, None, None, None, None, None)
    start, duration = roots.start_ns[rows], roots.duration_ns[rows]
    p50, p95, p99 = (np.quantile(duration, [0.5, SLOW_QUANTILE, 0.99]) / 1e6).tolist()
    return RequestStats(
        count=len(rows),
        errors=int(roots.is_error[rows].sum()),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        throughput_per_s=throughput_per_s(start, start + duration, roots.run_id[rows]),
        **calls.sums(),
    )
