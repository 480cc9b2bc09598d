"""By which figures a reader sees that an attribute goes with latency.

The test also finds what holds over all requests and hardly in the slowest 5 %, and more of a number
whose medians are the same: "1 of them against 1" would tell nobody anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.intervals import Floats

Bools = NDArray[np.bool_]
Among = Literal["slow", "halves"]

# Medians nearer to each other than this read the same.
_LEAST_APART = 0.005
# Shares nearer to each other than this do not show what the test found.
_LEAST_GAP = 0.05
HALVES_MARK = "*"
HALVES_NOTE = (
    f"{HALVES_MARK} Shares of the slower half and of the faster half: the slowest 5 % alone do not "
    "show it."
)


@dataclass(frozen=True, slots=True)
class Groups:
    """The slow requests, and the slower half of all."""

    is_slow: Bools
    is_slower: Bools

    @classmethod
    def of(cls, latency_ns: NDArray[np.int64], is_slow: Bools) -> Groups:
        """Split at the median."""
        return cls(is_slow, latency_ns > np.median(latency_ns))

    def both(self) -> tuple[tuple[Among, Bools], ...]:
        """The one that was asked for first."""
        return ("slow", self.is_slow), ("halves", self.is_slower)


@dataclass(frozen=True, slots=True)
class Told:
    """Shares of `among` (the slow, or the slower half) and of the others; of a number those with
    `at_least` so much. All None where a number's medians tell it."""

    slow_share: float | None = None
    rest_share: float | None = None
    at_least: float | None = None
    among: Among = "slow"

    def gap(self, *, is_more: bool) -> float:
        """How far the shares lie apart in the direction of what was found."""
        if self.slow_share is None or self.rest_share is None:
            return 0.0
        return (self.slow_share - self.rest_share) * (1 if is_more else -1)


def tell_level(inside: Bools, groups: Groups, *, is_more: bool) -> Told:
    """A category's level; `is_more`: it was found to go with more latency, not less."""
    told = [
        Told(_share(inside[each]), _share(inside[~each]), among=among)
        for among, each in groups.both()
    ]
    return _clearer(told, is_more=is_more)


def tell_number(
    values: Floats, groups: Groups, medians: tuple[float | None, float | None], *, is_more: bool
) -> Told:
    """A number; `medians` are of the slow requests and of the rest."""
    slow, rest = medians
    if slow is not None and rest is not None:
        is_same_way = (slow > rest) == is_more
        if is_same_way and abs(slow - rest) > _LEAST_APART * max(abs(slow), abs(rest)):
            return Told()
    told = [_best_cut(values, each, among, is_more=is_more) for among, each in groups.both()]
    return _clearer(told, is_more=is_more)


def _clearer(told: list[Told], *, is_more: bool) -> Told:
    slow, halves = told
    gap = slow.gap(is_more=is_more)
    return slow if gap >= _LEAST_GAP or gap >= halves.gap(is_more=is_more) else halves


def _best_cut(values: Floats, is_slow: Bools, among: Among, *, is_more: bool) -> Told:
    """The value from which on the two shares lie furthest apart (where Smirnov's test measures)."""
    known = ~np.isnan(values)
    cuts = np.unique(values[known])[1:]
    if not len(cuts) or is_slow.all() or not is_slow.any():
        return Told()
    shares = []
    for each in (is_slow, ~is_slow):
        ordered = np.sort(values[known & each])
        above = len(ordered) - np.searchsorted(ordered, cuts, side="left")
        shares.append(above / int(each.sum()))
    apart = shares[0] - shares[1]
    at = int(np.argmax(apart if is_more else -apart))
    return Told(float(shares[0][at]), float(shares[1][at]), float(cuts[at]), among)


def value_text(value: float) -> str:
    """A value to compare with."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def _share(flags: Bools) -> float | None:
    return float(flags.mean()) if len(flags) else None
