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
from latprobe.analysis.whatif.prediction import Percentile

# With many requests fewer draws do: about so many values are drawn, in at least so many draws.
_VALUES, _FEWEST_DRAWS = 4_000_000, 100


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
    re-run, and of the outcomes.
    """
    before = np.quantile(before_ns, P50_P95_P99) / 1e6
    point = after_ns[:, 0] if is_model else after_ns.ravel()
    after = np.quantile(point, P50_P95_P99) / 1e6
    drawn = _drawn(after_ns, is_model=is_model, rng=rng) / 1e6
    found = []
    for place in range(len(P50_P95_P99)):
        interval = interval_of(drawn[:, place])
        assert interval is not None
        value = float(after[place])
        interval = Interval(min(interval.low, value), max(interval.high, value))
        found.append(Percentile(float(before[place]), value, interval))
    return found[0], found[1], found[2]


def _drawn(after_ns: Floats, *, is_model: bool, rng: np.random.Generator) -> Floats:
    count, columns = after_ns.shape
    draws = int(np.clip(_VALUES // max(count, 1), _FEWEST_DRAWS, DRAWS))
    block = block_length(after_ns[:, 0])
    outer = block_draws(count, rng=rng, draws=draws, block=block)
    inner = block_draws(count, rng=rng, draws=draws, block=block)
    drawn = np.empty((draws, len(P50_P95_P99)))
    for place, (rows, again) in enumerate(zip(outer, inner, strict=True)):
        chosen = rows[again]
        if columns == 1:
            values = after_ns[chosen, 0]
        elif is_model:
            values = after_ns[chosen, 1 + place % (columns - 1)]
        else:
            values = after_ns[chosen, rng.integers(0, columns, count)]
        drawn[place] = quantiles_of(values, P50_P95_P99)
    return drawn
