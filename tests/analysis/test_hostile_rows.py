from __future__ import annotations

import pytest

from latprobe.analysis.report import build_report
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.stage_detail import stage_detail
from latprobe.analysis.timeline import stage_timeline
from latprobe.analysis.trace import load_trace
from latprobe.analysis.traces import list_traces
from tests.analysis.seeding import MemoryStore, seed, trace_hex

LARGEST = 2**63 - 1


@pytest.fixture
def store() -> MemoryStore:
    """Times as far apart as 64 bits allow, negative durations and tokens."""
    store = MemoryStore()
    extremes = (-LARGEST, -1, 0, 1, LARGEST)
    trace = 0
    for start in extremes:
        for duration in extremes:
            trace += 1
            store.add_spans(
                [
                    seed(1, None, "root", 0, 0, trace, start_ns=start, duration_ns=duration),
                    seed(2, 1, "child", 0, 0, trace, start_ns=duration, duration_ns=start),
                ]
            )
            store.add_usage(trace, 1, input_tokens=-5)
    return store


def test_a_report_of_impossible_times_still_counts_what_there_is(store: MemoryStore) -> None:
    report = build_report(store)
    assert (report.traces, report.spans, report.requests.input_tokens) == (25, 50, -125)
    assert report.to_json()["traces"] == 25


def test_impossible_times_can_be_listed_drawn_and_looked_at(store: MemoryStore) -> None:
    assert len(list_traces(store, EVERYTHING, order="slowest")) == 25
    assert {len(load_trace(store, trace_hex(t)).spans) for t in range(1, 26)} == {2}
    assert sum(p.count for p in stage_timeline(store)) == 25
    assert sum(p.count for p in stage_timeline(store, Scope(stage="child"), buckets=7)) == 25
    assert sum(b.count for b in stage_detail(store, Scope(stage="child")).histogram) == 25
