"""Which figures can be what they are said to be. Drivers say "not known" as the largest number of
some width, and a library and a driver of two versions read each other's structures wrongly."""

from __future__ import annotations

import math

# The most by the end of the metric's name, far over any card there is.
_MOST = {
    "_pct": 100.0,
    "_mhz": 100_000.0,
    "_c": 300.0,
    "_mw": 100_000_000.0,
    "_mj": float(1 << 53),
    "_bytes": float(1 << 50),
    "_bytes_per_s": 1e13,
    "_reasons": float((1 << 32) - 2),
}
_LEAST = {"_c": -100.0}
# A card that is there has some of it.
_NEVER_ZERO = frozenset({"gpu.power_mw", "gpu.power_limit_mw", "gpu.memory_total_bytes"})


def is_plausible(metric: str, value: float) -> bool:
    """Whether a card can read so; a metric of another unit than those above must be finite."""
    if not math.isfinite(value) or (value == 0 and metric in _NEVER_ZERO):
        return False
    for end, most in _MOST.items():
        if metric.endswith(end):
            return _LEAST.get(end, 0.0) <= value <= most
    return True
