"""Prints what the analysis of 1 million spans (50,000 requests of 20) costs on one core.

python tests/benchmarks/analysis.py [requests]
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar, get_args

import numpy as np
import pyarrow as pa

from latprobe.analysis.call_table import fetch_calls
from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.overview import build_overview
from latprobe.analysis.report import build_report
from latprobe.analysis.request_paths import walk_requests
from latprobe.analysis.request_timeline import request_timeline
from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.root_table import fetch_roots
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.self_time import self_ns
from latprobe.analysis.spans import Spans
from latprobe.analysis.timeline import stage_detail, stage_timeline
from latprobe.analysis.trace import load_trace
from latprobe.analysis.traces import Order, first_traces, list_traces
from latprobe.analysis.tree import build_tree
from tests.analysis.seeding import EPOCH_NS, MemoryStore, trace_hex

R = TypeVar("R")
SPANS_A_REQUEST = 20
STAGES = 12


def request_spans(requests: int) -> pa.Table:
    """Random trees of 20 spans; children overlap, follow each other and outlive their parents."""
    random = np.random.default_rng(7)
    count = requests * SPANS_A_REQUEST
    trace = np.repeat(np.arange(requests), SPANS_A_REQUEST)
    place = np.tile(np.arange(SPANS_A_REQUEST), requests)
    ids = random.integers(1, 2**63, count).astype(np.uint64)
    parent = random.integers(0, np.maximum(place, 1))
    parent_ids = ids[trace * SPANS_A_REQUEST + parent]
    start = EPOCH_NS + trace * 1_000_000 + np.where(place, random.integers(0, 90_000_000, count), 0)
    duration = np.where(place, random.lognormal(16, 1, count).astype(np.int64), 100_000_000)
    is_call = place % 10 == 9
    return pa.table(
        {
            "trace": trace,
            "span_id": ids,
            "parent_span_id": pa.array(parent_ids, mask=place == 0),
            "start_ns": start,
            "duration_ns": duration,
            "name": np.where(place, np.char.add("stage", (place % STAGES).astype(str)), "request"),
            "cpu_ns": pa.array(duration // 2, mask=place % 2 == 0),
            "input_tokens": pa.array(np.full(count, 100), mask=~is_call),
        }
    )


def filled_store(spans: pa.Table) -> MemoryStore:
    """The spans in a store in memory that computes on one thread."""
    store = MemoryStore()
    store.add_run(span_cost_ns=900.0)
    store.connection.execute("SET threads = 1")
    store.connection.register("incoming", spans)
    store.connection.execute(
        """
        INSERT INTO spans BY NAME
        SELECT format('{:032x}', trace)::UUID AS trace_id, span_id, parent_span_id, 1 AS run_id,
               1 AS ingest_seq, name, 'internal' AS kind, 'unset' AS status, start_ns,
               duration_ns, cpu_ns, 1 AS pid, 'main' AS thread, input_tokens,
               CASE WHEN parent_span_id IS NOT NULL THEN false END AS remote_parent
        FROM incoming ORDER BY start_ns;
        INSERT INTO rollups BY NAME SELECT * FROM stage_minutes;
        UPDATE meta SET value = '1' WHERE key = 'rolled_seq';
        INSERT INTO usage BY NAME
        SELECT trace_id, span_id, run_id, start_ns, name AS stage, input_tokens, 'sdk' AS origin
        FROM spans WHERE input_tokens IS NOT NULL
        """
    )
    return store


def timed(label: str, work: Callable[[], R]) -> R:
    """The work's result; prints the wall time and the peak memory so far."""
    before = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{label:52} {seconds * 1000:9.0f} ms   peak {peak} MiB")
    return result


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    table = request_spans(requests)
    print(f"{table.num_rows} spans, {requests} requests, one core")
    spans = timed("columns from Arrow", lambda: Spans.from_table(table))
    tree = timed("tree", lambda: build_tree(spans))
    timed("self time", lambda: self_ns(spans, tree))
    critical = timed("critical path", lambda: critical_ns(spans, tree))
    assert (np.add.reduceat(critical, spans.offsets()) == 100_000_000).all()
    store = timed("(filling the store)", lambda: filled_store(table))
    found = timed("requests fetched", lambda: fetch_requests(store, EVERYTHING))
    timed("all spans fetched and walked, in batches", lambda: walk_requests(store, found))
    timed("report, every trace", lambda: build_report(store, max_traces=requests))
    timed("report, default sample", lambda: build_report(store))
    window = Scope(from_ns=int(found.start_ns[requests // 2]))
    timed("report, second half of the time", lambda: build_report(store, window))
    roots = timed("roots of all requests", lambda: fetch_roots(store))
    calls = timed("calls that count", lambda: fetch_calls(store))
    timed("overview, all time", lambda: build_overview(store, roots, calls, EVERYTHING))
    timed("overview, second half of the time", lambda: build_overview(store, roots, calls, window))
    timed(
        "20 slowest, roots at hand",
        lambda: first_traces(store, roots, EVERYTHING, order="slowest", limit=20),
    )
    timed("timeline, roots at hand", lambda: request_timeline(roots, EVERYTHING))
    for order in get_args(Order):
        timed(f"traces, {order}", partial(list_traces, store, order=order))
    timed("one trace", lambda: load_trace(store, trace_hex(requests // 2)))
    timed("timeline, all requests", lambda: stage_timeline(store))
    timed("stage detail", lambda: stage_detail(store, Scope(stage="stage3")))


if __name__ == "__main__":
    main()
