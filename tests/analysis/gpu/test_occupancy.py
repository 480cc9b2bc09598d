"""Innermost segments and their share of windows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from latprobe.analysis.gpu.occupancy import Segments, idle_share, innermost, occupancy


def _ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


def test_a_span_has_what_its_children_leave() -> None:
    found = innermost(
        _ints(0, 10, 15, 40), _ints(100, 20, 30, 120), _ints(-1, 0, 0, 0), _ints(0, 1, 2, 3)
    )
    order = np.lexsort((found.start_ns, found.stage))
    assert list(
        zip(
            found.stage[order].tolist(),
            found.start_ns[order].tolist(),
            found.end_ns[order].tolist(),
            strict=True,
        )
    ) == [(0, 0, 10), (0, 30, 40), (1, 10, 20), (2, 15, 30), (3, 40, 120)]


def test_windows_hold_the_share_of_time_and_requests_at_once_add_up() -> None:
    segments = Segments(_ints(0, 0, 1), _ints(0, 50, 100), _ints(100, 150, 200))
    found = occupancy(segments, 2, _ints(0, 100, 200), _ints(100, 200, 300))
    assert found.tolist() == [[1.5, 0.0], [0.5, 1.0], [0.0, 0.0]]
    assert idle_share(segments, _ints(0, 150, 150), _ints(100, 250, 350)).tolist() == [
        0.0,
        0.5,
        0.75,
    ]


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 300)), min_size=1, max_size=30),
    st.integers(1, 400),
)
def test_all_windows_together_hold_all_active_time(
    spans: list[tuple[int, int]], length: int
) -> None:
    start = _ints(*(begin for begin, _ in spans))
    end = start + _ints(*(size for _, size in spans))
    segments = Segments(np.zeros(len(spans), np.int64), start, end)
    edges = np.arange(0, 1301 + length, length, dtype=np.int64)
    found = occupancy(segments, 1, edges[:-1], edges[1:])
    assert round(float(found.sum() * length)) == int((end - start).sum())
