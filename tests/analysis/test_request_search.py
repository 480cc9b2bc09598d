from __future__ import annotations

import pytest

from latprobe.analysis.call_table import fetch_calls
from latprobe.analysis.request_search import fetch_failures, in_order, search, within
from latprobe.analysis.root_table import RootTable, fetch_roots, place_of
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.traces import Order, list_traces
from tests.analysis.seeded_calls import CallStore
from tests.analysis.seeding import seed, trace_hex


@pytest.fixture
def store() -> CallStore:
    """Requests 1 to 6; 2 and 5 fail, 3 and 4 call a model, 6 is another service's."""
    store = CallStore()
    store.add_run(2, service="Billing")
    for trace in range(1, 7):
        at, run = trace * 100, 2 if trace == 6 else 1
        status = "error" if trace in (2, 5) else "ok"
        attributes = f'{{"user": "u{trace % 2}"}}'
        inner = {"pid": 1, "remote_parent": False, "run_id": run}
        store.add_spans(
            [
                seed(1, None, f"Ask {trace}", at, at + 10 * trace, trace, pid=1, run_id=run),
                seed(2, 1, "OCR", at, at + 5, trace, status=status, attributes=attributes, **inner),
            ]
        )
    return store


def _numbers(roots: RootTable, rows: object) -> list[int]:
    return [int(name.split()[1]) for name in roots.name.take(rows).to_pylist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("  ask 3 ", [3]),
        ("ocr", [1, 2, 3, 4, 5, 6]),
        ("billing", [6]),
        ("user=u1", [1, 3, 5]),
        ("user = u0", [2, 4, 6]),
        ("user=", []),
        ("=x", []),
        ("%", []),
        ("\x00", []),
        (trace_hex(4), [4]),
    ],
)
def test_a_text_finds_requests_by_name_service_stage_id_or_attribute(
    text: str, expected: list[int], store: CallStore
) -> None:
    roots = fetch_roots(store)
    assert _numbers(roots, search(roots, roots.rows(EVERYTHING), text)) == expected


@pytest.mark.parametrize("order", ["slowest", "recent", "tokens", "errors"])
def test_the_order_is_that_of_the_list_of_traces(order: Order, store: CallStore) -> None:
    store.connection.execute(
        "INSERT INTO usage BY NAME SELECT trace_id, span_id, run_id, start_ns, name AS stage,"
        " 7 * (name = 'Ask 3')::BIGINT + 3 AS input_tokens, 'span' AS origin"
        " FROM spans WHERE name IN ('Ask 3', 'Ask 4')"
    )
    roots, calls = fetch_roots(store), fetch_calls(store)
    rows = in_order(roots, calls, fetch_failures(store), roots.rows(EVERYTHING), order)
    expected = [int(row.name.split()[1]) for row in list_traces(store, order=order)]
    if order == "errors":
        expected = [5, 2]
    assert _numbers(roots, rows) == expected


def test_durations_are_kept_within_both_ends(store: CallStore) -> None:
    roots = fetch_roots(store)
    rows = roots.rows(EVERYTHING)
    assert _numbers(roots, within(roots, rows, 20.0, 40.0)) == [2, 3, 4]
    assert _numbers(roots, within(roots, rows, None, 10.0)) == [1]
    assert _numbers(roots, within(roots, rows, 55.0, None)) == [6]


def test_a_request_has_a_slower_and_a_faster_neighbour(store: CallStore) -> None:
    roots = fetch_roots(store)
    rows = roots.rows(Scope(service="app"))
    place = place_of(roots, rows, trace_hex(4))
    assert place is not None
    assert (place.rank, place.of) == (2, 5)
    assert (place.longer, place.shorter) == (trace_hex(5), trace_hex(3))
    last = place_of(roots, rows, trace_hex(1))
    assert last is not None
    assert last.shorter is None
    assert place_of(roots, rows, trace_hex(6)) is None
    assert place_of(roots, rows, "f" * 32) is None
