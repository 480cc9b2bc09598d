"""Sums, percentiles and largest values of groups of calls, from Arrow columns with NULLs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Ints = np.ndarray[Any, np.dtype[np.int64]]


def group(calls: pa.Table, by: Sequence[str]) -> tuple[Ints, Ints]:
    """The group of each call, and the first call of each group."""
    if not by:
        return np.zeros(calls.num_rows, np.int64), np.zeros(1, np.int64)
    codes = np.zeros(calls.num_rows, np.int64)
    for name in by:
        own = _codes(calls[name])
        codes = codes * (int(own.max(initial=0)) + 2) + own + 1
    present = np.flatnonzero(np.bincount(codes))
    place = np.zeros(int(codes.max(initial=0)) + 1, np.int64)
    place[present] = np.arange(len(present))
    groups, firsts = place[codes], np.zeros(len(present), np.int64)
    firsts[groups[::-1]] = np.arange(len(codes))[::-1]
    return groups, firsts


def _codes(column: pa.ChunkedArray) -> Ints:
    """A number for each different value; -1 for None."""
    indices = column.combine_chunks().indices
    return np.asarray(pc.fill_null(indices.cast(pa.int64()), -1))


def sum_by(column: pa.ChunkedArray, codes: Ints, count: int) -> list[Any]:
    """The sum of each group; None where no call has the figure. Whole numbers stay whole."""
    known = pc.is_valid(column).to_numpy()
    values = pc.fill_null(column, 0).to_numpy()
    have = np.bincount(codes[known], minlength=count)
    sums = np.bincount(codes, weights=values, minlength=count)
    is_whole = pa.types.is_integer(column.type)
    return [
        None if not has else round(value) if is_whole else float(value)
        for value, has in zip(sums.tolist(), have.tolist(), strict=True)
    ]


def largest_by(column: pa.ChunkedArray, codes: Ints, count: int) -> list[float | None]:
    """The largest value of each group; None where no call has one."""
    known = pc.is_valid(column).to_numpy()
    found = np.full(count, -np.inf)
    np.maximum.at(found, codes[known], column.drop_null().to_numpy())
    return [None if value == -np.inf else float(value) for value in found]


def percentiles_by(
    column: pa.ChunkedArray, codes: Ints, count: int
) -> tuple[list[float | None], list[float | None]]:
    """p50 and p95 of each group, between two values where none stands there."""
    known = pc.is_valid(column).to_numpy()
    ordered = _ordered(column.drop_null().to_numpy(), codes[known])
    sizes = np.bincount(codes[known], minlength=count)
    starts = np.cumsum(sizes) - sizes
    found: list[list[float | None]] = [[], []]
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        for at, share in enumerate((0.5, 0.95)):
            if not size:
                found[at].append(None)
                continue
            place = share * (size - 1)
            low = int(place)
            first = float(ordered[start + low])
            last = float(ordered[start + min(low + 1, size - 1)])
            found[at].append(first + (last - first) * (place - low))
    return found[0], found[1]


def _ordered(values: Ints, groups: Ints) -> Ints:
    """The values of each group in order; sorting one number a call is ten times a sort by two."""
    span = int(values.max(initial=0)) + 1
    if int(values.min(initial=0)) < 0 or span * (int(groups.max(initial=0)) + 1) >= 2**62:
        return values[np.lexsort((values, groups))]
    return np.sort(groups * span + values) % span
