from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latprobe.analysis.report import build_report
from latprobe.analysis.scope import Scope
from latprobe.errors import NoDataError
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, Seed, seed


def request(trace: int, start: float, *, llm_ms: float = 60, **more: Any) -> list[Seed]:
    """root [0, 20 + llm + 20]: retrieve 20, llm with its client inside, then 20 of its own."""
    end = start + 20 + llm_ms
    return [
        seed(1, None, "answer", start, end + 20, trace, **more),
        seed(2, 1, "retrieve", start, start + 20, trace, cpu_ns=19 * MS, pid=7, thread="main"),
        seed(3, 1, "llm", start + 20, end, trace, input_tokens=100, output_tokens=10),
        seed(4, 3, "client", start + 20, end, trace, cpu_ns=MS, pid=7, modality="text"),
    ]


def filled() -> MemoryStore:
    store = MemoryStore()
    store.add_run(span_cost_ns=1000.0, dropped=3)
    store.add_spans(request(1, 0))
    store.add_spans(request(2, 100, llm_ms=160, status="error"))
    for trace in (1, 2):
        for span, name in ((3, "llm"), (4, "client")):  # the one repeats the other's
            store.add_usage(
                trace, span, stage=name, input_tokens=100, output_tokens=10, cost_usd=0.5
            )
    return store


def stage(name: str, **figures: object) -> dict[str, object]:
    nothing = dict.fromkeys(
        ("modality", "input_tokens", "output_tokens", "cost_usd", "cpu_ms", "gpu_sm_active_pct")
    )
    known = {"name": name, "count": 2, "errors": 0, "verdict": None, "tokens_estimated": False}
    return {**known, **nothing, **figures}


def test_the_report_of_two_requests_is_this_json() -> None:
    assert build_report(filled()).to_json() == {
        "traces": 2,
        "spans": 8,
        "window": {"from": "2023-11-14T22:13:20.000000Z", "to": "2023-11-14T22:13:20.300000Z"},
        "stages": [
            stage(
                "client",
                modality="text",
                p50_ms=110.0,
                p95_ms=155.0,
                p99_ms=159.0,
                total_ms=220.0,
                self_ms_per_trace=110.0,
                critical_share=220 / 300,
                critical_share_p95=160 / 200,
                cpu_ms=2.0,
                verdict="waiting",
                input_tokens=200,
                output_tokens=20,
                cost_usd=1.0,
            ),
            stage(
                "answer",
                errors=1,
                p50_ms=150.0,
                p95_ms=195.0,
                p99_ms=199.0,
                total_ms=300.0,
                self_ms_per_trace=20.0,
                critical_share=40 / 300,
                critical_share_p95=20 / 200,
            ),
            stage(
                "retrieve",
                p50_ms=20.0,
                p95_ms=20.0,
                p99_ms=20.0,
                total_ms=40.0,
                self_ms_per_trace=20.0,
                critical_share=40 / 300,
                critical_share_p95=20 / 200,
                cpu_ms=38.0,
                verdict="cpu-bound",
            ),
            stage(
                "llm",
                p50_ms=110.0,
                p95_ms=155.0,
                p99_ms=159.0,
                total_ms=220.0,
                self_ms_per_trace=0.0,
                critical_share=0.0,
                critical_share_p95=0.0,
            ),
        ],
        "requests": {
            "count": 2,
            "errors": 1,
            "p50_ms": 150.0,
            "p95_ms": 195.0,
            "p99_ms": 199.0,
            "throughput_per_s": 2 / 0.3,
            "input_tokens": 200,
            "output_tokens": 20,
            "cost_usd": 1.0,
        },
        "observer": {
            "recorded": 8,
            "dropped": 3,
            "coverage": 260 / 300,
            "overhead_share_estimated": 8 * 1000 / (300 * MS),
        },
        "sampled_traces": 2,
        "unfinished": 0,
        "bare_calls": 0,
        "gains": [],
        "gains_refused": None,
    }


def test_an_empty_store_and_an_empty_window_are_no_data() -> None:
    with pytest.raises(NoDataError, match="latprobe run"):
        build_report(MemoryStore())
    with pytest.raises(NoDataError, match="Widen"):
        build_report(filled(), Scope(service="other"))


def test_a_window_holds_the_requests_that_start_in_it() -> None:
    report = build_report(filled(), Scope(from_ns=EPOCH_NS + 100 * MS))
    assert (report.traces, report.spans, report.requests.p50_ms) == (1, 4, 200.0)
    assert report.window_from_ns == EPOCH_NS + 100 * MS
    assert sum(row.critical_share for row in report.stages) == pytest.approx(1)


def test_a_stage_in_the_scope_is_reported_within_its_whole_requests() -> None:
    report = build_report(filled(), Scope(stage="retrieve"))
    assert [(row.name, row.critical_share) for row in report.stages] == [("retrieve", 40 / 300)]
    assert (report.traces, report.spans, report.requests.count) == (2, 2, 2)


