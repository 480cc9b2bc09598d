"""Sums taken once give the same occupancy."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.gpu.occupancy import Segments, idle_share, occupancy
from latprobe.analysis.gpu.timeline import timeline
from tests.analysis.gpu.simulated import MS


def test_shares_are_those_of_each_window_by_itself() -> None:
    random = np.random.default_rng(3)
    start = np.sort(random.integers(0, 10_000 * MS, 300))
    end = start + random.integers(1, 60 * MS, 300)
    stage = random.integers(-1, 4, 300)  # -1 is no stage's usual run
    segments = Segments(stage, start, end)
    low = random.integers(-200 * MS, 10_200 * MS, 400)
    high = low + random.integers(1, 300 * MS, 400)
    found = timeline(segments, 4, -(10**12), 10**12).shares(low, high)
    np.testing.assert_allclose(found[:, :4], occupancy(segments, 4, low, high), atol=1e-9)
    np.testing.assert_allclose(found[:, 4], idle_share(segments, low, high), atol=1e-9)


def test_without_segments_all_is_idle() -> None:
    nothing = np.empty(0, np.int64)
    found = timeline(Segments(nothing, nothing, nothing), 2, 0, MS).shares(
        np.array([0]), np.array([MS])
    )
    assert found.tolist() == [[0.0, 0.0, 1.0]]
