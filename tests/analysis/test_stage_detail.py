from __future__ import annotations

from dataclasses import replace

import pytest

from latprobe.analysis.percentiles import StageStats
from latprobe.analysis.scope import Scope
from latprobe.analysis.stage_detail import stage_detail
from latprobe.errors import NoDataError, UsageError
from tests.analysis.seeding import MemoryStore, seed, trace_hex

LLM = Scope(stage="llm")


def filled() -> MemoryStore:
    store = MemoryStore()
    store.add_spans(
        [
            seed(1, None, "llm", 0, 1, 1, attributes='{"a": 1, "b": 2}'),
            seed(1, None, "llm", 0, 2, 2, attributes='{"b": 2}'),
            seed(1, None, "llm", 0, 8, 3, status="error", model="m"),
            seed(1, None, "llm", 0, 0, 4),
            seed(2, 1, "other", 0, 50, 4, attributes='{"c": 1}'),
        ]
    )
    store.add_usage(1, 1, cost_usd=0.5)
    store.add_usage(2, 1, input_tokens=3, input_origin="estimated")
    store.add_usage(4, 2, input_tokens=5, stage="other")
    return store


def test_the_detail_has_the_stages_figures() -> None:
    stats = stage_detail(filled(), LLM).stats
    rounded = replace(stats, p95_ms=round(stats.p95_ms, 6), p99_ms=round(stats.p99_ms, 6))
    assert rounded == StageStats(
        name="llm",
        modality=None,
        count=4,
        errors=1,
        p50_ms=1.5,
        p95_ms=7.1,
        p99_ms=7.82,
        total_ms=11.0,
        input_tokens=3,
        output_tokens=None,
        cost_usd=0.5,
        tokens_estimated=True,
        cpu_ms=None,
    )


def test_the_histogram_holds_every_span_in_the_bin_of_its_duration() -> None:
    bins = stage_detail(filled(), LLM).histogram
    assert sum(b.count for b in bins) == 4
    assert (bins[0].from_ms, bins[0].to_ms, bins[0].count) == (0.0, 0.0, 1)
    for duration in (1.0, 2.0, 8.0):
        assert [b.count for b in bins if b.from_ms <= duration < b.to_ms] == [1]
    logs = bins[1:]
    assert [b.to_ms for b in logs[:-1]] == [b.from_ms for b in logs[1:]]


def test_the_slowest_spans_come_first_with_their_traces() -> None:
    slow = stage_detail(filled(), LLM, slowest=2).slowest
    assert [(s.trace_id, s.span_id, s.duration_ms, s.status, s.model) for s in slow] == [
        (trace_hex(3), "0" * 15 + "1", 8.0, "error", "m"),
        (trace_hex(2), "0" * 15 + "1", 2.0, "unset", None),
    ]


def test_the_attributes_seen_are_named_the_commonest_first() -> None:
    assert stage_detail(filled(), LLM).attributes == ("b", "a")


def test_a_stage_must_be_named_and_recorded() -> None:
    with pytest.raises(UsageError, match="No stage"):
        stage_detail(filled(), Scope())
    with pytest.raises(NoDataError, match="'nope'"):
        stage_detail(filled(), Scope(stage="nope"))
