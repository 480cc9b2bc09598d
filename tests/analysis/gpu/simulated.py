"""A card whose counters are known: what each stage does to it, and windows that mix stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.counters import Windows
from latprobe.analysis.gpu.occupancy import Floats, Segments, occupancy
from latprobe.analysis.spans import Ints

MS = 1_000_000
WINDOW_NS = 100 * MS


@dataclass(frozen=True)
class Errors:
    """How the card's windows differ from what is noted of them: stamps that are off by up to
    `stamp_ms` either way, windows longer by the share `length`, a lag that wanders by `drift_ms`
    either way, a counter whose level wanders by the share `level`."""

    stamp_ms: float = 0.0
    length: float = 0.0
    drift_ms: float = 0.0
    level: float = 0.0

    def true_windows(
        self, start: Ints, end: Ints, random: np.random.Generator
    ) -> tuple[Ints, Ints]:
        """When the windows really were."""
        off = (random.uniform(-self.stamp_ms, self.stamp_ms, len(start)) * MS).astype(np.int64)
        wander = self.drift_ms * MS * np.sin(end / max(int(end[-1]), 1) * 2 * np.pi)
        end = end + off + wander.astype(np.int64)
        length = (WINDOW_NS * (1 + self.length)) + np.zeros(len(start))
        return end - length.astype(np.int64), end


@dataclass(frozen=True)
class Simulated:
    """Requests one after another; `truth` is what each stage makes the counter read."""

    names: tuple[str, ...]
    truth: dict[str, float]
    segments: Segments
    windows: Windows


def simulate(
    stages: Mapping[str, tuple[float, float]],
    *,
    requests: int,
    seed: int,
    noise: float = 2.0,
    delay_ns: int = 7 * MS,
    jitter: float = 0.15,
    pause_ms: float = 20.0,
    errors: Errors | None = None,
) -> Simulated:
    """`stages` maps a name to (usual duration in ms, the counter's value while it runs)."""
    errors = errors or Errors()
    random = np.random.default_rng(seed)
    names = tuple(stages)
    usual = np.array([stages[name][0] for name in names])
    lengths = (usual * random.lognormal(0, jitter, (requests, len(names))) * MS).astype(np.int64)
    pauses = (random.exponential(pause_ms, requests) * MS).astype(np.int64)
    ends = np.cumsum(np.column_stack((lengths, pauses)).ravel()).reshape(requests, -1)
    end: Ints = ends[:, :-1].ravel()
    start = end - lengths.ravel()
    segments = Segments(np.tile(np.arange(len(names)), requests), start, end)
    begin = np.arange(0, int(end[-1]) - WINDOW_NS, WINDOW_NS + 2 * MS)
    truth: Floats = np.array([stages[name][1] for name in names])
    low, high = errors.true_windows(begin, begin + WINDOW_NS, random)
    level = 1 + errors.level * np.sin(begin / end[-1] * 9)
    exact = (occupancy(segments, len(names), low, high) @ truth) * level
    value = np.clip(exact + random.normal(0, noise, len(begin)), 0, 100)
    windows = Windows(begin + delay_ns, begin + WINDOW_NS + delay_ns, value)
    return Simulated(names, dict(zip(names, truth.tolist(), strict=True)), segments, windows)
