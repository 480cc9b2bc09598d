"""The report: which stages make the requests slow."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np

from latprobe.analysis.active_time import throughput_per_s
from latprobe.analysis.coverage import Observer, observe
from latprobe.analysis.gpu.stages import GpuStage, gpu_report
from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.percentiles import StageStats
from latprobe.analysis.request_paths import RequestPaths, StagePath, walk_requests
from latprobe.analysis.requests import (
    Requests,
    count_bare,
    count_unfinished,
    even_sample,
    fetch_requests,
)
from latprobe.analysis.roots import roots_sql
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.stage_tokens import stage_stats
from latprobe.analysis.tokens import COUNTED_USAGE
from latprobe.analysis.verdict import limit_of
from latprobe.analysis.whatif.gains import StageGain, gains
from latprobe.store.query import Query

# The end of a span, whatever was recorded as its times, without overflow.
_END = "least(s.start_ns, 1::BIGINT << 62) + least(greatest(s.duration_ns, 0), 1::BIGINT << 61)"


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage. `critical_share` (0..1) is its share of all requests' critical-path time.

    `critical_share_p95` is the same over the slowest 5 % of the requests. `self_ms_per_trace` and
    both shares come from the sampled requests, all other figures from every span. `cpu_ms` sums
    the spans it was measured on. Tokens and cost count each model call once, at the innermost
    stage that knows them; `tokens_estimated` where some were not reported. `gpu_sm_active_pct` and
    `verdict` (None: not certain) come from `latprobe.analysis.gpu` where a GPU was read; else the
    verdict is `limit_of` the stage without one.
    """

    name: str
    modality: str | None
    count: int
    errors: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    total_ms: float
    self_ms_per_trace: float
    critical_share: float
    critical_share_p95: float
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    cpu_ms: float | None
    gpu_sm_active_pct: float | None
    verdict: str | None
    tokens_estimated: bool = False


