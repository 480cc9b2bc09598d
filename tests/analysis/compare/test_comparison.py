"""Comparing what is in a store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from latprobe.analysis.compare import RunsScope, compare, measure
from latprobe.analysis.scope import Scope
from latprobe.errors import NoDataError, UsageError
from tests.analysis.seeding import MemoryStore, seed

REQUESTS = 40


@cache
def two_runs(
    *, llm_factor: float = 1.0, ocr_factor: float = 1.0, extra: bool = False
) -> MemoryStore:
    """Runs 1 and 2: `ocr` (100 ms) beside nothing, then `llm` (300 ms) in every request."""
    store = MemoryStore()
    rng = np.random.default_rng(31)
    for run in (1, 2):
        store.add_run(run, version=f"v{run}")
        scale = (1.0, 1.0) if run == 1 else (ocr_factor, llm_factor)
        for number in range(REQUESTS):
            trace = run * 1000 + number
            noise = np.exp(0.1 * rng.standard_normal(2))
            ocr, llm = 100 * scale[0] * noise[0], 300 * scale[1] * noise[1]
            start = run * 1_000_000 + number * 1000.0
            spans = [
                seed(1, None, "answer", start, start + ocr + llm + 2, trace, run_id=run),
                seed(2, 1, "ocr", start, start + ocr, trace, run_id=run),
                seed(3, 1, "llm", start + ocr, start + ocr + llm, trace, run_id=run),
            ]
            if extra and run == 2:
                spans.append(seed(4, 1, "rerank", start, start + 40, trace, run_id=run))
            store.add_spans(spans)
            store.add_usage(
                trace,
                3,
                run_id=run,
                input_tokens=1000,
                output_tokens=int(100 * scale[1] * noise[0]),
            )
    return store


def verdicts(rows: Sequence[object]) -> dict[tuple[str | None, str], str]:
    return {(row.stage, row.metric): row.verdict for row in rows}  # type: ignore[attr-defined]  # Rows


def test_the_stage_that_got_slower_comes_first_with_what_it_costs_the_request() -> None:
    found = compare(two_runs(llm_factor=1.3, extra=True), Scope(run_id=1), Scope(run_id=2))
    assert (found.requests_before, found.requests_after) == (REQUESTS, REQUESTS)
    stages = [row.stage for row in found.rows if row.stage is not None]
    assert stages[0] == "llm"
    row = found.row("p50_ms", "llm")
    assert row is not None
    assert row.change is not None
    assert row.effect_ms is not None
    assert row.change.value == pytest.approx(0.3, abs=0.06)
    assert row.effect_ms.value == pytest.approx(90, abs=20)
    seen = verdicts(found.rows)
    assert seen[None, "p50_ms"] == seen["llm", "p50_ms"] == "worse"
    assert seen[None, "output_tokens"] == "worse"
    assert seen[None, "input_tokens"] == "same"
    assert seen["ocr", "p50_ms"] in ("same", "unclear")
    assert seen["rerank", "p50_ms"] == "appeared"
    assert "Stages that appeared: rerank." in found.notes


def test_faster_is_better_and_a_stage_can_vanish() -> None:
    found = compare(two_runs(ocr_factor=2, extra=True), Scope(run_id=2), Scope(run_id=1))
    seen = verdicts(found.rows)
    assert seen["ocr", "p50_ms"] == "better"
    assert seen["rerank", "p50_ms"] == "vanished"


def test_the_same_input_gives_the_same_output() -> None:
    store = two_runs()
    first, second = (compare(store, Scope(run_id=1), Scope(run_id=2)) for _ in range(2))
    assert first.to_json() == second.to_json()


def test_a_version_is_all_its_runs_and_the_pause_between_them_is_no_time() -> None:
    store = two_runs()
    both = measure(store, RunsScope(run_ids=(1, 2)))
    assert both.requests == 2 * REQUESTS
    assert both.throughput_per_s == pytest.approx(1.0, rel=0.05)
    assert measure(store, RunsScope(run_ids=(2,))).requests == REQUESTS


def test_a_sample_says_that_it_is_one() -> None:
    found = measure(two_runs(), Scope(run_id=1), max_requests=20)
    assert (len(found), found.requests) == (20, REQUESTS)
    assert found.notes == ("Figures come from 20 of 40 requests, evenly over time.",)
    assert set(found.stages) == {"answer", "ocr", "llm"}


def test_negative_tokens_are_left_out_and_said() -> None:
    store = two_runs.__wrapped__()  # it is changed here
    store.connection.execute(
        "UPDATE usage SET output_tokens = -5 WHERE start_ns > 0 AND run_id = 2"
    )
    found = compare(store, Scope(run_id=1), Scope(run_id=2))
    assert any("report negative tokens" in note for note in found.notes)
    row = found.row("output_tokens")
    assert row is not None
    assert (row.after, row.change, row.verdict) == (None, None, "unclear")


def test_the_same_scope_twice_and_an_empty_side_are_refused() -> None:
    store = two_runs()
    with pytest.raises(UsageError, match="same recording"):
        compare(store, Scope(run_id=1), Scope(run_id=1))
    with pytest.raises(NoDataError):
        compare(store, Scope(run_id=1), Scope(run_id=9))
    with pytest.raises(NoDataError, match="Nothing is recorded yet"):
        compare(MemoryStore(), Scope(run_id=1), Scope(run_id=2))


def test_one_request_a_side_is_compared_without_a_verdict() -> None:
    store = MemoryStore()
    for run in (1, 2):
        store.add_run(run)
        store.add_spans([seed(1, None, "answer", 0, 100 * run, run, run_id=run)])
    found = compare(store, Scope(run_id=1), Scope(run_id=2))
    row = found.row("p50_ms")
    assert row is not None
    assert row.change is not None
    assert row.change.value == pytest.approx(1.0)
    assert row.change.interval is None
    assert {row.verdict for row in found.rows if row.metric.endswith("_ms")} == {"unclear"}
