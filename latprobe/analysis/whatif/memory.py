"""By how much a block bootstrap understates what a series with a memory does, and what makes up.

Blocks cut the memory at their ends, and a recording measures its own mean and spread with the same
slow phases inside, so drawn figures scatter too little (Lahiri, "Resampling Methods for Dependent
Data", 2003, chapter 3). And a recording of a few slow phases is a sample of a few, whatever the
number of its requests: its scatter is known as badly as from so many (Student, 1908).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A correlation under so many standard errors is chance; so many of these in a row end the memory.
_CHANCE, _QUIET = 2.0, 3

# A memory longer than this share of the series cannot be told from a trend.
_LONGEST = 1 / 4

_NORMAL = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Memory:
    """`correlation` by lag from 1 on, as measured and as it is likely to be behind that.

    `requests_per_new`: how many requests tell as much as one without memory would.
    """

    measured: Floats
    likely: Floats
    requests_per_new: float
    count: int

    def stretch(self, block: int) -> float:
        """By what the deviations of draws of blocks of this length have to be multiplied."""
        lags = np.arange(1, min(block, len(self.measured) + 1))
        drawn = 1.0 + 2.0 * float(np.sum((1 - lags / block) * self.measured[: len(lags)]))
        share = min(self.requests_per_new / self.count, 0.5)
        wanted = self.requests_per_new / (1.0 - share)
        freedom = max(self.count / self.requests_per_new - 1.0, 2.0)
        return float(np.sqrt(max(wanted / max(drawn, 0.1), 1.0))) * _student(freedom) / _NORMAL


def memory_of(series: NDArray[np.generic]) -> Memory:
    """How long a series in the order of time remembers, by the autocorrelation of its ranks."""
    count = len(series)
    measured = _correlation(series)
    within = measured[: _reach(measured, count)]
    likely, per_new = within, 1.0
    for _ in range(4):  # the mean was taken from the same series: each lag lost about as much
        lost = min(per_new / max(count, 1), 0.5)
        likely = (within + lost) / (1 + lost) if len(within) else within
        per_new = float(np.clip(1.0 + 2.0 * np.sum(likely), 1.0, max(count / 3, 1.0)))
    return Memory(within, likely, per_new, max(count, 1))


def _reach(correlation: Floats, count: int) -> int:
    """Twice the last lag before a run of lags by chance, at most `_LONGEST` of the series."""
    if len(correlation) < _QUIET:
        return len(correlation)
    is_chance = np.abs(correlation) < _CHANCE / np.sqrt(count)
    runs = np.convolve(is_chance, np.ones(_QUIET), mode="valid")
    ends = np.flatnonzero(runs >= _QUIET)
    last = int(ends[0]) if len(ends) else len(correlation)
    return min(2 * last, len(correlation))


def _correlation(series: NDArray[np.generic]) -> Floats:
    count = len(series)
    _, place, often = np.unique(series, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(often) - (often - 1) / 2)[place]
    centred = ranks - ranks.mean() if count else ranks
    spread = float(centred @ centred)
    lags = int(count * _LONGEST)
    if spread <= 0 or lags < 1:
        return np.zeros(0)
    size = 1 << (2 * count - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    full = np.fft.irfft(spectrum * spectrum.conj(), size)
    return np.asarray(full[1 : lags + 1] / spread)


def _student(freedom: float) -> float:
    """The 97.5th percentile of Student's t (Cornish-Fisher in 1 / freedom, within 2 % from 3)."""
    z = _NORMAL
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
