"""Counters of cycles on a card whose clock falls under load.

SM and tensor activity are shares of cycles. In a window that a slowed stage shares with others, its
time holds fewer cycles and counts for less, so that time alone would give it too little. How much
the clock falls in which stage shows in the windows themselves: each stage's time is weighted by
what share of the clock explains the readings best, for the stages for which that helps.
"""

from __future__ import annotations

import numpy as np

from latprobe.analysis.gpu.least_squares import fit
from latprobe.analysis.gpu.occupancy import Floats

# A clock that was read to fall by less changes no figure by a point.
MIN_SPREAD = 0.03
# The readings' spread is of moments, 200 ms apart; a short stage's clock may fall by more.
MAX_FALL = 1.5
STEP = 0.025
# A slowed stage must explain this much of what is left.
MIN_GAIN = 0.2
MAX_SLOWED = 3
# Those that make the counter read most.
TRIED = 4
DOUBT = 0.05


def clock_shares(columns: Floats, readings: Floats, spread: float, most: float | None) -> Floats:
    """The share of the usual clock at which each column runs, 1 where nothing says otherwise."""
    shares = np.ones(columns.shape[1])
    if spread < MIN_SPREAD:
        return shares
    lowest = max(1 - MAX_FALL * spread, 0.5)
    tried = np.arange(lowest, 1.0, STEP)
    found = fit(columns[None], readings, most=most, resamples=0)
    left = float(found.left[0])
    for _ in range(MAX_SLOWED):
        heavy = np.argsort(-found.value * columns.mean(axis=0))[:TRIED]
        ways = [
            _with(shares, at, share)
            for at in heavy.tolist()
            for share in tried
            if shares[at] == 1.0
        ]
        if not ways:
            break
        weighted = np.stack([by_cycles(columns, way) for way in ways])
        found = fit(weighted, readings, most=most, resamples=0)
        if float(found.left.min()) > (1 - MIN_GAIN) * left:
            break
        shares, left = ways[found.chosen], float(found.left.min())
    return shares


def with_cycles(candidates: Floats, shares: Floats) -> Floats:
    """The candidates by cycles, and the first one also with each fall a little more and less."""
    if not (shares < 1.0).any():
        return candidates
    ways = [
        _with(shares, at, shares[at] + by)
        for at in np.flatnonzero(shares < 1.0).tolist()
        for by in (-DOUBT, DOUBT)
    ]
    more = np.stack([by_cycles(candidates[0], way) for way in ways])
    return np.concatenate((by_cycles(candidates, shares), more))


def by_cycles(columns: Floats, shares: Floats) -> Floats:
    """Shares of time as shares of cycles; stages that ran at once still add up to more than 1."""
    cycles = columns * shares
    total = columns.sum(axis=-1, keepdims=True) / np.maximum(
        cycles.sum(axis=-1, keepdims=True), 1e-9
    )
    return np.asarray(cycles * total, np.float64)


def _with(shares: Floats, at: int, share: float) -> Floats:
    found = shares.copy()
    found[at] = share
    return found
