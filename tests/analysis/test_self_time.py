from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from latprobe.analysis.self_time import self_ns
from latprobe.analysis.tree import build_tree
from tests.analysis.random_traces import broken_spans
from tests.analysis.seeding import MS, Seed, seed, spans_of

ROOT = seed(1, None, "root", 0, 100)

CASES: dict[str, tuple[list[Seed], dict[str, int]]] = {
    "no child": ([ROOT], {"root": 100}),
    "children one after another": (
        [ROOT, seed(2, 1, "a", 10, 30), seed(3, 1, "b", 50, 90)],
        {"root": 40, "a": 20, "b": 40},
    ),
    "children that overlap": (
        [ROOT, seed(2, 1, "a", 10, 50), seed(3, 1, "b", 30, 70), seed(4, 1, "c", 35, 40)],
        {"root": 40, "a": 40, "b": 40, "c": 5},
    ),
    "a grandchild, which is the child's": (
        [ROOT, seed(2, 1, "a", 10, 50), seed(3, 2, "b", 20, 90)],
        {"root": 60, "a": 10, "b": 70},
    ),
    "children reaching over both ends": (
        [ROOT, seed(2, 1, "a", -30, 20), seed(3, 1, "b", 90, 150)],
        {"root": 70, "a": 50, "b": 60},
    ),
    "children without duration or outside": (
        [ROOT, seed(2, 1, "a", 50, 50), seed(3, 1, "b", 100, 120)],
        {"root": 100, "a": 0, "b": 20},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_self_time_of_a_span_with(case: str) -> None:
    seeds, expected = CASES[case]
    spans = spans_of(seeds)
    found = self_ns(spans, build_tree(spans)) // MS
    assert {spans.names[n]: v for n, v in zip(spans.name, found, strict=True)} == expected


@settings(max_examples=300, deadline=None)
@given(broken_spans())
def test_self_time_is_what_is_left_after_crossing_out_every_childs_milliseconds(
    seeds: list[Seed],
) -> None:
    spans = spans_of(seeds)
    tree = build_tree(spans)
    ticks = [
        set(range(int(a) // MS, int(b) // MS))
        for a, b in zip(spans.start_ns, spans.end_ns, strict=True)
    ]
    expected = []
    for row in range(len(spans)):
        covered = [ticks[c] for c in np.flatnonzero(tree.parent == row)]
        expected.append(len(ticks[row].difference(*covered)) * MS)
    assert self_ns(spans, tree).tolist() == expected
