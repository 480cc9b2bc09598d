from __future__ import annotations

from dataclasses import replace

import pytest

from latprobe.analysis.scope import Scope
from latprobe.analysis.timeline import MINUTE_NS, TimelinePoint, stage_timeline
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, seed

WINDOW = Scope(from_ns=EPOCH_NS, to_ns=EPOCH_NS + 40 * MS)


def filled() -> MemoryStore:
    store = MemoryStore()
    store.add_run()
    for trace, start in enumerate((0, 5, 21), start=1):
        store.add_spans(
            [
                seed(1, None, "root", start, start + 10 * trace, trace, status="error"),
                seed(2, 1, "child", start, start + trace, trace),
            ]
        )
    return store


def point(at_ms: int, count: int = 0, *figures: float) -> TimelinePoint:
    errors, p50, p95 = figures or (0, None, None)
    return TimelinePoint(EPOCH_NS + at_ms * MS, count, int(errors or 0), p50, p95)


def test_buckets_cover_the_window_and_count_requests() -> None:
    assert stage_timeline(filled(), WINDOW, buckets=4) == [
        point(0, 2, 2, 15.0, 19.5),
        point(10),
        point(20, 1, 1, 30.0, 30.0),
        point(30),
    ]


def test_few_spans_in_a_short_window_are_put_into_fewer_buckets() -> None:
    found = stage_timeline(filled(), WINDOW, buckets=4, spans_per_bucket=2)
    assert [(each.count, each.errors, each.p50_ms) for each in found] == [(3, 3, 20.0)]


def test_a_stage_in_the_scope_is_counted_wherever_it_stands() -> None:
    scope = Scope(from_ns=EPOCH_NS, to_ns=EPOCH_NS + 40 * MS, stage="child")
    assert [(p.count, p.p50_ms) for p in stage_timeline(filled(), scope, buckets=2)] == [
        (2, 1.5),
        (1, 3.0),
    ]


def test_without_a_window_it_reaches_from_the_first_to_the_last_span() -> None:
    points = stage_timeline(filled(), buckets=3)
    assert (points[0].time_ns, sum(p.count for p in points), len(points)) == (EPOCH_NS, 3, 3)


def test_nothing_recorded_gives_no_points() -> None:
    assert stage_timeline(MemoryStore()) == []
    assert stage_timeline(filled(), Scope(from_ns=5, to_ns=5)) == []


def hour() -> MemoryStore:
    """A request a minute for two hours, of 1, 2, ... 120 ms; the first hour is rolled up."""
    store = MemoryStore()
    store.add_run()
    for minute in range(120):
        start = minute * 60_000
        store.add_spans(
            [seed(1, None, "root", start, start + minute + 1, minute + 1, run_id=1, model="m")]
        )
    store.connection.execute(
        "INSERT INTO rollups SELECT * FROM stage_minutes WHERE minute_ns < "
        f"{EPOCH_NS + 60 * MINUTE_NS} // {MINUTE_NS} * {MINUTE_NS}"
    )
    store.connection.execute(
        f"UPDATE spans SET ingest_seq = 0 WHERE start_ns < {EPOCH_NS + 60 * MINUTE_NS}"
        f" // {MINUTE_NS} * {MINUTE_NS}"
    )
    return store


def test_a_long_window_is_read_from_the_rollups_and_what_is_not_rolled_up_yet() -> None:
    store = hour()
    scope = Scope(from_ns=EPOCH_NS, to_ns=EPOCH_NS + 120 * MINUTE_NS)
    points = stage_timeline(store, scope, buckets=6)
    assert [p.time_ns % MINUTE_NS for p in points] == [0] * len(points)
    assert (sum(p.count for p in points), len(points) <= 6) == (120, True)


def test_the_percentiles_of_rollups_are_close_to_those_of_the_raw_spans() -> None:
    store = hour()
    first = EPOCH_NS // MINUTE_NS * MINUTE_NS
    scope = Scope(from_ns=first, to_ns=first + 120 * MINUTE_NS)
    rolled = stage_timeline(store, scope, buckets=6)
    raw = stage_timeline(store, replace(scope, model="m"), buckets=6)
    assert [(p.time_ns, p.count) for p in rolled] == [(p.time_ns, p.count) for p in raw]
    assert [p.p50_ms for p in rolled] == pytest.approx([p.p50_ms for p in raw], rel=0.1)


def test_rollups_know_services_runs_and_stages() -> None:
    store = hour()
    window = Scope(from_ns=EPOCH_NS, to_ns=EPOCH_NS + 120 * MINUTE_NS)
    counts = [
        sum(p.count for p in stage_timeline(store, scope))
        for scope in (
            replace(window, service="app"),
            replace(window, service="other"),
            replace(window, run_id=1),
            replace(window, stage="root"),
            replace(window, stage="none"),
        )
    ]
    assert counts == [120, 0, 120, 120, 0]


def test_spans_without_duration_have_a_percentile_of_zero_in_the_rollups() -> None:
    store = MemoryStore()
    store.add_spans([seed(1, None, "root", 0, 0)])
    points = stage_timeline(store, Scope(from_ns=EPOCH_NS, to_ns=EPOCH_NS + 60 * MINUTE_NS))
    assert [(p.count, p.p50_ms) for p in points if p.count] == [(1, 0.0)]
