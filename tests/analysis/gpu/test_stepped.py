"""Counters that a card publishes in steps of its own clock, as an H200 does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from latprobe.analysis.gpu.attribution import Attribution, attribute_all
from latprobe.analysis.gpu.clock_spread import clock_spread
from latprobe.analysis.gpu.counters import CLOCK, PERCENT, Windows
from tests.analysis.gpu.simulated import MS, Simulated, simulate
from tests.analysis.gpu.stepped import METRIC, STEP_NS, SteppedCard, between_readings, by_steps
from tests.analysis.gpu.test_attribution import PIPELINE, SHORT


def _attributed(
    card: Simulated, read: Callable[..., Windows], *, slow: float, seed: int
) -> Attribution:
    """`slow` is the clock's share in stages that load the card."""
    clock = np.array([slow if card.truth[name] >= 80 else 1.0 for name in card.names])
    stepped = SteppedCard(card, clock, phase_ns=seed * 19 * MS, lag_ns=(20 + seed * 18) * MS)
    windows = read(stepped, seed=seed)
    megahertz = 1980.0 * np.random.default_rng(seed).choice([1.0, slow], len(windows))
    readings = Windows(windows.start_ns, windows.end_ns, megahertz)
    return attribute_all(
        card.segments, card.names, {METRIC: windows, CLOCK: readings}, {METRIC: PERCENT}
    )[METRIC]


@pytest.mark.parametrize("stages", [PIPELINE, SHORT])
def test_windows_from_reading_to_reading_are_not_where_they_seem_and_give_no_figure(
    stages: dict[str, tuple[float, float]],
) -> None:
    card = simulate(stages, requests=220, seed=2)
    found = _attributed(card, between_readings, slow=1.0, seed=2)
    assert found.explained is not None
    assert found.explained < 0.75
    assert {stage.value for stage in found.stages.values()} == {None}


@pytest.mark.parametrize("slow", [1.0, 0.85])
def test_windows_from_step_to_step_tell_the_stages_apart(slow: float) -> None:
    held, told, wrong = 0, 0, {"short": 0.0, "long": 0.0}
    for seed in range(4):
        stages = (PIPELINE, SHORT)[seed % 2]
        card = simulate(stages, requests=220, seed=seed)
        found = _attributed(card, by_steps, slow=slow, seed=seed)
        for name, truth in card.truth.items():
            stage = found.stages[name]
            assert stage.value is not None, stage
            assert stage.low is not None
            assert stage.high is not None
            told += 1
            held += stage.low <= truth <= stage.high
            kind = "long" if stages[name][0] >= 20 else "short"
            wrong[kind] = max(wrong[kind], abs(stage.value - truth))
    assert told == 20
    assert held >= 18
    assert wrong["long"] < 10.0
    assert wrong["short"] < 15.0


def test_the_collectors_windows_are_one_step_long_and_none_is_missing() -> None:
    card = simulate(PIPELINE, requests=60, seed=1)
    windows = by_steps(SteppedCard(card, np.ones(len(PIPELINE))), seed=1)
    length = windows.end_ns - windows.start_ns
    assert np.abs(length - STEP_NS).max() < MS
    assert np.abs(windows.start_ns[1:] - windows.end_ns[:-1]).max() < 5 * MS
    assert len(windows) >= int(card.segments.end_ns.max()) // STEP_NS - 4


def test_a_clock_that_is_not_known_or_steady_has_no_spread() -> None:
    card = simulate(PIPELINE, requests=60, seed=1)
    begin = np.arange(0, 20_000 * MS, 200 * MS)
    steady = Windows(begin, begin + 200 * MS, np.full(len(begin), 1980.0))
    falling = Windows(begin, begin + 200 * MS, np.linspace(1980, 1584, len(begin)))
    assert clock_spread(None, card.segments) == 0.0
    assert clock_spread(steady, card.segments) == 0.0
    assert clock_spread(falling, card.segments) == pytest.approx(0.18, abs=0.02)
