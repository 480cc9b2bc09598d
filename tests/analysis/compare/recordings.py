"""Recordings made of numbers, for comparisons whose truth is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.compare.measured import Measured, StageCalls
from latprobe.analysis.compare.request_tokens import TokenColumns

Floats = NDArray[np.float64]
MS = 1_000_000
PAUSE_NS = 1000 * MS


def recording(
    duration_ms: Floats,
    *,
    output_tokens: Floats | None = None,
    input_tokens: Floats | None = None,
    is_error: NDArray[np.bool_] | None = None,
    stages: dict[str, Floats] | None = None,
) -> Measured:
    """Requests a second apart, one call of each stage in each."""
    count = len(duration_ms)
    duration = (duration_ms * MS).astype(np.int64)
    start = np.arange(count) * PAUSE_NS
    none = np.zeros(count, np.bool_)
    tokens = None
    if output_tokens is not None:
        given = np.full(count, 1000.0) if input_tokens is None else input_tokens
        tokens = TokenColumns(given, output_tokens, output_tokens * 1e-5)
    calls = {
        name: StageCalls(
            np.arange(count), (ms * MS).astype(np.int64), (ms * MS).astype(np.int64), none, None
        )
        for name, ms in (stages or {}).items()
    }
    return Measured(
        requests=count,
        active_ns=int(start[-1] + duration[-1]) if count else 0,
        start_ns=start,
        duration_ns=duration,
        is_error=none if is_error is None else is_error,
        run=np.zeros(count, np.int64),
        tokens=tokens,
        stages=calls,
    )


def lognormal(
    count: int,
    rng: np.random.Generator,
    *,
    median: float = 400.0,
    sigma: float = 0.25,
    memory: float = 0.0,
) -> Floats:
    """Durations in ms; `memory` is the correlation of a request with the one before it."""
    noise = rng.standard_normal(count)
    for place in range(1, count if memory else 0):
        noise[place] = memory * noise[place - 1] + np.sqrt(1 - memory**2) * noise[place]
    return np.asarray(median * np.exp(sigma * noise))
