"""A figure of one recording against a fixed amount."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log, log1p

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.compare.evidence import FEWEST, FEWEST_SAME, draw_mean, memory
from latprobe.analysis.compare.figures import start_pauses
from latprobe.analysis.compare.limits import Budget
from latprobe.analysis.compare.measured import Measured
from latprobe.analysis.compare.student import one_sided_p, two_sided_width
from latprobe.analysis.intervals import (
    SEED,
    Interval,
    interval_of,
    quantile_interval,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Amount:
    """What was measured. `p_over`: the chance of so much if the truth were just within the budget;
    None where there is too little to ask."""

    value: float
    interval: Interval | None
    is_over: bool
    p_over: float | None


def measured_amount(measured: Measured, budget: Budget) -> Amount | None:
    """The budget's figure; None if it was not measured."""
    if budget.metric in ("p50_ms", "p95_ms"):
        return _percentile(measured, budget)
    if budget.metric == "error_share":
        return _errors(measured, budget)
    if budget.metric == "throughput_per_s":
        return _rate(measured, budget)
    return _mean(measured, budget)


def _rate(measured: Measured, budget: Budget) -> Amount | None:
    """By how much the pauses between requests' starts vary; None of fewer than two requests."""
    rate = measured.throughput_per_s
    if rate is None:
        return None
    is_over, pauses = rate < budget.value, start_pauses(measured)
    if len(pauses) < FEWEST or not pauses.any():
        return Amount(rate, None, is_over, None)
    drawn = draw_mean(pauses, np.random.default_rng(SEED))
    moved = np.log(np.maximum(drawn.draws[:, 0] / drawn.value[0], 1e-3))
    freedom = max(drawn.blocks - 1, 2.0)
    found = interval_of(-moved)
    width = two_sided_width(freedom)
    interval = (
        None
        if found is None
        else Interval(rate * exp(width * found.low), rate * exp(width * found.high))
    )
    chance = one_sided_p(log(budget.value / rate), float(moved.std()), freedom) if is_over else 1.0
    return Amount(rate, interval, is_over, chance)


def _percentile(measured: Measured, budget: Budget) -> Amount | None:
    """By how many requests are over the amount: exact, however few there are."""
    calls = measured.stages.get(budget.stage) if budget.stage else None
    if budget.stage and calls is None:
        return None
    durations = (measured.duration_ns if calls is None else calls.duration_ns) / 1e6
    quantile = 0.5 if budget.metric == "p50_ms" else 0.95
    value = float(np.quantile(durations, quantile))
    over = int((durations > budget.value).sum())
    chance = _at_least(over, len(durations), 1 - quantile, _block(durations))
    found = quantile_interval(durations, quantile) if len(durations) >= FEWEST else None
    return Amount(value, None if found is None else found.interval, value > budget.value, chance)


def _errors(measured: Measured, budget: Budget) -> Amount | None:
    calls = measured.stages.get(budget.stage) if budget.stage else None
    if budget.stage and calls is None:
        return None
    errors = measured.is_error if calls is None else calls.is_error
    count, block = len(errors), _block(errors)
    share = float(errors.mean())
    # Agresti and Coull, 1998.
    middle = (errors.sum() + 2) / (count + 4)
    half = 1.96 * float(np.sqrt(middle * (1 - middle) / (count + 4) * block))
    interval = Interval(min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share))
    chance = _at_least(int(errors.sum()), count, budget.value, block)
    return Amount(share, interval, share > budget.value, chance)


def _mean(measured: Measured, budget: Budget) -> Amount | None:
    tokens = measured.tokens
    if budget.stage:
        calls = measured.stages.get(budget.stage)
        tokens = None if calls is None else calls.tokens
    if tokens is None:
        return None
    values: Floats = getattr(tokens, budget.metric)
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    value = float(values.mean())
    is_same = len(values) >= FEWEST_SAME and np.ptp(values) == 0
    if len(values) < FEWEST and not is_same:
        return Amount(value, None, value > budget.value, None)
    drawn = draw_mean(values, np.random.default_rng(SEED))
    freedom = max(drawn.blocks - 1, 2.0)
    interval = interval_of(drawn.draws[:, 0])
    if interval is not None:
        width = two_sided_width(freedom)
        interval = Interval(
            value + (interval.low - value) * width, value + (interval.high - value) * width
        )
    chance = one_sided_p(value - budget.value, float(drawn.draws.std()), freedom)
    return Amount(value, interval, value > budget.value, chance)


def _block(series: NDArray[np.generic]) -> int:
    return memory(series, np.random.default_rng(SEED))


def _at_least(over: int, count: int, share: float, block: int) -> float:
    """The chance of so many of `count` when each has a chance of `share`; neighbours that know of
    each other count as one."""
    count, over = max(count // block, 1), over // block
    if over == 0 or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0
    terms = (
        exp(
            lgamma(count + 1)
            - lgamma(k + 1)
            - lgamma(count - k + 1)
            + k * log(share)
            + (count - k) * log1p(-share)
        )
        for k in range(over, count + 1)
    )
    return min(1.0, sum(terms))
