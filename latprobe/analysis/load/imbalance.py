"""Does one replica get more of the work than the others?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.counted import counted
from latprobe.analysis.intervals import SEED
from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.spans import Ints

# Stretches of time within which replicas are compared, and runs a replica in each on average.
MAX_STRETCHES = 40
RUNS_A_STRETCH = 5
FEWEST_STRETCHES = 8

_SHUFFLES = 2_000
# Chance findings in this share of evenly loaded stages.
SIGNIFICANT = 0.01
# Smaller differences are real but not worth a line.
SMALLEST = 1.05


@dataclass(frozen=True, slots=True)
class Imbalance:
    """`ratio`: time that the busiest replica works, over the mean of all. `p_value`: how often
    chance alone gives as much; `is_found` where that is hardly ever and the ratio is over 1.05."""

    busiest: str
    ratio: float
    p_value: float
    is_found: bool


def find_imbalance(calls: StageCalls, *, seed: int = SEED) -> Imbalance | Refusal:
    """The busiest replica against the mean, with a permutation test.

    If replicas are alike, it is chance which of them is the busier one in a stretch of time: the
    names are shuffled within each stretch, and the sums over all stretches compared with those
    recorded. So neither load that comes and goes nor long runs pass for imbalance. Only replicas
    that were there at the same time are compared: machines of one run after another share nothing.
    """
    known = calls.replicas()
    if not known:
        return Refusal(
            "No two replicas are told apart: set an attribute `replica` on this stage's spans."
        )
    fewest = RUNS_A_STRETCH * FEWEST_STRETCHES
    if len(calls) < fewest * len(known):
        return Refusal(
            f"{len(calls)} runs on {len(known)} replicas are too few to tell chance from "
            f"imbalance; record {fewest * len(known)}."
        )
    calls = side_by_side(calls)
    names = calls.replicas()
    if len(calls) < fewest * max(len(names), 2):
        return Refusal(
            f"Only {counted(len(calls), 'run')} came while the same replicas were there, so no "
            f"balancer chose between them; record {fewest * max(len(names), 2)} in one stretch of "
            "time."
        )
    stretches = min(len(calls) // (RUNS_A_STRETCH * len(names)), MAX_STRETCHES)
    work = _work(calls, names, stretches)
    recorded = work.sum(axis=0)
    rng = np.random.default_rng(seed)
    shuffled = (rng.permuted(work, axis=1).sum(axis=0).max() for _ in range(_SHUFFLES))
    larger = sum(bool(most >= recorded.max()) for most in shuffled)
    p_value = (larger + 1) / (_SHUFFLES + 1)
    ratio = float(recorded.max() / max(recorded.mean(), 1e-9))
    return Imbalance(
        busiest=names[int(recorded.argmax())],
        ratio=ratio,
        p_value=p_value,
        is_found=p_value < SIGNIFICANT and ratio > SMALLEST,
    )


def side_by_side(calls: StageCalls) -> StageCalls:
    """The runs that began while the same two or more replicas were there: of all such sets the one
    with the most runs; nothing where replicas never were there together.

    A replica is there from its first run to its last end in each run of the program.
    """
    names = calls.replicas()
    replica = np.array([name or "" for name in calls.replica])
    present = np.zeros((len(calls), len(names)), np.bool_)
    for column, name in enumerate(names):
        for first_ns, last_ns in _periods(calls, np.flatnonzero(replica == name)):
            present[:, column] |= (calls.start_ns >= first_ns) & (calls.start_ns <= last_ns)
    several = np.flatnonzero(present.sum(axis=1) > 1)
    if not len(several):
        return calls.take(several)
    _, which, count = np.unique(present[several], axis=0, return_inverse=True, return_counts=True)
    return calls.take(several[which.reshape(-1) == int(count.argmax())])


def _periods(calls: StageCalls, rows: Ints) -> list[tuple[int, int]]:
    """First start and last end of these rows in each run of the program."""
    runs = np.zeros(len(rows), np.int64) if calls.run is None else calls.run[rows]
    return [
        (int(calls.start_ns[those].min()), int(calls.end_ns[those].max()))
        for those in (rows[runs == run] for run in np.unique(runs))
    ]


def _work(calls: StageCalls, names: tuple[str, ...], stretches: int) -> NDArray[np.float64]:
    """Time worked, a row for each stretch of equally many runs and a column for each replica."""
    code = {name: column for column, name in enumerate(names)}
    known = np.array([code.get(name or "", -1) for name in calls.replica])
    stretch = np.arange(len(calls)) * stretches // len(calls)
    work = np.zeros((stretches, len(names)))
    rows = known >= 0
    np.add.at(work, (stretch[rows], known[rows]), calls.service_ns[rows].astype(np.float64))
    return work
