"""The load report over a store with a queue in it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from latprobe.analysis.load import LoadReport, StageLoad, load_report
from latprobe.analysis.load.capacity import OneMore
from latprobe.analysis.load.json_shape import to_json
from latprobe.analysis.queueing import Servers
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import Scope
from latprobe.errors import NoDataError
from tests.analysis.load.recorded_load import MS, add_spans, arrivals, queued, request_store
from tests.analysis.seeding import MemoryStore, seed


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """1,500 requests of an M/M/3 queue at 80 %, on two machines, in batches of 1 to 8."""
    rng = np.random.default_rng(1)
    columns = queued(rng, 1_500, servers=3, load=0.8)
    attributes = [
        {"server.address": f"gpu{machine}", "server.port": 8000, "latprobe.batch_size": size}
        for machine, size in zip(
            rng.integers(0, 2, 1_500).tolist(), rng.choice([1, 2, 8], 1_500).tolist(), strict=True
        )
    ]
    return request_store(*columns, attributes=attributes)


@pytest.fixture(scope="module")
def report(store: MemoryStore) -> LoadReport:
    """All of it."""
    return load_report(store)


def stage(found: LoadReport, name: str) -> StageLoad:
    """One stage of the report."""
    return next(each for each in found.stages if each.name == name)


def test_a_queue_of_three_is_measured(report: LoadReport) -> None:
    work = stage(report, "work")
    assert isinstance(work.servers, Servers)
    assert work.capacity is not None
    assert work.waits is not None
    assert work.little is not None
    assert (work.servers.count, work.busy.max_running, work.calls_per_request) == (3, 3, 1.0)
    assert work.capacity.utilisation.value == pytest.approx(0.8, abs=0.06)
    assert work.capacity.capacity_per_s.value == pytest.approx(150, rel=0.08)
    # Erlang C for three servers at 0.8: 65 % wait, 10.8 ms on average in the long run.
    assert 0.5 < work.waits.share < 0.8
    assert work.little.is_steady
    assert work.little.present == pytest.approx(
        work.little.rate_per_s * work.little.stay_ms / 1e3, rel=0.1
    )


def test_one_more_server_and_saturation_are_told_with_intervals(report: LoadReport) -> None:
    capacity = stage(report, "work").capacity
    assert capacity is not None
    more, doubling = capacity.one_more, capacity.p95_doubles_per_s
    assert isinstance(more, OneMore)
    assert more.servers == 4
    assert more.p95_ms.interval is not None
    assert more.p95_ms.interval.low <= more.p95_ms.value <= more.p95_ms.interval.high
    assert more.p95_ms.value < capacity.p95_ms
    assert more.capacity_per_s.value == pytest.approx(capacity.capacity_per_s.value * 4 / 3)
    assert doubling is not None
    assert capacity.capacity_per_s.value * capacity.utilisation.value < doubling.value
    assert doubling.value < capacity.capacity_per_s.value * 1.1


def test_replicas_are_known_by_their_address(report: LoadReport) -> None:
    work = stage(report, "work")
    assert [each.name for each in work.replicas] == ["gpu0:8000", "gpu1:8000"]
    assert sum(each.busy.runs for each in work.replicas) == 1_500


def test_a_root_is_refused_with_the_reason(report: LoadReport) -> None:
    found = stage(report, "request").servers
    assert isinstance(found, Refusal)
    assert found.reason.startswith("Requests begin with this stage")


def test_a_scope_with_a_stage_reports_that_one(store: MemoryStore) -> None:
    report = load_report(store, Scope(stage="work"))
    assert [each.name for each in report.stages] == ["work"]
    assert report.busy.runs == 1_500


def test_the_latest_requests_are_taken_where_there_are_too_many(store: MemoryStore) -> None:
    report = load_report(store, max_spans=1_000)
    assert (report.requests, report.all_requests) == (500, 1_500)
    assert stage(report, "work").busy.runs == 500


def test_json_has_no_nan_and_no_objects(report: LoadReport) -> None:
    found = json.loads(json.dumps(to_json(report), allow_nan=False))
    work = next(each for each in found["stages"] if each["name"] == "work")
    assert work["servers"]["count"] == 3
    assert work["capacity"]["one_more"]["p95_ms"].keys() == {"value", "ci95"}
    assert work["imbalance"].keys() == {"busiest", "ratio", "p_value", "is_found"}
    root = next(each for each in found["stages"] if each["name"] == "request")
    assert root["servers"]["count"] is None


def test_no_limit_is_refused_and_no_figure_is_made_up() -> None:
    rng = np.random.default_rng(2)
    arrival = arrivals(rng, 400, rate_per_s=200)
    start = arrival + rng.integers(10_000, 30_000, 400)
    work = stage(load_report(request_store(arrival, start, start + 20 * MS)), "work")
    assert isinstance(work.servers, Refusal)
    assert (work.capacity, work.waits, work.imbalance, work.batch) == (None, None, None, None)
    assert work.busy.max_running > 3


def test_the_queue_that_a_server_reports_is_used() -> None:
    rng = np.random.default_rng(3)
    arrival, start, end = queued(rng, 500, servers=2, load=0.9)
    store = request_store(arrival, arrival, end)
    store.connection.execute("UPDATE spans SET queue_ns = NULL")
    waits = dict(zip(range(3, 1_003, 2), (start - arrival).tolist(), strict=True))
    store.connection.executemany(
        "UPDATE spans SET queue_ns = ? WHERE span_id = ?",
        [(wait, span) for span, wait in waits.items()],
    )
    work = stage(load_report(store), "work")
    assert isinstance(work.servers, Servers)
    assert work.servers.count == 2


def test_load_that_grows_is_not_steady() -> None:
    rng = np.random.default_rng(4)
    arrival, start, end = queued(rng, 400, servers=1, load=2.0)
    little = stage(load_report(request_store(arrival, start, end)), "work").little
    assert little is not None
    assert not little.is_steady


@pytest.mark.parametrize(
    "seeds",
    [
        [seed(1, None, "request", 0, 0)],
        [seed(1, None, "request", 0, 0), seed(2, 1, "work", 0, 0)],
        [seed(1, 2, "a", 0, 5), seed(2, 1, "b", 0, 5)],
        [seed(number, None, "same", 0, 0, trace=number) for number in range(1, 40)],
    ],
)
def test_odd_recordings_have_an_answer(seeds: list[object]) -> None:
    store = MemoryStore()
    store.add_run()
    store.add_spans(seeds)  # type: ignore[arg-type]  # seeds, whatever is in them
    json.dumps(to_json(load_report(store)), allow_nan=False)


def test_nothing_recorded_is_said() -> None:
    store = MemoryStore()
    store.add_run()
    with pytest.raises(NoDataError, match="Nothing is recorded yet"):
        load_report(store)


def test_attributes_that_are_no_numbers_are_no_batch_sizes() -> None:
    rng = np.random.default_rng(5)
    columns = queued(rng, 60, servers=1, load=0.5)
    attributes = [{"batch_size": "many"}] * 60
    assert stage(load_report(request_store(*columns, attributes=attributes)), "work").batch is None


def test_a_second_stage_in_the_same_request_has_its_own_queue() -> None:
    rng = np.random.default_rng(6)
    arrival, start, end = queued(rng, 500, servers=2, load=0.85)
    store = request_store(arrival, start, end)
    ids = np.arange(1, 501)
    add_spans(store, ids, ids + 10_000, ids * 2, "after", end + 1_000, end + MS // 2)
    assert isinstance(stage(load_report(store), "work").servers, Servers)
    assert isinstance(stage(load_report(store), "after").servers, Refusal)
