from __future__ import annotations

import pytest

from latprobe.analysis.coverage import explained_ns
from latprobe.analysis.tree import build_tree
from tests.analysis.seeding import MS, Seed, seed, spans_of

ROOT = seed(1, None, "root", 0, 100)


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ([ROOT], [0]),
        ([ROOT, seed(2, 1, "a", 0, 30), seed(3, 1, "b", 20, 50)], [50]),
        ([ROOT, seed(2, 1, "a", 0, 10), seed(3, 2, "runs on after its parent", 5, 60)], [60]),
        ([ROOT, seed(2, 1, "a", -50, 200)], [100]),
        ([ROOT, seed(1, None, "root", 0, 10, 2), seed(2, 1, "a", 0, 5, 2)], [0, 5]),
        ([], []),
    ],
)
def test_time_is_explained_where_any_span_but_the_root_ran(
    seeds: list[Seed], expected: list[int]
) -> None:
    spans = spans_of(seeds)
    assert (explained_ns(spans, build_tree(spans)) // MS).tolist() == expected
