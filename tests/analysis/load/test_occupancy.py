"""Concurrency, occupied time and Little's law."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.analysis.load.occupancy import (
    ends_of,
    little,
    max_present,
    mean_present,
    occupied_share,
)
from tests.analysis.load.building import calls_of

_SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), min_size=1, max_size=30)


@given(_SPANS)
@settings(max_examples=100, deadline=None)
def test_figures_are_those_of_counting_each_moment(spans: list[tuple[int, int]]) -> None:
    start = np.array([at for at, _ in spans])
    end = start + np.array([takes for _, takes in spans])
    last = int(end.max())
    present = [int(((start <= moment) & (end > moment)).sum()) for moment in range(last)]
    assert max_present(start, end) == max(present)
    assert round(mean_present(start, end, 0, last) * last, 6) == sum(present)
    assert round(occupied_share(start, end, 0, last) * last) == sum(n > 0 for n in present)


def test_nothing_there_is_nothing() -> None:
    none = np.zeros(0, np.int64)
    assert (max_present(none, none), occupied_share(none, none, 0, 10)) == (0, 0.0)
    assert little(calls_of(none, none)) is None


def test_both_sides_of_littles_law_are_measured_apart() -> None:
    start = np.arange(1_000) * 10
    found = little(calls_of(start, start + 25))
    assert found is not None
    assert (round(found.present, 3), found.is_steady) == (2.5, True)
    assert round(found.rate_per_s * found.stay_ms / 1e3, 2) == 2.5


def test_what_ends_after_the_last_moment_ends_then() -> None:
    """A broken clock near 2^63 ns: no overflow, and no end before its start."""
    last = 2**63 - 1
    start, takes = np.array([0, last - 10, last, -5]), np.array([7, 100, 1, 2])
    assert ends_of(start, takes).tolist() == [7, last, last, -3]
    end = ends_of(np.full(3, last - 4), np.full(3, 2**62))
    assert occupied_share(np.full(3, last - 4), end, last - 4, last) == 1.0
