"""The overview answers at a fixed cost what the report answers exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pyarrow as pa
import pytest

from latprobe.analysis import overview
from latprobe.analysis.call_table import fetch_calls
from latprobe.analysis.error_origins import ErrorOrigin, error_origins
from latprobe.analysis.log_bins import BIN_WIDTH
from latprobe.analysis.overview import build_overview
from latprobe.analysis.report import build_report
from latprobe.analysis.request_timeline import request_timeline
from latprobe.analysis.root_table import fetch_roots
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.timeline import MINUTE_NS, stage_timeline
from latprobe.analysis.traces import first_traces, list_traces
from latprobe.errors import NoDataError
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, seed
from tests.dashboard.seeding import END_NS, HOUR_NS, add_requests, add_runs

REQUESTS = 1_500
LATE = Scope(from_ns=(END_NS - HOUR_NS // 2) // MINUTE_NS * MINUTE_NS)
SCOPES = (EVERYTHING, LATE, Scope(run_id=2), Scope(service="document-qa", run_id=1))


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    add_runs(made.connection, start_ns=END_NS - HOUR_NS, second_ns=END_NS - HOUR_NS // 2)
    add_requests(made.connection, requests=REQUESTS, end_ns=END_NS, length_ns=HOUR_NS)
    return made


@pytest.mark.parametrize("scope", SCOPES)
def test_of_few_spans_the_overview_says_what_the_report_says(
    store: MemoryStore, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "SAMPLED_TRACES", REQUESTS)
    monkeypatch.setattr(overview, "SAMPLED_SPANS", REQUESTS * 30)
    found, exact = (
        build_overview(store, fetch_roots(store), fetch_calls(store), scope),
        build_report(store, scope),
    )
    assert asdict(found.requests) == pytest.approx(asdict(exact.requests), nan_ok=True)
    assert [row.name for row in found.stages] == [row.name for row in exact.stages]
    for row, expected in zip(found.stages, exact.stages, strict=True):
        assert asdict(row) | {"critical_share_p95": 0} == asdict(expected) | {
            "critical_share_p95": 0
        }
    assert (found.is_exact, found.spans) == (True, exact.spans)
    assert found.coverage == exact.observer.coverage


@pytest.mark.parametrize("scope", SCOPES)
def test_of_many_spans_percentiles_are_within_a_bin_and_shares_close(
    store: MemoryStore, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "EXACT_SPANS", 0)
    found, exact = (
        build_overview(store, fetch_roots(store), fetch_calls(store), scope),
        build_report(store, scope),
    )
    assert (found.is_exact, found.spans) == (False, exact.spans)
    assert 250 <= found.sampled_traces <= 800
    expected = {row.name: row for row in exact.stages}
    for row in found.stages:
        same = expected[row.name]
        assert (row.count, row.errors, row.modality) == (same.count, same.errors, same.modality)
        assert row.total_ms == pytest.approx(same.total_ms)
        assert (row.input_tokens, row.output_tokens) == (same.input_tokens, same.output_tokens)
        figures = (row.p50_ms, row.p95_ms, row.p99_ms)
        assert figures == pytest.approx((same.p50_ms, same.p95_ms, same.p99_ms), rel=BIN_WIDTH)
        assert row.critical_share == pytest.approx(same.critical_share, abs=0.03)
        assert row.critical_share_p95 == pytest.approx(same.critical_share_p95, abs=0.1)


def test_in_very_many_spans_the_drawn_traces_stand_for_all_where_they_are_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = MemoryStore()
    add_runs(made.connection, start_ns=END_NS - HOUR_NS, second_ns=END_NS - HOUR_NS // 2)
    add_requests(made.connection, requests=REQUESTS, end_ns=END_NS, length_ns=HOUR_NS)
    columns = ", ".join(made("SELECT * FROM drawn LIMIT 0").column_names)
    third = "SELECT trace_id FROM spans WHERE parent_span_id IS NULL AND span_id % 3 = 0"
    made.connection.execute("DELETE FROM drawn")
    made.connection.execute(
        f"INSERT INTO drawn SELECT {columns} FROM spans WHERE trace_id IN ({third})"
    )
    known = set(map(str, made("SELECT DISTINCT trace_id FROM drawn")["trace_id"].to_pylist()))
    kept = len(known)
    monkeypatch.setattr(overview, "FOUND_SPANS", 0)
    roots, calls = fetch_roots(made), fetch_calls(made)
    exact = {row.name: row.critical_share for row in build_report(made).stages}
    asked: dict[str, Sequence[object]] = {}

    def query(sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        asked[sql] = parameters
        return made(sql, parameters)

    for traces, is_enough in ((kept // 8, True), (kept + 1, False)):
        monkeypatch.setattr(overview, "SAMPLED_TRACES", traces)
        monkeypatch.setattr(overview, "SAMPLED_SPANS", REQUESTS * 30)
        asked.clear()
        found = build_overview(query, roots, calls, EVERYTHING)
        ids = [str(asked[sql][0]).split(",") for sql in asked if "FROM drawn_spans" in sql]
        assert [known.issuperset(each) for each in ids] == [True] * is_enough
        assert traces // 2 < found.sampled_traces <= (2 * traces if is_enough else REQUESTS)
        shares = {row.name: row.critical_share for row in found.stages}
        assert shares == pytest.approx(exact, abs=0.08)


@pytest.mark.parametrize("run_id", [None, 1])
def test_requests_over_time_are_those_of_the_timeline(
    store: MemoryStore, run_id: int | None
) -> None:
    scope = Scope(from_ns=END_NS - HOUR_NS, to_ns=END_NS, run_id=run_id)
    found = request_timeline(fetch_roots(store), scope, buckets=10)
    expected = stage_timeline(store, scope, buckets=10)
    assert [(p.time_ns, p.count, p.errors) for p in found] == [
        (p.time_ns, p.count, p.errors) for p in expected
    ]
    assert [p.p50_ms is None for p in found] == [p.p50_ms is None for p in expected]
    ours, theirs = ([p.p50_ms or 0.0 for p in points] for points in (found, expected))
    assert ours == pytest.approx(theirs, rel=0.1)


def test_a_short_window_has_the_timelines_buckets_and_percentiles(store: MemoryStore) -> None:
    scope = Scope(from_ns=END_NS - 10 * MINUTE_NS, to_ns=END_NS)
    found = request_timeline(fetch_roots(store), scope, buckets=120, requests_per_bucket=4)
    expected = stage_timeline(store, scope, buckets=120, spans_per_bucket=4)
    assert [(p.time_ns, p.count, p.errors) for p in found] == [
        (p.time_ns, p.count, p.errors) for p in expected
    ]
    ours, theirs = ([p.p95_ms or 0.0 for p in points] for points in (found, expected))
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("order", ["recent", "slowest", "tokens", "errors"])
@pytest.mark.parametrize("scope", SCOPES)
def test_lists_from_the_roots_at_hand_are_the_lists(
    store: MemoryStore, scope: Scope, order: str
) -> None:
    roots, wanted = fetch_roots(store), list_traces(store, scope, order=order, limit=15)  # type: ignore[arg-type]  # one of Order
    for calls in (None, fetch_calls(store)):
        found = first_traces(store, roots, scope, order=order, limit=15, calls=calls)  # type: ignore[arg-type]  # one of Order
        assert found == wanted


def test_errors_begin_in_the_innermost_failed_spans(store: MemoryStore) -> None:
    names = [origin.name for origin in error_origins(store, EVERYTHING)]
    assert names == ["llm.decode", "ocr"]
    assert error_origins(store, Scope(stage="rerank")) == []
    failed = store("SELECT count(*) AS n FROM spans WHERE status = 'error' AND name = 'ocr'")
    assert ErrorOrigin("ocr", failed["n"][0].as_py()) in error_origins(store, EVERYTHING)


def test_an_empty_scope_has_no_overview(store: MemoryStore) -> None:
    with pytest.raises(NoDataError, match="Widen"):
        build_overview(store, fetch_roots(store), fetch_calls(store), Scope(to_ns=EPOCH_NS - MS))


def test_a_call_that_repeats_another_counts_once_in_every_window() -> None:
    nested = MemoryStore()
    nested.add_run()
    for trace in (1, 2):
        at = trace * 60_000
        nested.add_spans(
            [
                seed(1, None, "request", at, at + 9, trace),
                seed(2, 1, "agent", at, at + 8, trace),
                seed(3, 2, "client", at, at + 7, trace),
            ]
        )
        for span_id in (2, 3):
            nested.add_usage(trace, span_id, input_tokens=10 * trace, start_ns=EPOCH_NS + at * MS)
    roots, calls = fetch_roots(nested), fetch_calls(nested)
    late = Scope(from_ns=EPOCH_NS + 90_000 * MS)
    for scope, expected in ((EVERYTHING, 30), (late, 20), (Scope(service="other"), None)):
        assert calls.totals(scope, roots)["input_tokens"] == expected


def test_the_slowest_requests_weigh_what_they_are_where_only_some_are_walked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = MemoryStore()
    made.add_run()
    spans = []
    for trace in range(1, 121):
        at, took = trace * 100_000, 40_000 if trace == 77 else 100
        spans += [seed(1, None, "request", at, at + took, trace)]
        spans += [seed(2, 1, "huge" if trace == 77 else "usual", at, at + took, trace)]
    made.add_spans(spans)
    monkeypatch.setattr(overview, "SAMPLED_TRACES", overview.MIN_TRACES)
    seen = build_overview(made, fetch_roots(made), fetch_calls(made), EVERYTHING)
    shares = {row.name: row.critical_share for row in seen.stages}
    assert seen.sampled_traces < 60
    assert shares["huge"] == pytest.approx(40_000 / (40_000 + 119 * 100), abs=0.02)
    assert sum(shares.values()) == pytest.approx(1)
    assert seen.coverage == pytest.approx(1)
