from __future__ import annotations

import pytest

from latprobe.analysis.scope import Scope
from latprobe.analysis.traces import Order, TraceRow, list_traces
from latprobe.errors import UsageError
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, seed, trace_hex


def filled() -> MemoryStore:
    store = MemoryStore()
    store.add_run()
    store.add_spans(
        [
            seed(1, None, "answer", 0, 50, 1),
            seed(2, 1, "llm", 0, 40, 1),
            seed(1, None, "answer", 10, 100, 2, status="error"),
            seed(2, 1, "llm", 10, 20, 2, status="error"),
            seed(1, None, "index", 20, 30, 3),
            seed(2, 9, "orphan", 30, 35, 4),
        ]
    )
    store.add_usage(1, 1, input_tokens=5)
    store.add_usage(1, 2, input_tokens=5, output_tokens=2)
    store.add_usage(3, 1, input_tokens=100)
    return store


def test_a_row_says_what_its_request_was() -> None:
    assert list_traces(filled(), order="recent")[-1] == TraceRow(
        trace_id=trace_hex(1),
        name="answer",
        start_ns=EPOCH_NS,
        duration_ms=50.0,
        spans=2,
        errors=0,
        input_tokens=5,
        output_tokens=2,
        service="app",
        slowest_stage="llm",
    )


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("recent", [4, 3, 2, 1]),
        ("slowest", [2, 1, 3, 4]),
        ("tokens", [3, 1, 4, 2]),
        ("errors", [2, 4, 3, 1]),
    ],
)
def test_traces_can_be_listed_by(order: Order, expected: list[int]) -> None:
    store = filled()
    found = [row.trace_id for row in list_traces(store, order=order)]
    assert found == [trace_hex(trace) for trace in expected]
    assert [row.trace_id for row in list_traces(store, order=order, limit=2)] == found[:2]


def test_a_trace_without_a_root_goes_by_its_earliest_span() -> None:
    row = list_traces(filled(), order="recent", limit=1)[0]
    assert (row.name, row.duration_ms, row.slowest_stage) == ("orphan", 5.0, "orphan")


def test_a_scope_keeps_the_requests_that_touch_it_and_start_in_its_window() -> None:
    store = filled()
    llm = [row.trace_id for row in list_traces(store, Scope(stage="llm"))]
    late = [row.trace_id for row in list_traces(store, Scope(from_ns=EPOCH_NS + 20 * MS))]
    assert llm == [trace_hex(2), trace_hex(1)]
    assert late == [trace_hex(4), trace_hex(3)]
    assert list_traces(store, Scope(service="other")) == []


def test_an_unknown_order_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="recent, slowest, tokens, errors"):
        list_traces(filled(), order="fastest")  # type: ignore[arg-type]  # the point of the test
