from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from latprobe.analysis.tree import build_tree, over_ancestors
from tests.analysis.random_traces import broken_spans
from tests.analysis.seeding import Seed, seed, spans_of


def test_the_root_is_the_earliest_span_without_a_parent_even_if_a_child_started_before() -> None:
    spans = spans_of([seed(2, 1, "skewed", -5, 4), seed(1, None, "root", 0, 9)])
    tree = build_tree(spans)
    assert (tree.parent.tolist(), tree.root.tolist()) == ([1, -1], [1])


def test_of_spans_without_a_root_in_one_tick_the_caller_is_the_root() -> None:
    spans = spans_of(
        [
            seed(3, 2, "outlives", 0, 5),
            seed(2, 9, "called from elsewhere", 0, 4),
            seed(4, 2, "x", 1, 2),
        ]
    )
    tree = build_tree(spans)
    assert spans.span_id[tree.root].tolist() == [2]
    assert spans.span_id[tree.parent[tree.parent >= 0]].tolist() == [2, 2]


def test_cycles_hang_below_the_root_at_their_earliest_span() -> None:
    spans = spans_of(
        [
            seed(1, None, "root", 0, 9),
            seed(2, 4, "x", 1, 9),
            seed(3, 2, "y", 2, 9),
            seed(4, 3, "z", 3, 9),
            seed(5, 4, "below the cycle", 4, 9),
            seed(6, 7, "u", 5, 9),
            seed(7, 6, "v", 6, 9),
        ]
    )
    assert build_tree(spans).parent.tolist() == [-1, 0, 1, 2, 3, 0, 5]


@settings(max_examples=300, deadline=None)
@given(broken_spans())
def test_every_trace_becomes_one_tree(seeds: list[Seed]) -> None:
    spans = spans_of(seeds)
    tree = build_tree(spans)
    assert np.flatnonzero(tree.parent < 0).tolist() == tree.root.tolist()
    assert len(tree.root) == len(list(spans.traces()))
    for row in range(len(spans)):
        at, steps = row, 0
        while tree.parent[at] >= 0:
            at, steps = int(tree.parent[at]), steps + 1
            assert steps <= len(spans)
        assert spans.trace[at] == spans.trace[row]


def test_over_ancestors_combines_the_whole_line_upwards() -> None:
    parent = np.array([-1, 0, 1, 2, 3, 0, 4])
    values = np.array([1, 5, 2, 4, 0, 3, 1])
    assert over_ancestors(parent, values, np.maximum).tolist() == [1, 5, 5, 5, 5, 3, 5]