@dataclass(frozen=True, slots=True)
class RequestStats:
    """All requests in the scope; an error is a request whose root failed.

    `throughput_per_s` is over the time of the runs, the time between them left out (see
    `latprobe.analysis.active_time`); None if that is no time. Tokens count
    each model call once (see `latprobe.analysis.tokens`).
    """

    count: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    throughput_per_s: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Stages ranked by their share of the critical path, over `sampled_traces` requests.

    `unfinished` traces have no ended root yet; they count for their stages and not as requests.
    `bare_calls` of the requests are only a client's call outside every stage (see `count_bare`).
    `gains`: what requests would gain from each stage, the most first; empty for few requests, and
    where what-if would refuse to predict: then `gains_refused` says why.
    """

    traces: int
    spans: int
    window_from_ns: int
    window_to_ns: int
    stages: tuple[StageRow, ...]
    requests: RequestStats
    observer: Observer
    sampled_traces: int
    unfinished: int = 0
    bare_calls: int = 0
    gains: tuple[StageGain, ...] = ()
    gains_refused: str | None = None

    def to_json(self) -> dict[str, object]:
        """The documented keys of `latprobe report --json`; the window is ISO 8601 in UTC."""
        return {
            "traces": self.traces,
            "spans": self.spans,
            "window": {"from": _iso(self.window_from_ns), "to": _iso(self.window_to_ns)},
            "stages": [asdict(stage) for stage in self.stages],
            "requests": asdict(self.requests),
            "observer": asdict(self.observer),
            "sampled_traces": self.sampled_traces,
            "unfinished": self.unfinished,
            "bare_calls": self.bare_calls,
            "gains": [gain.to_json() for gain in self.gains],
            "gains_refused": self.gains_refused,
        }


def build_report(
    query: Query, scope: Scope = EVERYTHING, *, max_traces: int | None = None
) -> Report:
    """The report over everything in the scope.

    `max_traces` bounds the requests whose critical path is computed, evenly over time; None means
    as many as have about 200,000 spans together. Counts and percentiles are exact either way.
    A scope that names a stage or a model keeps the whole requests that touch it and reports the
    spans that match. Raises NoDataError when nothing is in the scope.
    """
    stats = stage_stats(query, scope)
    if not stats:
        raise nothing_found(query, scope)
    window_from, window_to = _window(query, scope)
    requests = fetch_requests(query, scope)
    sampled = even_sample(requests, max_traces)
    paths = walk_requests(query, sampled)
    coverage = paths.explained_ns / paths.wall_ns if paths.wall_ns else None
    wall_ns = int(requests.duration_ns.sum())
    gpu = gpu_report(query, scope, paths=paths).by_name()
    rows = [stage_row(each, paths, gpu.get(each.name)) for each in stats]
    found = gains(query, requests)
    rows.sort(key=lambda row: (-row.critical_share, -row.total_ms, row.name))
    return Report(
        traces=len(requests),
        spans=sum(each.count for each in stats),
        window_from_ns=window_from,
        window_to_ns=window_to,
        stages=tuple(rows),
        requests=_request_stats(query, scope, requests),
        observer=observe(query, scope, coverage=coverage, wall_ns=wall_ns),
        sampled_traces=len(sampled),
        unfinished=count_unfinished(query, scope),
        bare_calls=count_bare(query, scope),
        gains=tuple(found),
        gains_refused=found.refused,
    )


def stage_row(stats: StageStats, paths: RequestPaths, gpu: GpuStage | None = None) -> StageRow:
    """A stage's figures beside its part of the requests' critical paths, and what it does to the
    GPU where one was read."""
    path = paths.stages.get(stats.name, StagePath())
    return StageRow(
        name=stats.name,
        modality=stats.modality,
        count=stats.count,
        errors=stats.errors,
        p50_ms=stats.p50_ms,
        p95_ms=stats.p95_ms,
        p99_ms=stats.p99_ms,
        total_ms=stats.total_ms,
        self_ms_per_trace=path.self_ns / 1e6 / max(paths.traces, 1),
        critical_share=path.critical_ns / max(paths.wall_ns, 1),
        critical_share_p95=path.critical_slow_ns / max(paths.wall_slow_ns, 1),
        input_tokens=stats.input_tokens,
        output_tokens=stats.output_tokens,
        cost_usd=stats.cost_usd,
        cpu_ms=stats.cpu_ms,
        gpu_sm_active_pct=None if gpu is None else gpu.sm_active_pct.value,
        verdict=limit_of(path) if gpu is None else gpu.verdict,
        tokens_estimated=stats.tokens_estimated,
    )


def _request_stats(query: Query, scope: Scope, requests: Requests) -> RequestStats:
    if not len(requests):
        return RequestStats(0, 0, None, None, None, None, None, None, None)
    p50, p95, p99 = (np.quantile(requests.duration_ns, [0.5, 0.95, 0.99]) / 1e6).tolist()
    ends = requests.start_ns + requests.duration_ns
    wanted, parameters = roots_sql(scope)
    if scope == EVERYTHING:
        wanted = "SELECT trace_id FROM usage"
    tokens = query(
        f"""WITH RECURSIVE wanted AS (SELECT DISTINCT trace_id FROM ({wanted})), {COUNTED_USAGE}
        SELECT sum(input_tokens)::BIGINT AS input_tokens,
               sum(output_tokens)::BIGINT AS output_tokens,
               sum(cost_usd) AS cost_usd FROM counted_usage""",
        parameters,
    ).to_pylist()[0]
    return RequestStats(
        count=len(requests),
        errors=int(requests.is_error.sum()),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        throughput_per_s=throughput_per_s(requests.start_ns, ends, requests.run),
        **tokens,
    )


def _window(query: Query, scope: Scope) -> tuple[int, int]:
    where, parameters = scope.where()
    row = query(
        f"SELECT min(s.start_ns) AS first, max({_END}) AS last FROM spans s WHERE {where}",
        parameters,
    ).to_pylist()[0]
    first = row["first"] if scope.from_ns is None else scope.from_ns
    last = row["last"] if scope.to_ns is None else scope.to_ns
    return first, last


def _iso(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9 // 1000:06d}Z"
