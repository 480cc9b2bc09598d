"""Some requests that stand for all of a scope, with their spans: where all are too many to walk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latprobe.analysis.requests import fetch_drawn_spans, fetch_scattered_spans
from latprobe.analysis.root_table import Mask, RootTable, is_among, longest, spaced
from latprobe.analysis.spans import Ints
from latprobe.store.query import Query

Floats = NDArray[np.float64]

SLOW_QUANTILE = 0.95
# So many of the longest are always among the sample.
LONGEST = 10
# Children of another machine may seem to begin before their root, or after its end.
_SKEW_NS = 60 * 10**9


@dataclass(frozen=True, slots=True)
class RequestSample:
    """The `spans` of some requests, by `trace`: a place in both columns. `weight` is how many of
    all requests each stands for, as a share of the mean; `is_slow` are those of the slowest 5 %."""

    spans: pa.Table
    weight: Floats
    is_slow: Mask

    def __len__(self) -> int:
        return len(self.weight)


def sample_requests(
    query: Query, roots: RootTable, rows: Ints, *, wanted: int, are_drawn: bool
) -> RequestSample:
    """About `wanted` of the requests at these rows, half as many of the slowest 5 %, and the very
    longest: a few requests may make up most of the time, and without them that would be chance.

    `are_drawn`: they are chosen among the traces of `latprobe.store.span_copies`, whose spans are
    found at once, where those are enough. There must be a row.
    """
    duration = roots.duration_ns[rows]
    edge = np.quantile(duration, SLOW_QUANTILE)
    is_slow = duration >= edge
    drawn = _drawn(query, roots, rows, is_slow, wanted) if are_drawn else None
    groups: list[tuple[Mask, int]] = [(~is_slow, wanted), (is_slow, wanted // 2)]
    if drawn is None:
        is_longest = np.isin(rows, longest(roots, rows, LONGEST), kind="sort")
        groups = [(inside & ~is_longest, most) for inside, most in groups]
        groups.append((is_longest, LONGEST))
    weight: dict[int, float] = {}
    for inside, most in groups:
        kept = inside if drawn is None else inside & drawn
        group = spaced(rows[kept], most, roots.draw)
        weight |= dict.fromkeys(group.tolist(), inside.sum() / max(len(group), 1))
    chosen = np.array(sorted(weight), np.int64)
    table = _fetch(query, roots, chosen, are_drawn=drawn is not None)
    times = np.array([weight[row] for row in chosen.tolist()])
    slowest = roots.duration_ns[chosen] >= edge
    return RequestSample(table, times * (len(times) / times.sum()), slowest)


def _drawn(query: Query, roots: RootTable, rows: Ints, is_slow: Mask, wanted: int) -> Mask | None:
    """Which of the rows are of traces that were drawn; None where those are too few."""
    known = query("SELECT DISTINCT hash(d.trace_id) AS draw FROM drawn d")["draw"]
    drawn = is_among(roots.draw[rows], known)
    slow = int((drawn & is_slow).sum())
    is_enough = int(drawn.sum()) - slow >= wanted and slow >= wanted // 4
    return drawn if is_enough else None


def _fetch(query: Query, roots: RootTable, rows: Ints, *, are_drawn: bool) -> pa.Table:
    """The spans of these requests."""
    begin, end = roots.start_ns[rows], roots.start_ns[rows] + roots.duration_ns[rows]
    fetch = fetch_drawn_spans if are_drawn else fetch_scattered_spans
    return fetch(query, roots.ids(rows), int(begin.min()) - _SKEW_NS, int(end.max()) + _SKEW_NS)
