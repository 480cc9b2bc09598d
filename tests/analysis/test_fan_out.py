"""How many spans of a stage run at once in a request."""

from __future__ import annotations

from latprobe.analysis.fan_out import FanOut, fan_out
from latprobe.analysis.scope import Scope
from tests.analysis.seeding import MemoryStore, seed

STAGE = Scope(stage="ocr")


def test_spans_of_a_request_that_overlap_run_side_by_side() -> None:
    store = MemoryStore()
    store.add_run(1)
    for trace in (1, 2, 3):
        store.add_spans(
            [
                seed(1, None, "request", 0, 100, trace),
                seed(2, 1, "ocr", 10, 40, trace),
                seed(3, 1, "ocr", 20, 50, trace),
                seed(4, 1, "ocr", 50, 60, trace),  # begins as the one before ends
            ]
        )
    store.add_spans([seed(2, 1, "ocr", 0, 90, 4)])
    assert fan_out(store, STAGE) == FanOut(
        requests=4, spans=3.0, at_once=2.0, most_at_once=2, parallel_share=0.75
    )


def test_requests_at_the_same_time_are_not_a_fan_out() -> None:
    store = MemoryStore()
    store.add_run(1)
    store.add_spans([seed(1, None, "ocr", 0, 100, trace) for trace in range(1, 9)])
    store.add_spans([seed(1, None, "ocr", 5, 5, 9)])
    found = fan_out(store, STAGE)
    assert found is not None
    assert (found.requests, found.at_once, found.most_at_once) == (9, 1.0, 1)


def test_a_stage_that_never_ran_has_none() -> None:
    assert fan_out(MemoryStore(), STAGE) is None


def test_a_stage_within_itself_is_not_side_by_side() -> None:
    store = MemoryStore()
    store.add_run(1)
    store.add_spans(
        [
            seed(1, None, "ocr", 0, 100, 1),
            seed(2, 1, "tool", 10, 90, 1),
            seed(3, 2, "ocr", 20, 80, 1),
        ]
    )
    found = fan_out(store, STAGE)
    assert found is not None
    assert (found.spans, found.most_at_once) == (2.0, 1)


def test_branches_with_parents_of_their_own_are_side_by_side() -> None:
    store = MemoryStore()
    store.add_run(1)
    pages = [seed(10 + at, 1, "page", 0, 50, 1) for at in range(3)]
    ocr = [seed(20 + at, 10 + at, "ocr", 5 + at, 40 + at, 1) for at in range(3)]
    store.add_spans([seed(1, None, "request", 0, 100, 1), *pages, *ocr])
    found = fan_out(store, STAGE)
    assert found is not None
    assert found.at_once == 3.0
