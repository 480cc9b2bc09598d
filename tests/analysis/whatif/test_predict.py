from __future__ import annotations

import pytest

from latprobe.analysis.report import build_report
from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.whatif import (
    Batch,
    CacheHit,
    Change,
    Concurrency,
    Parallel,
    Remove,
    Replicas,
    Scale,
    Tokens,
    predict,
)
from latprobe.analysis.whatif.gains import gains
from tests.analysis.seeding import MemoryStore, seed
from tests.analysis.whatif import pipelines
from tests.analysis.whatif.simulator import record


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return record(pipelines.parallel, 1, requests=60).store()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Scale("web", -1.0), "a factor of 0 or more"),
        (Scale("web", float("nan")), "a factor of 0 or more"),
        (CacheHit("web", 1.5), "not between 0 and 1"),
        (Parallel("web", "web"), "name two stages"),
        (Replicas("web", 0), "1 or more"),
        (Concurrency(0), "1 or more"),
        (Batch("web", 0), "1 or more"),
        (Tokens("web", output_factor=-0.5), "at most 100 %"),
        (Scale("wep", 0.5), "Did you mean 'web'?"),
        (Parallel("web", "doc"), "Did you mean 'docs'?"),
        (Parallel("web", "docs"), "run together already"),
        (Parallel("answer", "llm"), "one runs inside the other"),
        (Replicas("llm", 2), "'llm':"),
        (Batch("llm", 4), "set the attribute `batch_size`"),
    ],
    ids=str,
)
def test_what_cannot_be_predicted_is_refused_with_a_reason(
    store: MemoryStore, change: Change, words: str
) -> None:
    found = predict(store, [change])
    assert found.refused is not None
    assert words in found.refused
    assert found.p50.after_ms is None


def test_no_change_and_contradictions_are_refused(store: MemoryStore) -> None:
    assert "what to change" in str(predict(store, []).refused)
    both: list[Change] = [Remove("web"), Scale("web", 0.5)]
    assert "leave one of the two out" in str(predict(store, both).refused)


def test_too_few_requests_no_requests_and_unfinished_ones_are_refused(store: MemoryStore) -> None:
    empty = MemoryStore()
    assert "Nothing is recorded yet" in str(predict(empty, [Scale("a", 0.5)]).refused)
    later = Scope(from_ns=2_000_000_000_000_000_000)
    assert "Widen the time window" in str(predict(store, [Scale("web", 0.5)], later).refused)
    few = MemoryStore()
    few.add_spans([seed(1, None, "root", 0, 10), seed(2, 1, "a", 0, 5)])
    assert "Only 1 finished request is recorded" in str(predict(few, [Scale("a", 0.5)]).refused)
    running = MemoryStore()
    running.add_spans([seed(2, 1, "a", 0, 5, pid=1, remote_parent=False)])
    assert "has not finished" in str(predict(running, [Scale("a", 0.5)]).refused)
    running.add_spans([seed(2, 1, "a", 0, 5, 2, pid=1, remote_parent=False)])
    assert "None of the 2 requests" in str(predict(running, [Scale("a", 0.5)]).refused)


def test_a_stage_off_the_critical_path_changes_nothing_and_that_is_said() -> None:
    seeds = [
        each
        for trace in range(1, 31)
        for each in (
            seed(1, None, "root", trace * 200, trace * 200 + 100, trace),
            seed(2, 1, "slow", trace * 200, trace * 200 + 90, trace),
            seed(3, 1, "quick", trace * 200, trace * 200 + 20, trace),
        )
    ]
    store = MemoryStore()
    store.add_spans(seeds)
    found = predict(store, [Remove("quick")])
    assert (found.p50.before_ms, found.p50.after_ms) == (100, 100)
    assert any("not on the critical path" in note for note in found.notes)


def test_the_json_has_the_documented_keys(store: MemoryStore) -> None:
    found = predict(store, [Scale("llm", 0.5)]).to_json()
    assert set(found) == {
        "p50", "p95", "p99", "throughput", "requests", "basis", "refused", "notes",
    }  # fmt: skip
    assert (found["requests"], found["basis"], found["refused"]) == (60, "replay", None)
    p50 = found["p50"]
    assert isinstance(p50, dict)
    assert set(p50) == {"before_ms", "after_ms", "ci95_ms"}
    low, high = p50["ci95_ms"]
    assert low <= p50["after_ms"] <= high < p50["before_ms"]


def test_impossible_times_are_no_stack_trace() -> None:
    largest = 2**63 - 1
    store = MemoryStore()
    for trace, start in enumerate((-largest, -1, 0, largest) * 6, 1):
        store.add_spans(
            [
                seed(1, None, "root", 0, 0, trace, start_ns=start, duration_ns=largest),
                seed(2, 1, "child", 0, 0, trace, start_ns=5, duration_ns=start),
            ]
        )
    assert predict(store, [Scale("child", 0.5)]).refused is None


def test_the_report_leads_with_the_stage_that_gains_the_most(store: MemoryStore) -> None:
    found = gains(store, fetch_requests(store, EVERYTHING))
    by_name = {gain.stage: gain for gain in found}
    assert set(by_name) == {"plan", "web", "docs", "llm"}
    assert found[0].stage == "llm"
    half = predict(store, [Scale("llm", 0.5)]).p50
    assert half.before_ms is not None
    assert half.after_ms is not None
    assert by_name["llm"].half.p50_ms == pytest.approx(half.before_ms - half.after_ms)
    assert by_name["llm"].none.p50_ms > by_name["llm"].half.p50_ms
    assert build_report(store).gains == tuple(found)
