"""Which attributes go with slow requests, of all that were tried, and how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.cohorts.attributes import Attribute
from latprobe.analysis.cohorts.block_test import (
    BATCH,
    Blocks,
    blocks_for,
    normal_p,
    pair_sums,
    permutation_p,
)
from latprobe.analysis.cohorts.false_discovery import q_values
from latprobe.analysis.cohorts.rank_columns import centred_ranks
from latprobe.analysis.cohorts.views import told, views
from latprobe.analysis.intervals import SEED, Floats, block_length

# The expected share of false findings among all. Below the usual 0.05, since a person acts on it.
FALSE_DISCOVERY_RATE = 0.02
# From which latency on a request is slow.
SLOW_QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class Separation:
    """One attribute's test. `level` is the category's level that goes furthest, None for numbers
    (a number of which some values or a range go much further than more of it is a category).

    `deviation` is in standard deviations of its permutations; `p_value` accounts for the
    attribute's levels and both statistics, `q_value` for all attributes tried.
    """

    attribute: Attribute
    level: str | None
    deviation: float
    p_value: float
    q_value: float
    is_found: bool


@dataclass(frozen=True, slots=True)
class _Tested:
    attribute: Attribute
    level: str | None
    deviation: float
    p_value: float


def slow_from(latency_ns: NDArray[np.int64]) -> float:
    """The latency from which on a request is one of the slow 5 %.

    Where far more took exactly as long, those beyond them are the slow ones, if there are any.
    """
    limit = float(np.quantile(latency_ns, SLOW_QUANTILE))
    beyond = latency_ns[latency_ns > limit]
    if len(beyond) and np.mean(latency_ns >= limit) > 2 * (1 - SLOW_QUANTILE):
        return float(beyond.min())
    return limit


def separate(
    latency_ns: NDArray[np.int64], attributes: Sequence[Attribute], *, seed: int = SEED
) -> list[Separation]:
    """All attributes, tested; requests are in the order of time.

    Two statistics each: ranks of the attribute over the whole distribution of latencies, and over
    slow against the rest. The second alone misses a factor on many requests, the first one that
    concerns the tail only.
    """
    rng = np.random.default_rng(seed)
    ranks = centred_ranks(latency_ns.astype(np.float64))
    is_slow = (latency_ns >= slow_from(latency_ns)).astype(np.float64)
    latency = np.stack([ranks, is_slow - is_slow.mean()])
    memory = block_length(latency_ns)
    blocks = blocks_for(len(ranks), memory)
    tested = [
        found
        for attribute in attributes
        if (found := _test(attribute, latency, blocks, len(attributes), rng)) is not None
    ]
    q = q_values(np.array([each.p_value for each in tested]))
    return [
        Separation(
            each.attribute,
            each.level,
            each.deviation,
            each.p_value,
            float(q_value),
            bool(q_value <= FALSE_DISCOVERY_RATE),
        )
        for each, q_value in zip(tested, q, strict=True)
    ]


def _test(
    attribute: Attribute,
    latency: Floats,
    blocks: Blocks,
    attributes: int,
    rng: np.random.Generator,
) -> _Tested | None:
    asked = views(attribute)
    if not asked:
        return None
    sums = pair_sums(np.array([each.column for each in asked]), latency, blocks)
    deviations = sums.observed
    view, deviation = told(asked, deviations)
    furthest = float(np.max(np.abs(deviations)))
    if attribute.is_one_sided and deviation < 0:
        return _Tested(attribute, None, deviation, 1.0)
    p_value = normal_p(furthest, len(deviations))
    if p_value < 2 * FALSE_DISCOVERY_RATE:  # only these can become findings
        wanted = max(BATCH, int(2 * attributes / FALSE_DISCOVERY_RATE))
        p_value = max(p_value, permutation_p(sums, rng=rng, least_permutations=wanted))
    return _Tested(view.attribute, view.level, deviation, p_value)
