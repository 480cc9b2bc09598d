"""A card that publishes its counters in steps, as an H200 does, and those who read it.

Two clocks are in it, both measured: the card closes a window every 100.002 ms, and every 100.026 ms
the last closed ones are put where a reading finds them: after some minutes, two at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.counters import Windows
from latprobe.analysis.gpu.occupancy import Floats, occupancy
from latprobe.analysis.spans import Ints
from latprobe_collectors.gpu.clocks import Moment
from latprobe_collectors.gpu.library import Window
from latprobe_collectors.gpu.step_windows import StepWindows
from tests.analysis.gpu.simulated import MS, Simulated

WINDOW_NS = 100_002_000
STEP_NS = 100_026_000
METRIC = "gpu.sm_active_pct"


@dataclass(frozen=True)
class SteppedCard:
    """`card` read through steps: the step at `phase_ns` shows windows that ended `lag_ns` before.

    `clock` is the share of the usual clock at which each stage runs: the counter counts cycles, so
    that slow times count for less.
    """

    card: Simulated
    clock: Floats
    phase_ns: int = 31 * MS
    lag_ns: int = 60 * MS
    noise: float = 0.5
    skips_at: int | None = None

    def steps(self, now_ns: Ints) -> Ints:
        """The numbers of the last steps before these times."""
        return (now_ns - self.phase_ns) // STEP_NS

    def read(self, steps: Ints, random: np.random.Generator) -> Floats:
        """The counter between each step and the next one in `steps`."""
        skipped = 0 if self.skips_at is None else (steps >= self.skips_at).astype(np.int64)
        ends = self.phase_ns - self.lag_ns + (steps + skipped) * WINDOW_NS
        shares = occupancy(self.card.segments, len(self.card.names), ends[:-1], ends[1:])
        idle = np.maximum(1 - shares.sum(axis=1), 0)
        truth = np.array([self.card.truth[name] for name in self.card.names])
        cycles = (shares * self.clock).sum(axis=1) + idle
        exact = (shares * self.clock) @ truth / np.maximum(cycles, 1e-9)
        read: Floats = np.clip(exact + random.normal(0, self.noise, len(exact)), 0, 100)
        return read


def _readings(card: SteppedCard, every_ms: float, random: np.random.Generator) -> Ints:
    last = int(card.card.segments.end_ns.max())
    regular = np.arange(200 * MS, last, int(every_ms * MS))
    return np.asarray(regular + random.uniform(0, 0.3 * MS, len(regular)), np.int64)


def between_readings(card: SteppedCard, *, seed: int, every_ms: float = 105.0) -> Windows:
    """The windows of who takes a figure to be about the time between two readings."""
    random = np.random.default_rng(seed)
    now = _readings(card, every_ms, random)
    return Windows(now[:-1], now[1:], card.read(card.steps(now), random))


def by_steps(card: SteppedCard, *, seed: int, every_ms: float = 94.7) -> Windows:
    """The windows that latprobe's collector makes of it."""
    random = np.random.default_rng(seed)
    windows = StepWindows()
    found: list[Window] = []
    older: tuple[Moment, int] | None = None
    readings = _readings(card, every_ms, random)
    steps = card.steps(readings)
    distinct = np.unique(steps)
    values = dict(zip(distinct[1:].tolist(), card.read(distinct, random).tolist(), strict=True))
    for now, step in zip(readings.tolist(), steps.tolist(), strict=True):
        moment = Moment(now, now)
        if older is None:
            found += windows.restart(now)
        elif step == older[1]:
            found += windows.still(now)
            continue
        else:
            found += windows.moved(older[0], moment, ((METRIC, values[step]),))
        older = (moment, step)
    ends = np.array([window.end_ns for window in found])
    lengths = np.array([window.length_ns for window in found])
    return Windows(ends - lengths, ends, np.array([w.values[0][1] for w in found]))
