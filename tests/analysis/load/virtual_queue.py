"""A stage with a queue on a virtual clock: known arrivals, service times and servers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.queueing import simulate
from tests.analysis.load.building import calls_of

Floats = NDArray[np.float64]
MS = 1_000_000
MEAN_MS = 20.0

ARRIVALS = ("poisson", "even", "bursty", "waves")
SERVICES = ("exponential", "even", "lognormal", "two_kinds", "wandering")
# Servers and how busy they are before one more comes.
SIZES = ((1, 0.7), (2, 0.85), (3, 0.8), (4, 0.9), (6, 0.75))


@dataclass(frozen=True, slots=True)
class Program:
    """What runs: how requests arrive, how long they are served, by how many, how busy those are."""

    arrivals: str
    services: str
    servers: int
    load: float

    def run(self, seed: list[int], *, more: int = 0, requests: int = 400) -> StageCalls:
        """One run with `more` servers than it has, as the recorder would see it: 0.1 to 0.3 ms of
        unrecorded work before the line, 0.05 ms between two requests of a server."""
        rng = np.random.default_rng(seed)
        service = (service_ms(self.services, requests, rng) * MS).astype(np.int64)
        mean_gap_ms = MEAN_MS / (self.load * self.servers)
        arrival = (np.cumsum(gaps_ms(self.arrivals, mean_gap_ms, requests, rng)) * MS).astype(
            np.int64
        )
        ready = arrival + ((0.1 + rng.exponential(0.05, requests)) * MS).astype(np.int64)
        start = simulate(ready, service, self.servers + more, handoff_ns=MS // 20)
        order = np.argsort(start, kind="stable")
        return calls_of(start[order], (start + service)[order], arrival_ns=arrival[order])


def programs() -> list[Program]:
    """Every arrival with every service and size."""
    return [
        Program(arrivals, services, *size)
        for arrivals, services, size in product(ARRIVALS, SERVICES, SIZES)
    ]


def service_ms(kind: str, count: int, rng: np.random.Generator) -> Floats:
    """Service times of 20 ms on average."""
    if kind == "exponential":
        return rng.exponential(MEAN_MS, count)
    if kind == "even":
        return MEAN_MS - 0.15 + rng.exponential(0.15, count)
    if kind == "lognormal":
        return MEAN_MS * rng.lognormal(-0.32, 0.8, count)
    if kind == "two_kinds":
        return np.where(rng.random(count) < 0.1, 110.0, 10.0) * rng.lognormal(0, 0.1, count)
    return _wandering(count, rng)


def gaps_ms(kind: str, mean_ms: float, count: int, rng: np.random.Generator) -> Floats:
    """Times between arrivals."""
    if kind == "poisson":
        return rng.exponential(mean_ms, count)
    if kind == "even":
        return mean_ms * rng.uniform(0.8, 1.2, count)
    if kind == "bursty":
        is_close = rng.random(count) < 0.8
        return rng.exponential(np.where(is_close, 0.3 * mean_ms, 3.8 * mean_ms))
    phase = rng.uniform(0, 2 * np.pi)
    rate = 1 + 0.4 * np.sin(2 * np.pi * np.arange(count) / 80 + phase)
    return rng.exponential(mean_ms / rate)


def _wandering(count: int, rng: np.random.Generator) -> Floats:
    """Each takes about as long as the one before: they say as much as 1 in 19 would."""
    noise = rng.standard_normal(count)
    level = noise[0]
    levels = np.empty(count)
    for row in range(count):
        level = 0.9 * level + np.sqrt(1 - 0.81) * noise[row]
        levels[row] = level
    return np.asarray(MEAN_MS * np.exp(0.5 * levels - 0.125))
