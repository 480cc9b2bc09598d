"""The time that input tokens from a cache would not have taken, by the latency model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.cache.traffic import Traffic
from latprobe.analysis.intervals import Estimate, interval_of
from latprobe.analysis.latency_model import LatencyModel, changed_to, fit_latency
from latprobe.analysis.latency_model.part import DRAWS
from latprobe.analysis.refusal import Refusal

# So many of the calls must have their tokens counted to speak for all.
_MOST = 0.95

_NOT_COUNTED = (
    "The input tokens of too few calls are counted to tell what one of them costs in time; record "
    "calls with their usage or content."
)


def prefill_saved(traffic: Traffic, gained: NDArray[np.float64]) -> Estimate | Refusal:
    """Milliseconds over all calls, each with `gained` fewer input tokens to read.

    The model is that of the stage's calls of this model: their uncached input tokens and their
    time. A token from the cache is taken to cost no time. The interval is of the model's
    coefficients. Refused where the latency model cannot tell what input tokens cost, and where
    calls would have fewer than were ever recorded.
    """
    if not gained.any():
        return Estimate(0.0, None)
    timed = traffic.timed
    known = np.flatnonzero(np.isfinite(timed.input_tokens) & np.isfinite(timed.output_tokens))
    if len(known) < _MOST * len(timed):
        return Refusal(_NOT_COUNTED)
    calls = timed.take(known)
    model = fit_latency(calls)
    if not isinstance(model, LatencyModel):
        return model
    fewer = np.maximum(calls.input_tokens - gained[known], 0.0)
    changed = changed_to(model, calls, replace(calls, input_tokens=fewer))
    if isinstance(changed, Refusal):
        return changed
    draws = np.array([changed.saved_ns(draw).sum() for draw in range(DRAWS)]) / 1e6
    return Estimate(float(changed.saved_ns().sum()) / 1e6, interval_of(draws))
