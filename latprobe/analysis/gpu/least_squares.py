"""Bounded least squares of a counter on stage occupancy, with intervals from a block bootstrap.

The model: a window's reading is the mean over the window of what the stage then active makes the
counter read. Stages are shorter than the windows, so many windows are needed to tell them apart.
Resampling takes whole blocks of neighbouring windows, because load is autocorrelated: single
windows give intervals that are too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.gpu.occupancy import Floats
from latprobe.analysis.spans import Ints

RESAMPLES = 200
MIN_WINDOWS = 30
# A block spans several requests; this many blocks give quantiles that settle.
MAX_BLOCKS = 60
MIN_BLOCK_WINDOWS = 5
_PIVOTS = 20
_RIDGE = 1e-10
_SLACK = 1e-9
_ITERATIONS = 80
_TOLERANCE = 1e-7
Ints8 = NDArray[np.int8]


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
    number = min(MAX_BLOCKS, max(count // MIN_BLOCK_WINDOWS, 2))
    edges = np.linspace(0, count, number + 1).astype(int).tolist()
    blocks = [slice(low, high) for low, high in pairwise(edges)]
    grams = np.stack([_products(candidates[:, b], candidates[:, b]) for b in blocks], axis=1)
    sides = np.stack([readings[b] @ candidates[:, b] for b in blocks], axis=1)
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
    return np.asarray(left.transpose(0, 2, 1) @ right, np.float64)


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
    """Least squares within 0..`upper`, many small problems at once: problems x columns.

    Block principal pivoting (Judice and Pires 1994): columns that leave their bounds are fixed to
    them, fixed ones that would rather be inside are let go, all at once, until none changes. The
    few problems for which that goes in circles are solved one column at a time.
    """
    width = gram.shape[1]
    value = np.zeros_like(side)
    bound = np.zeros(side.shape, np.int8)  # -1: held at 0, 1: held at `upper`
    scale = np.maximum(np.diagonal(gram, axis1=1, axis2=2).max(axis=1), 1e-12)
    # Columns that are alike share what they explain.
    ridge = (_RIDGE * scale)[:, None, None] * np.eye(width)
    open_rows = np.arange(len(side))
    for _ in range(_PIVOTS):
        at = bound[open_rows]
        matrix, target = gram[open_rows] + ridge[open_rows], side[open_rows]
        found = _with_fixed(matrix, target, at, upper)
        slope = target - np.einsum("rij,rj->ri", matrix, found)
        slack = _SLACK * scale[open_rows, None]
        new = np.where(found < -_SLACK, -1, np.where(found > upper + _SLACK, 1, 0))
        stays = ((at < 0) & (slope <= slack)) | ((at > 0) & (slope >= -slack))
        new = np.where(at == 0, new, np.where(stays, at, 0)).astype(np.int8)
        bound[open_rows], value[open_rows] = new, np.clip(found, 0.0, upper)
        open_rows = open_rows[(new != at).any(axis=1)]
        if not len(open_rows):
            return value
    value[open_rows] = _descended(gram[open_rows], side[open_rows], value[open_rows], upper)
    return value


def _with_fixed(matrix: Floats, target: Floats, bound: Ints8, upper: float) -> Floats:
    """The solutions with the columns that are held at a bound there."""
    fixed = bound != 0
    held = np.where(bound > 0, upper if np.isfinite(upper) else 0.0, 0.0)
    target = np.where(fixed, held, target - np.einsum("rij,rj->ri", matrix, held))
    either = fixed[:, :, None] | fixed[:, None, :]
    matrix = np.where(either, 0.0, matrix) + np.eye(matrix.shape[1]) * fixed[:, :, None]
    return np.asarray(np.linalg.solve(matrix, target[:, :, None])[:, :, 0], np.float64)


def _descended(gram: Floats, side: Floats, value: Floats, upper: float) -> Floats:
    """Coordinate descent from `value`."""
    diagonal = np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-12)
    value = value.copy()
    for _ in range(_ITERATIONS):
        moved = 0.0
        for column in range(gram.shape[1]):
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
