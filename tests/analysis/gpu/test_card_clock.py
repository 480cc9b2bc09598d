"""Windows put where a card's own strict clock closed them."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.gpu.card_clock import card_windows
from latprobe.analysis.gpu.counters import PERCENT, Windows
from latprobe.analysis.gpu.occupancy import Floats
from latprobe.analysis.gpu.timeline import timeline
from latprobe.analysis.spans import Ints
from tests.analysis.gpu.simulated import MS, Simulated, simulate
from tests.analysis.gpu.stepped import WINDOW_NS, SteppedCard, by_steps
from tests.analysis.gpu.test_attribution import PIPELINE, SHORT

EVEN = np.ones(len(SHORT))


def _at(card: Simulated):  # type: ignore[no-untyped-def]
    active = timeline(card.segments, len(card.names), -(10**12), 10**15)

    def at(windows: Windows, delays_ns: list[Ints]) -> Floats:
        return np.stack(
            [active.shares(windows.start_ns - d, windows.end_ns - d) for d in delays_ns]
        )

    return at


@pytest.mark.parametrize("skips_at", [None, 300, 520])
def test_they_are_found_also_where_the_lag_falls_by_a_whole_window(skips_at: int | None) -> None:
    card = simulate(SHORT, requests=220, seed=3)
    stepped = SteppedCard(card, EVEN, lag_ns=95 * MS, skips_at=skips_at)
    windows = by_steps(stepped, seed=3)
    found = card_windows(_at(card), windows, PERCENT)
    assert found is not None
    assert len(found.rows) >= 0.97 * len(windows)
    closed = windows.end_ns[found.rows] - found.delay_ns
    off = (closed - stepped.phase_ns + stepped.lag_ns + WINDOW_NS // 2) % WINDOW_NS - WINDOW_NS // 2
    assert np.abs(off).max() < 2 * MS
    assert found.left < 2.0
    if skips_at is not None:
        late = windows.end_ns[found.rows] > skips_at * WINDOW_NS
        gap = np.median(found.delay_ns[~late]) - np.median(found.delay_ns[late])
        assert gap == pytest.approx(WINDOW_NS, abs=15 * MS)


def test_windows_that_are_no_periods_of_a_clock_are_none_of_a_cards() -> None:
    card = simulate(PIPELINE, requests=120, seed=1)  # one begins 102 ms after the other
    assert card_windows(_at(card), card.windows, PERCENT) is None
    assert card_windows(_at(card), card.windows.take(np.arange(10)), PERCENT) is None


def test_windows_of_odd_lengths_are_left_out() -> None:
    card = simulate(SHORT, requests=220, seed=5)
    windows = by_steps(SteppedCard(card, EVEN), seed=5)
    odd = np.arange(100, 150)
    start = windows.start_ns.copy()
    start[odd] += 6 * MS
    found = card_windows(_at(card), Windows(start, windows.end_ns, windows.value), PERCENT)
    assert found is not None
    assert not set(odd.tolist()) & set(found.rows.tolist())
    assert len(found.rows) >= 0.95 * (len(windows) - len(odd))
