"""Ranks, with ties shared and gaps neutral."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.intervals import Floats


def centred_ranks(values: Floats) -> Floats:
    """Ranks around 0, scaled to -0.5..0.5; equal values share theirs, NaN is 0."""
    known = ~np.isnan(values)
    ranks = np.zeros(len(values))
    given = values[known]
    if len(given) < 2:
        return ranks
    _, place, counts = np.unique(given, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle = ends - (counts + 1) / 2.0
    found = middle[place] / (len(given) - 1)
    ranks[known] = found - found.mean()
    return ranks


def rank_biserial(inside: Floats, outside: Floats) -> float | None:
    """How much more often a value from inside is the greater one: -1..1, None where one is empty.

    It is 2 * AUC - 1 (Mann and Whitney's U over the number of pairs).
    """
    inside, outside = inside[~np.isnan(inside)], outside[~np.isnan(outside)]
    if not len(inside) or not len(outside):
        return None
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, side="left")
    upto = np.searchsorted(ordered, inside, side="right")
    pairs = len(inside) * len(outside)
    return float((below.sum() + upto.sum() - pairs) / pairs)
