from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.spans import Spans
from latprobe.analysis.tree import Tree, build_tree
from tests.analysis.random_traces import broken_spans
from tests.analysis.seeding import MS, Seed, seed, spans_of


def critical_ms(*seeds: Seed) -> dict[str, float]:
    spans = spans_of(seeds)
    found = critical_ns(spans, build_tree(spans))
    return {spans.names[n]: v / MS for n, v in zip(spans.name, found, strict=True)}


ROOT = seed(1, None, "root", 0, 100)

CASES: dict[str, tuple[list[Seed], dict[str, float]]] = {
    "one span": ([ROOT], {"root": 100}),
    "sequential children and the gaps between them": (
        [ROOT, seed(2, 1, "a", 10, 40), seed(3, 1, "b", 50, 90)],
        {"root": 30, "a": 30, "b": 40},
    ),
    "nested children": (
        [ROOT, seed(2, 1, "a", 10, 90), seed(3, 2, "b", 20, 80)],
        {"root": 20, "a": 20, "b": 60},
    ),
    "children that start when the one before ends": (
        [ROOT, seed(2, 1, "a", 0, 50), seed(3, 1, "b", 50, 100)],
        {"root": 0, "a": 50, "b": 50},
    ),
    "fan-out: only the slowest branch": (
        [
            ROOT,
            seed(2, 1, "split", 0, 10),
            seed(3, 1, "fast", 10, 40),
            seed(4, 1, "slow", 10, 90),
            seed(5, 1, "middle", 10, 60),
            seed(6, 1, "join", 90, 100),
        ],
        {"split": 10, "slow": 80, "join": 10, "fast": 0, "middle": 0, "root": 0},
    ),
    "two chains side by side: the one that ends last": (
        [
            ROOT,
            seed(2, 1, "a1", 0, 30),
            seed(3, 1, "a2", 30, 100),
            seed(4, 1, "b1", 0, 45),
            seed(5, 1, "b2", 45, 95),
        ],
        {"root": 0, "a1": 30, "a2": 70, "b1": 0, "b2": 0},
    ),
    "a sibling that runs on into the next one: up to the handover": (
        [ROOT, seed(2, 1, "a", 0, 60), seed(3, 1, "b", 50, 100)],
        {"root": 0, "a": 50, "b": 50},
    ),
    "a handover inside a nested span": (
        [
            ROOT,
            seed(2, 1, "a", 0, 60),
            seed(3, 1, "b", 50, 100),
            seed(4, 2, "a1", 0, 20),
            seed(5, 2, "a2", 30, 58),
        ],
        {"root": 0, "a": 10, "a1": 20, "a2": 20, "b": 50},
    ),
    "something in the background does not hide the steps": (
        [
            ROOT,
            seed(2, 1, "monitor", 0, 99),
            seed(3, 1, "s1", 0, 49),
            seed(4, 1, "s2", 50, 100),
        ],
        {"root": 1, "monitor": 0, "s1": 49, "s2": 50},
    ),
    "a child that outlives its parent is clipped": (
        [ROOT, seed(2, 1, "a", 60, 150)],
        {"root": 60, "a": 40},
    ),
    "fire and forget does not hide what was waited for": (
        [ROOT, seed(2, 1, "llm", 10, 95), seed(3, 1, "log", 50, 150)],
        {"root": 15, "llm": 85, "log": 0},
    ),
    "clipping reaches the grandchildren": (
        [ROOT, seed(2, 1, "a", 60, 150), seed(3, 2, "b", 70, 140), seed(4, 2, "c", 141, 149)],
        {"root": 60, "a": 10, "b": 30, "c": 0},
    ),
    "a child that starts before its parent": (
        [ROOT, seed(2, 1, "a", -20, 30)],
        {"root": 70, "a": 30},
    ),
    "a child outside of its parent": (
        [ROOT, seed(2, 1, "before", -20, -10), seed(3, 1, "after", 110, 120)],
        {"root": 100, "before": 0, "after": 0},
    ),
    "a missing parent: the root's child": (
        [ROOT, seed(3, 2, "orphan", 20, 70)],
        {"root": 50, "orphan": 50},
    ),
    "a cycle of parents: the earliest is the root's child": (
        [ROOT, seed(2, 3, "a", 10, 50), seed(3, 2, "b", 20, 40)],
        {"root": 60, "a": 20, "b": 20},
    ),
    "a span that is its own parent": (
        [ROOT, seed(2, 2, "a", 10, 50)],
        {"root": 60, "a": 40},
    ),
    "nothing but a cycle: the earliest is the root": (
        [seed(1, 2, "a", 0, 100), seed(2, 1, "b", 10, 50)],
        {"a": 60, "b": 40},
    ),
    "no root: the earliest span": (
        [seed(2, 9, "first", 0, 100), seed(3, 9, "second", 30, 60)],
        {"first": 70, "second": 30},
    ),
    "a second root: a child of the first": (
        [ROOT, seed(2, None, "other", 20, 60)],
        {"root": 60, "other": 40},
    ),
    "the same id twice: the earlier is the parent": (
        [
            ROOT,
            seed(2, 1, "a", 10, 30),
            seed(2, 1, "again", 50, 80),
            seed(3, 2, "below", 15, 20),
        ],
        {"root": 50, "a": 15, "again": 30, "below": 5},
    ),
    "identical intervals: one of them": (
        [ROOT, seed(2, 1, "a", 10, 50), seed(3, 1, "b", 10, 50)],
        {"root": 60, "a": 40, "b": 0},
    ),
    "zero durations": (
        [ROOT, seed(2, 1, "a", 50, 50), seed(3, 1, "b", 50, 50), seed(4, 2, "c", 50, 50)],
        {"root": 100, "a": 0, "b": 0, "c": 0},
    ),
    "a root without duration": (
        [seed(1, None, "root", 0, 0), seed(2, 1, "a", 0, 10)],
        {"root": 0, "a": 0},
    ),
    "an end before the start": (
        [ROOT, seed(2, 1, "a", 50, 40)],
        {"root": 100, "a": 0},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_critical_path_of_a_request_with(case: str) -> None:
    seeds, expected = CASES[case]
    assert critical_ms(*seeds) == expected


@pytest.mark.parametrize("case", CASES)
def test_the_order_of_the_rows_does_not_matter_for(case: str) -> None:
    seeds, expected = CASES[case]
    if case == "identical intervals: one of them":
        expected = {"root": 60, "a": 0, "b": 40}
    assert critical_ms(*reversed(seeds)) == expected


def test_traces_do_not_touch_each_other_though_their_span_ids_are_the_same() -> None:
    one = CASES["nested children"][0]
    two = CASES["sequential children and the gaps between them"][0]
    moved = [seed(s.span_id, s.parent_id, s.name, s.start_ms, s.end_ms, 2) for s in two]
    spans = spans_of([*moved, *one])
    found = critical_ns(spans, build_tree(spans)) // MS
    assert [found[rows].tolist() for rows in spans.traces()] == [[20, 20, 60], [30, 30, 40]]


def test_a_chain_of_100_000_nested_spans_and_one_of_100_000_siblings_end() -> None:
    count = 100_000
    nested = Spans(
        trace=np.zeros(count, np.int64),
        span_id=np.arange(1, count + 1, dtype=np.uint64),
        parent_id=np.arange(0, count, dtype=np.uint64),
        start_ns=np.arange(count),
        end_ns=np.arange(2 * count, count, -1),
        name=np.zeros(count, np.int64),
        names=("deep",),
        row=np.arange(count),
    )
    found = critical_ns(nested, build_tree(nested))
    assert found.tolist() == [2] * (count - 1) + [count + 1 - (count - 1)]
    flat = Spans(
        trace=np.zeros(count, np.int64),
        span_id=np.arange(1, count + 1, dtype=np.uint64),
        parent_id=np.minimum(np.arange(count), 1).astype(np.uint64),
        start_ns=np.arange(count) * 10,
        end_ns=np.append(count * 10, np.arange(1, count) * 10 + 10),
        name=np.zeros(count, np.int64),
        names=("wide",),
        row=np.arange(count),
    )
    assert critical_ns(flat, build_tree(flat)).tolist() == [10] * count


def test_no_spans_at_all_give_nothing() -> None:
    spans = spans_of([])
    assert critical_ns(spans, build_tree(spans)).tolist() == []


@settings(max_examples=400, deadline=None)
@given(broken_spans())
def test_the_parts_of_the_path_add_up_to_the_root_and_none_is_negative(seeds: list[Seed]) -> None:
    spans = spans_of(seeds)
    tree = build_tree(spans)
    found = critical_ns(spans, tree)
    assert (found >= 0).all()
    assert (found <= spans.duration_ns).all()
    assert [int(found[rows].sum()) for rows in spans.traces()] == (
        spans.duration_ns[tree.root].tolist()
    )


@settings(max_examples=400, deadline=None)
@given(broken_spans())
def test_the_path_is_the_one_that_a_plain_walk_backwards_finds(seeds: list[Seed]) -> None:
    spans = spans_of(seeds)
    tree = build_tree(spans)
    expected = [0] * len(spans)
    for root in tree.root.tolist():
        _walk(spans, tree, root, int(spans.start_ns[root]), int(spans.end_ns[root]), expected)
    assert critical_ns(spans, tree).tolist() == expected


def _walk(spans: Spans, tree: Tree, row: int, start: int, end: int, own: list[int]) -> None:
    """The definition, one span at a time: adds to `own` what the span at `row` and below get."""
    children = [
        (min(int(spans.end_ns[c]), end), max(int(spans.start_ns[c]), start), int(c))
        for c in np.flatnonzero(tree.parent == row)
    ]
    in_time = [c for c in children if spans.end_ns[c[2]] <= spans.end_ns[row] and c[0] > c[1]]
    last = max((c[0] for c in in_time), default=start)
    late = [c for c in children if c not in in_time and c[1] >= last and c[0] > c[1]]
    moment, is_handover = end, False
    while True:
        done = [c for c in in_time + late if c[0] <= moment]
        best = min(done, key=lambda c: (-c[0], c[1], c[2]), default=None)
        running = [
            c
            for c in in_time + late
            if is_handover and c[1] < moment < c[0] and (best is None or c[1] >= best[0])
        ]
        if running:
            best = min(running, key=lambda c: (c[0], -c[1], c[2]))
        if best is None:
            break
        latest, began, child = min(best[0], moment), best[1], best[2]
        own[row] += moment - latest
        _walk(spans, tree, child, began, latest, own)
        moment, is_handover = began, True
    own[row] += moment - start
