"""Resamples of a long series, without gathering the rows of each.

Of many blocks the share of a resample's values below a threshold, and its mean, are normal but for
a small skew, with the very variance that drawing blocks gives them: that of the sums of
neighbouring rows. The skew is put in (Cornish and Fisher, 1938). A percentile of a resample is the
recorded one at the level that the share moved to (Bahadur, "A note on quantiles in large samples",
1966). Of few blocks each is drawn, as what it adds to the sum, or to the counts of 200 equal parts
of the values. None says that the rows themselves have to be drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Fewer rows are drawn quickly enough.
FEWEST_ROWS = 2_000
# So many blocks are sooner added up than their rows gathered.
_FEW_BLOCKS = 64
_PARTS = 200
# Corrected for a skew of so much, an end of the interval is off by less than the ends of two sets
# of 400 resamples are from one another.
MOST_SKEW = 0.1
# Values of which fewer than this share are different are in steps.
_SHARE_DIFFERENT = 0.5


def mean_draws(
    series: Floats, *, block: int, draws: int, rng: np.random.Generator
) -> Floats | None:
    """Means of so many resamples made of blocks of `block` rows, in the unit of the series."""
    rows = len(series)
    if rows < FEWEST_ROWS:
        return None
    if series.min() == series.max():
        return np.full(draws, float(series[0]))
    moved = _drawn(_block_sums(series[None, :], block), block, draws, rng)
    if moved is not None:
        return np.asarray(series.mean() + moved[:, 0])
    if rows > _FEW_BLOCKS * block:
        return None
    until = np.concatenate(([0.0], np.cumsum(series)))
    return np.asarray(_added(until[:, None], block, draws, rng)[:, 0] / rows)


def level_draws(
    series: Floats, levels: Floats, *, block: int, draws: int, rng: np.random.Generator
) -> Floats | None:
    """The percentiles at `levels` of so many resamples: (draws, levels)."""
    rows = len(series)
    if rows < FEWEST_ROWS:
        return None
    order = np.argsort(series)
    rising = series[order]
    if np.count_nonzero(np.diff(rising)) < _SHARE_DIFFERENT * rows:
        return None
    ranks = np.empty(rows, np.int64)
    ranks[order] = np.arange(rows)
    thresholds = np.floor(levels * (rows - 1)).astype(np.int64)
    moved = _drawn(_block_sums(ranks <= thresholds[:, None], block), block, draws, rng)
    if moved is not None:
        return _between(rising, np.clip(levels - moved, 0.0, 1.0) * (rows - 1))
    if rows > _FEW_BLOCKS * block:
        return None
    return _between(rising, _places(ranks, levels, block, draws, rng))


def _places(
    ranks: NDArray[np.int64], levels: Floats, block: int, draws: int, rng: np.random.Generator
) -> Floats:
    """At which recorded rank each resample has the levels: (draws, levels)."""
    rows = len(ranks)
    until = np.zeros((rows + 1, _PARTS), np.float32)  # exact up to 16 million rows
    until[np.arange(1, rows + 1), ranks * _PARTS // rows] = 1
    np.cumsum(until, axis=0, out=until)
    begins = -(-np.arange(_PARTS + 1) * rows // _PARTS)
    counts = _added(until, block, draws, rng)
    reached = np.cumsum(counts, axis=1)
    wanted = levels * (rows - 1)
    part = np.array([np.searchsorted(each, wanted, side="right") for each in reached])
    own = np.take_along_axis(counts, part, axis=1)
    inside = (wanted - np.take_along_axis(reached, part, axis=1) + own + 0.5) / own
    return np.asarray(begins[part] + inside * np.diff(begins)[part] - 0.5)


def _added(until: NDArray[np.floating], block: int, draws: int, rng: np.random.Generator) -> Floats:
    """What the blocks of each resample add up to: (draws, columns); `until` sums the rows before
    each."""
    rows = len(until) - 1
    found = np.zeros((draws, until.shape[1]))
    for begun in range(0, rows, block):
        starts = rng.integers(0, rows, draws)
        ends = starts + min(block, rows - begun)
        found += until[np.minimum(ends, rows)] - until[starts] + until[np.maximum(ends - rows, 0)]
    return found


def _between(rising: Floats, place: Floats) -> Floats:
    """The values at these places, which may be between two."""
    place = np.clip(place, 0.0, len(rising) - 1.0)
    low = np.minimum(place.astype(np.int64), len(rising) - 2)
    return np.asarray(rising[low] + (rising[low + 1] - rising[low]) * (place - low))


def _block_sums(columns: NDArray[np.generic], block: int) -> Floats:
    """The sum of each row and of those after it in its block, around the end: (columns, rows)."""
    if block == 1:
        return columns.astype(np.float64)
    around = np.concatenate((columns, columns[:, : block - 1]), axis=1).astype(np.float64)
    until = np.cumsum(around, axis=1)
    sums = until[:, block - 1 :].copy()
    sums[:, 1:] -= until[:, :-block]
    return sums


def _drawn(sums: Floats, block: int, draws: int, rng: np.random.Generator) -> Floats | None:
    """By how much means of resamples miss that of the series: (draws, columns); None if too skewed.

    `sums` are those of all blocks that may be drawn.
    """
    rows = sums.shape[1]
    centred = sums - sums.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T / rows
    spread = np.sqrt(np.diag(covariance))
    if not (spread > 0).all():
        return None
    squares = centred * centred  # by powers it took five times as long
    skew = np.vecdot(squares, centred) / rows / spread**3 / np.sqrt(rows / block)
    if np.abs(skew).max() > MOST_SKEW:
        return None
    size, turned = np.linalg.eigh(covariance / np.outer(spread, spread))
    normal = rng.standard_normal((draws, len(sums))) @ (turned * np.sqrt(np.maximum(size, 0))).T
    normal += skew * (normal**2 - 1) / 6
    return np.asarray(normal * spread / np.sqrt(block * rows))
