"""Calls of a stage without a store around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.spans import Ints


def calls_of(
    start_ns: Ints,
    end_ns: Ints,
    *,
    arrival_ns: Ints | None = None,
    replica: Sequence[str | None] | None = None,
    items: NDArray[np.float64] | None = None,
    run: Ints | None = None,
) -> StageCalls:
    """The calls, by their start, each in a request of its own."""
    count = len(start_ns)
    return StageCalls(
        name="work",
        modality=None,
        arrival_ns=start_ns if arrival_ns is None else arrival_ns,
        start_ns=start_ns,
        end_ns=end_ns,
        request=np.arange(count),
        is_root=False,
        replica=tuple(replica) if replica is not None else (None,) * count,
        items=np.full(count, np.nan) if items is None else items,
        run=run,
    )
