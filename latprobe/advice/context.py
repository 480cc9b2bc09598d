"""What the rules look at: the recorded requests, each fact read once and only if a rule asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from latprobe.advice.call_texts import CallText, fetch_call_texts
from latprobe.advice.outputs.template_calls import TemplateCalls, fetch_template_calls
from latprobe.analysis.cache import CacheReport, cache_report
from latprobe.analysis.counted_calls import calls_sql
from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.gpu.stages import GpuReport, gpu_report
from latprobe.analysis.load import LoadReport, load_report
from latprobe.analysis.percentiles import StageStats
from latprobe.analysis.request_paths import RequestPaths, StagePath, walk_requests
from latprobe.analysis.requests import Requests, even_sample, fetch_requests
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.self_time import self_ns
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.stage_tokens import stage_stats
from latprobe.analysis.transport import ROLE
from latprobe.analysis.tree import Tree, build_tree
from latprobe.analysis.whatif import Change, Prediction, predict
from latprobe.store.query import Query

# Rules that look at single spans see an even sample of so many requests, and fewer where requests
# are large (`latprobe.analysis.requests.even_sample` bounds the spans).
SAMPLED_REQUESTS = 2_000
NEWEST_CALLS = 10_000

# Fewer requests than this are no ground for any advice.
MIN_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class StageFacts:
    """A stage over all its spans, beside its part of the sampled requests' critical paths.

    `per_request` counts its spans in a request; shares are 0..1 of all requests' latency, `_p95`
    of the slowest 5 %, `given_` of what counts for the calls that its spans carry (HTTP requests
    below a model's call).
    """

    stats: StageStats
    path: StagePath
    per_request: float
    critical_share: float
    critical_share_p95: float
    given_share: float

    @property
    def critical_ms(self) -> float:
        """Its part of a request's latency, on average, is `critical_share` of that."""
        return self.path.critical_ns / 1e6


@dataclass(frozen=True, slots=True)
class SampledSpans:
    """All spans of the sampled requests; `table` has a row each in the order of `spans.row`.

    `table` columns: trace (place in the sample), span_id, parent_span_id, start_ns, duration_ns,
    name, kind, modality, operation, status, error_type, cpu_ns, pid, thread, run_id, remote_parent,
    model, ttft_ns, input_tokens, output_tokens, attributes (JSON text). `own_ns` and
    `critical_ns` go with `spans`; the latter is each span's own also where it only carries a call.
    """

    table: pa.Table
    spans: Spans
    tree: Tree
    own_ns: Ints
    critical_ns: Ints

    def column(self, name: str) -> list[object]:
        """The table's column in the order of `spans`."""
        return list(self.table[name].take(pa.array(self.spans.row)).to_pylist())


class Context:
    """The recorded requests of a scope, as rules see them."""

    def __init__(self, query: Query, scope: Scope = EVERYTHING, *, seed: int = 0) -> None:
        self.query = query
        self.scope = scope
        self.seed = seed
        self._predictions: dict[tuple[Change, ...], Prediction] = {}

    @cached_property
    def requests(self) -> Requests:
        """All requests in the scope."""
        return fetch_requests(self.query, self.scope)

    @cached_property
    def sample(self) -> Requests:
        """Evenly chosen requests whose spans are looked at one by one."""
        return even_sample(even_sample(self.requests, None), SAMPLED_REQUESTS)

    @cached_property
    def p50_ms(self) -> float:
        """The requests' median latency."""
        return float(np.quantile(self.requests.duration_ns, 0.5)) / 1e6

    @cached_property
    def p95_ms(self) -> float:
        """The requests' 95th percentile of latency."""
        return float(np.quantile(self.requests.duration_ns, 0.95)) / 1e6

    @cached_property
    def paths(self) -> RequestPaths:
        """Critical paths of the sample, summed."""
        return walk_requests(self.query, self.sample)

    @cached_property
    def stages(self) -> dict[str, StageFacts]:
        """Each stage by name, the greatest share of the critical path first."""
        paths, count = self.paths, max(len(self.requests), 1)
        found = [
            StageFacts(
                stats=stats,
                path=(path := paths.stages.get(stats.name, StagePath())),
                per_request=stats.count / count,
                critical_share=path.critical_ns / max(paths.wall_ns, 1),
                critical_share_p95=path.critical_slow_ns / max(paths.wall_slow_ns, 1),
                given_share=path.given_ns / max(paths.wall_ns, 1),
            )
            for stats in stage_stats(self.query, self.scope)
        ]
        found.sort(key=lambda each: -each.critical_share)
        return {each.stats.name: each for each in found}

    @cached_property
    def sampled(self) -> SampledSpans:
        """The spans of the sampled requests, with their attributes."""
        sample = self.sample
        table = self.query(
            f"""
            WITH ids AS (SELECT string_split(?, ',') AS l),
                 wanted AS (SELECT unnest(l)::UUID AS trace_id,
                                   generate_subscripts(l, 1) - 1 AS trace FROM ids)
            SELECT w.trace, s.span_id, s.parent_span_id, s.start_ns, s.duration_ns, s.name, s.kind,
                   s.modality, s.operation, s.status, s.error_type, s.cpu_ns, s.pid, s.thread,
                   s.run_id, s.remote_parent, s.model, s.ttft_ns, s.input_tokens, s.output_tokens,
                   s.attributes, {ROLE} AS role
            FROM spans s JOIN wanted w USING (trace_id)
            WHERE s.start_ns BETWEEN ? AND ?
            """,
            [",".join(sample.trace_id), int(sample.first_ns.min()), int(sample.last_ns.max())],
        )
        spans = Spans.from_table(table)
        tree = build_tree(spans)
        return SampledSpans(table, spans, tree, self_ns(spans, tree), critical_ns(spans, tree))

    @cached_property
    def calls(self) -> pa.Table:
        """The newest 10,000 model calls that count: the columns of `usage`, and `template`."""
        before, parameters = calls_sql(self.scope)
        return self.query(
            f"{before} SELECT * EXCLUDE (name) FROM calls ORDER BY start_ns DESC "
            f"LIMIT {NEWEST_CALLS}",
            parameters,
        )

    @cached_property
    def texts(self) -> tuple[CallText, ...]:
        """Recorded prompts and outputs, the newest calls of each template."""
        return fetch_call_texts(self.query, self.scope)

    @cached_property
    def templates(self) -> tuple[TemplateCalls, ...]:
        """The calls of each template in each stage with their texts, the most tokens first."""
        return fetch_template_calls(
            self.query, self.scope, texts=self.texts, requests=len(self.requests)
        )

    @cached_property
    def gpu(self) -> GpuReport:
        """What each stage does to the GPU."""
        return gpu_report(self.query, self.scope)

    @cached_property
    def load(self) -> LoadReport:
        """Queues, servers, replicas and batches of each stage."""
        return load_report(self.query, self.scope)

    @cached_property
    def caches(self) -> CacheReport:
        """What caches would have answered."""
        return cache_report(self.query, self.scope)

    @cached_property
    def tokens_per_request(self) -> float | None:
        """Input and output tokens of a request, on average; None where none were recorded."""
        facts = [each.stats for each in self.stages.values()]
        known = [n for each in facts for n in (each.input_tokens, each.output_tokens) if n]
        return sum(known) / max(len(self.requests), 1) if known else None

    @cached_property
    def cost_usd_per_1000(self) -> float | None:
        """The cost of 1,000 requests; None where no call has a price."""
        known = [each.stats.cost_usd for each in self.stages.values() if each.stats.cost_usd]
        return 1000 * sum(known) / max(len(self.requests), 1) if known else None

    def predict(self, *changes: Change) -> Prediction:
        """What the requests would have taken with these changes; asked for once each."""
        if changes not in self._predictions:
            self._predictions[changes] = predict(
                self.query, changes, self.scope, max_traces=SAMPLED_REQUESTS, seed=self.seed
            )
        return self._predictions[changes]

    def calls_per_request(self, stages: Sequence[str]) -> float:
        """How many spans of these stages a request has, on average."""
        return sum(self.stages[name].per_request for name in stages if name in self.stages)
