from __future__ import annotations

import pytest

from latprobe.analysis.report import build_report
from tests.analysis.seeding import MemoryStore, Seed, seed

AGENT = [
    seed(1, None, "root", 0, 100),
    seed(2, 1, "agent", 0, 100),
    seed(3, 2, "step", 0, 50),
    seed(4, 3, "client", 0, 50),
    seed(5, 2, "client", 50, 100),
]

CASES: dict[str, tuple[list[Seed], dict[int, int], int]] = {
    "one call": (AGENT, {4: 10}, 10),
    "two calls beside each other": (AGENT, {4: 10, 5: 7}, 17),
    "an outer span that repeats its calls, with a span between": (AGENT, {2: 17, 4: 10, 5: 7}, 17),
    "the root repeating one call": (AGENT, {1: 10, 4: 10}, 10),
    "usage of a span that is not here": (AGENT, {9: 3, 4: 10}, 13),
    "a cycle of parents, of which none is innermost": (
        [seed(1, None, "root", 0, 9), seed(2, 3, "a", 1, 5), seed(3, 2, "b", 1, 5)],
        {1: 4},
        4,
    ),
    "a span that is its own parent": (
        [seed(1, None, "root", 0, 9), seed(2, 2, "a", 1, 5), seed(3, 1, "b", 1, 5)],
        {2: 4, 3: 5},
        9,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_model_call_is_counted_once_with(case: str) -> None:
    spans, usage, expected = CASES[case]
    store = MemoryStore()
    store.add_spans(spans)
    for span_id, tokens in usage.items():
        store.add_usage(1, span_id, input_tokens=tokens)
    assert build_report(store).requests.input_tokens == expected


def test_two_calls_recorded_on_one_span_both_count() -> None:
    store = MemoryStore()
    store.add_spans(AGENT)
    store.add_usage(1, 4, input_tokens=10, output_tokens=1, cost_usd=0.25)
    store.add_usage(1, 4, input_tokens=20, cost_usd=0.25)
    found = build_report(store).requests
    assert (found.input_tokens, found.output_tokens, found.cost_usd) == (30, 1, 0.5)


def test_the_same_span_ids_in_another_trace_do_not_matter() -> None:
    store = MemoryStore()
    store.add_spans(AGENT)
    store.add_spans([seed(2, None, "root", 0, 10, 2), seed(4, 2, "x", 0, 5, 2)])
    for trace, span_id in ((1, 4), (1, 5), (2, 2)):
        store.add_usage(trace, span_id, input_tokens=10)
    assert build_report(store).requests.input_tokens == 30
