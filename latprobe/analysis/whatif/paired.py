"""How much a change takes off at least: the same requests with and without it.

Where a re-run would measure a percentile scatters by all that differs from run to run. Whether the
change helps at all does not hang on that: it is looked for in the differences of the same requests.
"""

from __future__ import annotations

import numpy as np

from latprobe.analysis.intervals import (
    LEVEL,
    P50_P95_P99,
    block_draws,
    block_length,
    quantiles_of,
)
from latprobe.analysis.whatif.graph import Floats

# With many requests fewer draws do: about so many values are drawn, in at least so many draws.
_DRAWS, _FEWEST_DRAWS, _VALUES = 200, 100, 4_000_000


def saved_at_least(
    before: Floats, after: Floats, *, is_model: bool, rng: np.random.Generator
) -> tuple[float, float, float]:
    """By how much p50, p95 and p99 fall, in the unit of the durations: more 97.5 times in 100.

    Requests in the order of time; `after` is (requests, columns) as `figures.percentiles` has it.
    """
    count, columns = after.shape
    draws = int(np.clip(_VALUES // max(count, 1), _FEWEST_DRAWS, _DRAWS))
    drawn = np.empty((draws, len(P50_P95_P99)))
    rows_of = block_draws(count, rng=rng, draws=draws, block=block_length(before))
    for place, rows in enumerate(rows_of):
        if columns == 1:
            changed = after[rows, 0]
        elif is_model:
            changed = after[rows, 1 + place % (columns - 1)]
        else:
            changed = after[rows, rng.integers(0, columns, count)]
        drawn[place] = quantiles_of(before[rows], P50_P95_P99) - quantiles_of(changed, P50_P95_P99)
    p50, p95, p99 = np.quantile(drawn, (1 - LEVEL) / 2, axis=0).tolist()
    return p50, p95, p99
