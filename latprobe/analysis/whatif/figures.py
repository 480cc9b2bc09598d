"""From durations before and after to percentiles with intervals."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.intervals import (
    DRAWS,
    P50_P95_P99,
    Interval,
    block_draws,
    block_length,
    interval_of,
    quantiles_of,
)
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.graph import Floats
from latprobe.analysis.whatif.memory import memory_of
from latprobe.analysis.whatif.prediction import Percentile

# With many requests fewer draws do: about so many values are drawn, in at least so many draws.
_VALUES, _FEWEST_DRAWS = 4_000_000, 100

# A percentile with fewer requests above it may lie beyond all of them in a re-run: what is above
# the last so many, and never more than this share, is then drawn from a tail besides.
_SCARCE, _TAIL, _TAIL_SHARE = 5, 10, 0.25

# Durations in ns under this are as good as none.
_SHORTEST_NS = 1.0


def percentiles(
    before_ns: Ints,
    after_ns: Floats,
    *,
    is_model: bool = False,
    rng: np.random.Generator,
) -> tuple[Percentile, Percentile, Percentile]:
    """p50, p95 and p99 of the requests in the order of time.

    `after_ns` is (requests, columns): equally likely outcomes, or with `is_model` the point in
    column 0 and draws of a model's coefficients in the others. The interval is where a re-run of
    as many requests would measure the percentile: it holds the noise of this recording, of the
    re-run, and of the outcomes, and allows for what blocks of a series with a memory leave out.
    """
    before = np.quantile(before_ns, P50_P95_P99) / 1e6
    point = after_ns[:, 0] if is_model else after_ns.ravel()
    after = np.quantile(point, P50_P95_P99) / 1e6
    block = block_length(after_ns[:, 0])
    stretch = memory_of(after_ns[:, 0]).stretch(block)
    kinds = _drawn(after_ns, block, is_model=is_model, rng=rng)
    drawn = [_stretched(each / 1e6, stretch) for each in kinds]
    found = []
    for place in range(len(P50_P95_P99)):
        value = float(after[place])
        intervals = [interval_of(each[:, place]) for each in drawn]
        low = min(value, *(each.low for each in intervals if each is not None))
        high = max(value, *(each.high for each in intervals if each is not None))
        found.append(Percentile(float(before[place]), value, Interval(low, high)))
    return found[0], found[1], found[2]


def _stretched(drawn: Floats, by: float) -> Floats:
    """Draws (rows) further from their column's median by the factor `by`, as ratios."""
    logs = np.log(np.maximum(drawn, _SHORTEST_NS / 1e6))
    middle = np.median(logs, axis=0)
    return np.where(drawn > 0, np.exp(middle + by * (logs - middle)), 0.0)


def _drawn(
    after_ns: Floats, block: int, *, is_model: bool, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The percentiles of each draw, and the same with those that are scarce from a tail."""
    count, columns = after_ns.shape
    draws = int(np.clip(_VALUES // max(count, 1), _FEWEST_DRAWS, DRAWS))
    outer = block_draws(count, rng=rng, draws=draws, block=block)
    inner = block_draws(count, rng=rng, draws=draws, block=block)
    scarce = [place for place, q in enumerate(P50_P95_P99) if count * (1 - q) < _SCARCE]
    level = _tail_from(after_ns[:, 0]) if scarce else np.inf
    drawn = np.empty((draws, len(P50_P95_P99)))
    beyond = np.empty_like(drawn)
    for place, (rows, again) in enumerate(zip(outer, inner, strict=True)):
        chosen = rows[again]
        if columns == 1:
            values = after_ns[chosen, 0]
        elif is_model:
            values = after_ns[chosen, 1 + place % (columns - 1)]
        else:
            values = after_ns[chosen, rng.integers(0, columns, count)]
        beyond[place] = drawn[place] = quantiles_of(values, P50_P95_P99)
        if scarce:
            values = _with_tail(values, level, after_ns[rows, 0], rng)
            beyond[place, scarce] = quantiles_of(values, P50_P95_P99)[scarce]
    return drawn, beyond


def _tail_from(values: Floats) -> float:
    """Above this lie the few longest."""
    few = max(min(_TAIL, int(_TAIL_SHARE * len(values))), 1)
    return float(np.partition(values, len(values) - few - 1)[len(values) - few - 1])


def _with_tail(values: Floats, level: float, seen: Floats, rng: np.random.Generator) -> Floats:
    """What is above the level, drawn from an exponential tail as long as the one seen (peaks over
    a threshold: Pickands, "Statistical inference using extreme order statistics", 1975)."""
    above, known = values > level, seen[seen > level]
    if len(known) == 0 or not above.any():
        return values
    mean = float((known - level).mean())
    return np.where(above, level + rng.exponential(mean, len(values)), values)
