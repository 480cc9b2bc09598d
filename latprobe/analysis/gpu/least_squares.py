"""Bounded least squares of a counter on stage occupancy, with intervals from a block bootstrap.

The model: a window's reading is the mean over the window of what the stage then active makes the
counter read. Stages are shorter than the windows, so many windows are needed to tell them apart.
Resampling takes whole blocks of neighbouring windows, because load is autocorrelated: single
windows give intervals that are too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.occupancy import Floats
from latprobe.analysis.spans import Ints

RESAMPLES = 200
MIN_WINDOWS = 30
# A block spans several requests; this many blocks give quantiles that settle.
MAX_BLOCKS = 60
MIN_BLOCK_WINDOWS = 5
_ITERATIONS = 2000
_TOLERANCE = 1e-7


@dataclass(frozen=True, slots=True)
class Fit:
    """One value a column, in the counter's unit, with its 95 % interval; `windows` were used.

    `chosen` is the candidate that fits best; `left` is the sum of squares that each candidate
    leaves. `inflation` is how many times the variance grew
    because other columns look alike.
    """

    value: Floats
    low: Floats
    high: Floats
    inflation: Floats
    chosen: int
    windows: int
    left: Floats


def fit(
    candidates: Floats,
    readings: Floats,
    *,
    most: float | None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Fit:
    """The readings explained by the columns of the best of several candidates.

    `candidates` (candidates x windows x columns) differ in what is not known for certain, such as
    the delay of the readings; each resample chooses its own, so that the intervals hold that doubt
    too. Each value is in 0..`most`. Windows are in the order of time. Without resamples the
    interval is the value.
    """
    count = candidates.shape[1]
    upper = np.inf if most is None else most
    blocks = np.array_split(np.arange(count), min(MAX_BLOCKS, max(count // MIN_BLOCK_WINDOWS, 2)))
    grams = np.stack([_products(candidates[:, b], candidates[:, b]) for b in blocks], axis=1)
    sides = np.stack(
        [np.einsum("kwi,w->ki", candidates[:, b], readings[b]) for b in blocks], axis=1
    )
    draws = np.random.default_rng(seed).multinomial(
        len(blocks), np.full(len(blocks), 1 / len(blocks)), resamples
    )
    # The first problem is what was recorded, the others are its resamples.
    weights = np.concatenate((np.ones((1, len(blocks))), draws))
    values, chosen, left = _best(
        np.einsum("rb,kbij->rkij", weights, grams), np.einsum("rb,kbi->rki", weights, sides), upper
    )
    value, resampled = values[0], values[1:] if resamples else values
    low, high = np.quantile(resampled, (0.025, 0.975), axis=0)
    return Fit(
        value,
        np.minimum(low, value),
        np.maximum(high, value),
        _inflation(grams[chosen[0]].sum(0)),
        int(chosen[0]),
        count,
        left[0] + float(readings @ readings),
    )


def _products(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("kwi,kwj->kij", left, right), np.float64)


def _best(grams: Floats, sides: Floats, upper: float) -> tuple[Floats, Ints, Floats]:
    """For each problem the values of the candidate that leaves the least, its number, and what
    each leaves, less the readings' own squares."""
    problems, kinds, width = sides.shape
    values = _solve(grams.reshape(-1, width, width), sides.reshape(-1, width), upper)
    values = values.reshape(problems, kinds, width)
    left = np.einsum("rki,rkij,rkj->rk", values, grams, values) - 2 * (values * sides).sum(2)
    chosen = np.argmin(left, axis=1)
    return values[np.arange(problems), chosen], chosen, left


def _solve(gram: Floats, side: Floats, upper: float) -> Floats:
    """Coordinate descent on many small problems at once: problems x columns."""
    width = gram.shape[1]
    diagonal = np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-12)
    value = np.zeros_like(side)
    for _ in range(_ITERATIONS):
        moved = 0.0
        for column in range(width):
            slope = side[:, column] - np.einsum("rj,rj->r", gram[:, column], value)
            new = np.clip(value[:, column] + slope / diagonal[:, column], 0.0, upper)
            moved = max(moved, float(np.abs(new - value[:, column]).max()))
            value[:, column] = new
        if moved <= _TOLERANCE * max(float(value.max(initial=0.0)), 1.0):
            break
    return value


def _inflation(gram: Floats) -> Floats:
    """Variance inflation of each column given the others; infinite where it is their sum."""
    scale = np.sqrt(np.maximum(np.diagonal(gram), 1e-30))
    normed = gram / scale[:, None] / scale[None, :]
    inverse = np.linalg.pinv(normed, rcond=1e-10)
    found = np.diagonal(inverse).copy()
    rank = np.linalg.matrix_rank(normed, tol=1e-9)
    if rank < len(gram):
        values, vectors = np.linalg.eigh(normed)
        null = vectors[:, values < 1e-9]
        found[(np.abs(null) > 1e-4).any(axis=1)] = np.inf
    return np.asarray(found, np.float64)
