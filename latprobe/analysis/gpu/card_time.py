"""How a card's time was spent: with requests, without any, without a kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.active_time import active_periods_ns
from latprobe.analysis.gpu.activity import Activity
from latprobe.analysis.gpu.counters import Windows
from latprobe.analysis.gpu.occupancy import idle_share


@dataclass(frozen=True, slots=True)
class CardUse:
    """One card, and the programs (`services` on `hosts`) whose requests ran on it.

    `active_s` is the time from the first request to the last one of each run, added up; what lies
    between runs is nobody's. `idle_share` is the share of it (0..1) in which no request ran, and
    `idle_power_mw` what the card draws then, estimated. `starved_share` is the share of the
    requests' time in which no kernel ran (None: not known of most of it).
    """

    device: str
    model: str | None
    services: tuple[str, ...]
    hosts: tuple[str, ...]
    requests: int
    active_s: float
    idle_share: float | None
    idle_power_mw: float | None
    starved_share: float | None


def active_idle(activity: Activity) -> tuple[float, float | None]:
    """Active time in s, and the share of it in which no request ran; None where that is no time."""
    periods = active_periods_ns(activity.start_ns, activity.end_ns, activity.run)
    low, high = (np.array(ends, np.int64) for ends in zip(*periods, strict=True))
    length = (high - low).astype(np.float64)
    if length.sum() <= 0:
        return 0.0, None
    idle = idle_share(activity.segments, low, high)
    return float(length.sum()) / 1e9, float((idle * length).sum() / length.sum())


def plausible_idle_mw(idle_mw: float | None, power: Windows | None) -> float | None:
    """The estimate, unless the card was read to draw less than that on average: no card draws less
    at work than idle, so that is noise of requests that leave no pause."""
    if idle_mw is None or power is None or not len(power):
        return idle_mw
    length = (power.end_ns - power.start_ns).astype(np.float64)
    mean = float((power.value * length).sum() / max(length.sum(), 1.0))
    return idle_mw if 0 < idle_mw <= mean else None
