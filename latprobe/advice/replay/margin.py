"""How sure a mean difference of paired scores is, without assuming how they are distributed.

Gaffke's bound ("Three test statistics for a nonparametric one-sided hypothesis on the mean of a
nonnegative variable", Mathematical Methods of Statistics 2005; Learned-Miller and Thomas, "A new
confidence interval for the mean of a bounded random variable", 2020): the mean is drawn with
uniform weights over the differences and one difference more, the worst that is possible. Where each
difference is all or nothing this is the exact interval of Clopper and Pearson. A t interval or a
plain bootstrap has no width when all of a few differences are 0, and would prove everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.intervals import SEED

# A bound is one-sided and wrong 5 times in 100; an upper one of several tests less often.
RISK = 0.05
# A score is a share of 1, so no difference is beyond this.
WORST = 1.0
_DRAWS, _DRAWS_AT_ONCE = 20_000, 5_000


@dataclass(frozen=True, slots=True)
class Bounded:
    """A mean, its lower one-sided 95 % bound, and its upper one (of several tests: higher)."""

    value: float
    low: float
    high: float


def mean_difference(differences: Sequence[float], *, tests: int = 1, seed: int = SEED) -> Bounded:
    """The mean of differences that lie in -1..1, of at least one independent request each.

    Of `tests` means at least one upper bound is wrong 5 times in 100 at most (Bonferroni).
    """
    values = np.asarray(differences, np.float64)
    high = -_lower(-values, RISK / tests, seed)
    return Bounded(float(values.mean()), _lower(values, RISK, seed), high)


def fewest_pairs(margin: float) -> int:
    """With fewer pairs even answers that all agree show no loss under the margin."""
    return math.ceil(math.log(RISK) / math.log(1.0 - margin) - 1e-9)


def smallest_margin(pairs: int, *, risk: float = RISK) -> float:
    """What so many pairs can show at best."""
    return 1.0 - risk ** (1.0 / pairs) if pairs else 1.0


def _lower(values: np.ndarray, risk: float, seed: int) -> float:
    count = len(values)
    if values.min() == values.max():
        # Drawn weights would only scatter around this.
        return float(values[0] - (values[0] + WORST) * smallest_margin(count, risk=risk))
    rng = np.random.default_rng(seed)
    scores = np.append(values, -WORST)
    means = []
    for _ in range(_DRAWS // _DRAWS_AT_ONCE):
        weights = rng.exponential(size=(_DRAWS_AT_ONCE, count + 1))
        means.append(weights @ scores / weights.sum(axis=1))
    return float(np.quantile(np.concatenate(means), risk))