def test_a_service_a_run_and_a_model_narrow_the_report() -> None:
    store = filled()
    store.add_run(2, service="batch")
    store.add_spans([seed(1, None, "job", 0, 10, 9, run_id=2, model="small")])
    scopes = [Scope(service="batch"), Scope(run_id=2), Scope(model="small")]
    assert [[row.name for row in build_report(store, s).stages] for s in scopes] == [["job"]] * 3
    assert build_report(store, Scope(service="app")).traces == 2


def test_the_critical_path_may_be_sampled_and_everything_else_stays_exact() -> None:
    store = MemoryStore()
    store.add_run()
    for trace in range(1, 11):
        store.add_spans(request(trace, trace * 100, llm_ms=10 * trace))
    whole, sampled = build_report(store), build_report(store, max_traces=5)
    assert (whole.sampled_traces, sampled.sampled_traces) == (10, 5)
    assert sampled.requests == whole.requests
    shares = {row.name: row.critical_share for row in sampled.stages}
    llm = sum(10 * trace for trace in (1, 3, 5, 7, 9))
    assert shares["client"] == pytest.approx(llm / (llm + 5 * 40))


def test_spans_whose_root_is_before_the_window_still_have_counts_but_no_requests() -> None:
    report = build_report(filled(), Scope(from_ns=EPOCH_NS + 110 * MS))
    assert (report.traces, report.requests.count, report.requests.p50_ms) == (0, 0, None)
    assert (report.spans, report.sampled_traces, report.observer.coverage) == (2, 0, None)


def test_what_was_never_measured_is_none() -> None:
    store = MemoryStore()
    store.add_spans([seed(1, None, "only", 5, 5)])
    report = build_report(store)
    row = report.stages[0]
    assert (row.cpu_ms, row.input_tokens, row.verdict) == (None, None, None)
    assert (report.requests.throughput_per_s, report.requests.cost_usd) == (None, None)
    assert (report.observer.coverage, report.observer.overhead_share_estimated) == (None, None)


def test_no_verdict_where_most_of_the_time_was_not_measured_or_the_thread_was_shared() -> None:
    store = MemoryStore()
    store.add_spans(
        [
            seed(1, None, "root", 0, 100),
            seed(2, 1, "partly", 0, 10, cpu_ns=10 * MS),
            seed(3, 1, "partly", 10, 40),
            seed(4, 1, "coroutine", 40, 50, cpu_ns=30 * MS),
            seed(5, 1, "mixed", 50, 60, cpu_ns=5 * MS),
        ]
    )
    assert {row.verdict for row in build_report(store).stages} == {None}


def test_a_parents_cpu_time_does_not_count_its_childs_on_the_same_thread() -> None:
    store = MemoryStore()
    here: dict[str, Any] = {"pid": 1, "thread": "main"}
    store.add_spans(
        [
            seed(1, None, "waits", 0, 100, cpu_ns=51 * MS, **here),
            seed(2, 1, "computes", 0, 50, cpu_ns=50 * MS, **here),
            seed(3, None, "works beside", 0, 100, 2, cpu_ns=90 * MS, **here),
            seed(4, 3, "other thread", 0, 10, 2, cpu_ns=10 * MS, pid=1, thread="pool"),
        ]
    )
    assert {row.name: row.verdict for row in build_report(store).stages} == {
        "waits": "waiting",
        "computes": "cpu-bound",
        "works beside": "cpu-bound",
        "other thread": "cpu-bound",
    }


def test_percentiles_are_those_of_the_raw_durations() -> None:
    store = MemoryStore()
    durations = np.random.default_rng(3).lognormal(2, 1, 200).round(6)
    store.add_spans(seed(1, None, "s", 0, float(d), i + 1) for i, d in enumerate(durations))
    row = build_report(store).stages[0]
    expected = np.quantile((durations * MS).astype(int) / MS, [0.5, 0.95, 0.99]).tolist()
    assert [row.p50_ms, row.p95_ms, row.p99_ms] == pytest.approx(expected, rel=1e-6)


def test_a_request_whose_root_has_not_ended_is_not_taken_for_one() -> None:
    store = MemoryStore()
    store.add_run()
    store.add_spans([seed(1, None, "request", 0, 10), seed(2, 1, "step", 0, 5)])
    inner = {"remote_parent": False, "pid": 7}
    store.add_spans(
        [seed(4, 3, "step", 20, 24, 2, **inner), seed(5, 3, "step", 24, 28, 2, **inner)]
    )
    report = build_report(store)
    assert (report.traces, report.unfinished, report.spans) == (1, 1, 4)
    assert {stage.name: stage.count for stage in report.stages} == {"request": 1, "step": 3}
