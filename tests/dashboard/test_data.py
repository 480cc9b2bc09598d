"""The one reader behind the pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from latprobe.analysis.call_table import fetch_calls
from latprobe.analysis.root_table import fetch_roots
from latprobe.analysis.scope import Scope
from latprobe.errors import StoreError
from latprobe.store.query import Query
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import connection, data
from latprobe_dashboard.live_queries import STEP_NS, WINDOW_NS, read_pulse
from latprobe_dashboard.store_lists import TokenPoint, token_points
from tests.analysis.seeded_calls import CallStore
from tests.dashboard.seeding import END_NS, HOUR_NS, seed


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield seed(tmp_path / "store", requests=60)
    data.close()


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


class Counting:
    """A reader that counts what it is asked, and fails when told to."""

    def __init__(self, inner: Reader) -> None:
        self.inner = inner
        self.asked = 0
        self.is_dead = False

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        self.asked += 1
        if self.is_dead:
            raise StoreError("The agent is gone.")
        return self.inner.query(sql, parameters)

    def data_version(self) -> int:
        if self.is_dead:
            raise StoreError("The agent is gone.")
        return self.inner.data_version()

    def close(self) -> None:
        self.inner.close()


def test_the_same_question_is_asked_only_once(home: Path) -> None:
    counting = Counting(_unattended(home))
    data.use_store(home, opener=lambda _: counting)  # type: ignore[arg-type,return-value]  # a double
    first = data.overview(Scope())
    asked = counting.asked
    assert data.overview(Scope()) is first
    assert counting.asked == asked
    assert data.overview(Scope(run_id=1)).requests.count == 30


def test_a_reader_that_died_is_replaced(home: Path) -> None:
    opened: list[Counting] = []

    def opener(home: Path) -> Reader:
        opened.append(Counting(_unattended(home)))
        return opened[-1]  # type: ignore[return-value]  # a double

    data.use_store(home, opener=opener)
    assert data.has_spans()
    opened[0].is_dead = True
    assert data.overview(Scope()).requests.count == 60
    assert len(opened) == 2


def test_a_new_agent_is_noticed(home: Path) -> None:
    data.use_store(home, opener=_unattended)
    assert connection.agent_restarts() == 0
    for pid, restarts in ((11, 0), (11, 0), (12, 1)):
        (home / "agent.json").write_text(json.dumps({"pid": pid}), "utf-8")
        assert connection.agent_restarts() == restarts
    (home / "agent.json").write_text("half a fi", "utf-8")
    assert connection.agent_restarts() == 1


def test_the_last_minute_counts_requests_by_when_they_ended(home: Path) -> None:
    with _unattended(home) as reader:
        pulse = read_pulse(reader.query, END_NS)
        later = read_pulse(reader.query, END_NS + WINDOW_NS * 5)
    assert (pulse.requests, len(pulse.newest)) == (1, 20)
    assert sum(point.requests for point in pulse.points) == 1
    assert {
        b.time_ns - a.time_ns for a, b in zip(pulse.points, pulse.points[1:], strict=False)
    } == {STEP_NS}
    assert (later.requests, later.p95_ms, len(later.newest)) == (0, None, 20)


def _points(query: Query, scope: Scope) -> list[TokenPoint]:
    return token_points(fetch_calls(query).inside(scope, fetch_roots(query)))


def test_tokens_over_time_add_up_to_all_tokens(home: Path) -> None:
    with _unattended(home) as reader:
        points = _points(reader.query, Scope())
        row = reader.query("SELECT sum(input_tokens + output_tokens) AS t FROM usage").to_pylist()
        half = _points(reader.query, Scope(from_ns=END_NS - HOUR_NS // 2))
    assert sum(point.tokens or 0 for point in points) == row[0]["t"]
    assert len(points) <= 60
    assert sum(point.tokens or 0 for point in half) < row[0]["t"]


def test_tokens_over_time_leave_out_a_span_that_repeats_its_call() -> None:
    store = CallStore()
    store.add_call(1, input_tokens=10, output_tokens=2, stage="agent", model="m", cost_usd=0.5)
    store.add_call(
        1, input_tokens=10, output_tokens=2, cost_usd=0.5, span_id=2, parent=1, stage="client"
    )
    store.add_call(200, input_tokens=7, stage="client")
    points = _points(store, Scope())
    assert [(point.tokens, point.cost_usd) for point in points] == [
        *((12, 0.5), (None, None), (None, None), (7, None))
    ]
