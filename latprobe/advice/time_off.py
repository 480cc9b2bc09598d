"""What requests gain where it is known of each request how much time goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latprobe.advice.context import Context
from latprobe.advice.loops import critical_below
from latprobe.advice.saving import saving_of
from latprobe.advice.suggestion import Basis, Saving
from latprobe.analysis.requests import Requests
from latprobe.analysis.whatif import Change, Prediction
from latprobe.analysis.whatif.figures import percentiles


def time_off(
    requests: Requests, saved_ns: NDArray[np.generic], *, basis: Basis, seed: int = 0
) -> Saving:
    """The saving where each request, in the order of `requests`, is shorter by so much."""
    before = requests.duration_ns
    after = np.maximum(before - np.asarray(saved_ns, np.float64), 0.0)
    p50, p95, p99 = percentiles(before, after[:, None], rng=np.random.default_rng(seed))
    return replace(saving_of(Prediction(len(before), p50=p50, p95=p95, p99=p99)), basis=basis)


def sampled_time_off(context: Context, saved_ns: NDArray[np.generic], *, basis: Basis) -> Saving:
    """The same for the sampled requests, from what each sampled span saves.

    Only what lies on a request's critical path is to be given.
    """
    spans, sample = context.sampled.spans, context.sample
    by_request = np.bincount(spans.trace, weights=saved_ns, minlength=len(sample))
    return time_off(sample, by_request, basis=basis, seed=context.seed)


def saved_on_path(
    context: Context, rows: NDArray[np.int64] | list[int], ns: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """What each sampled span saves where those at `rows` take `ns` less (None: nothing at all).

    No more than their part of the critical path, with what runs below them.
    """
    saved = np.zeros(len(context.sampled.spans))
    critical = critical_below(context)[rows]
    saved[rows] = critical if ns is None else np.minimum(ns, critical)
    return saved


def at_most(context: Context, *changes: Change) -> Saving | str:
    """A replay whose change is the most that can be hoped for: its basis is "bound"."""
    prediction = context.predict(*changes)
    return prediction.refused or replace(saving_of(prediction), basis="bound")
