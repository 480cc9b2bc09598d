"""Imbalance between replicas, and silence on chance."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.load.imbalance import Imbalance, find_imbalance
from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.refusal import Refusal
from tests.analysis.load.building import calls_of


def routed(seed: int, shares: list[float], *, count: int = 600) -> StageCalls:
    """Heavy-tailed work, each piece sent to a replica by chance with these shares."""
    rng = np.random.default_rng(seed)
    start = np.cumsum(rng.exponential(5e6, count)).astype(np.int64)
    takes = rng.lognormal(16, 1.0, count).astype(np.int64)
    names = [f"r{number}" for number in range(len(shares))]
    return calls_of(start, start + takes, replica=rng.choice(names, count, p=shares).tolist())


def is_found(calls: StageCalls) -> bool:
    """Whether it is reported."""
    found = find_imbalance(calls)
    assert isinstance(found, Imbalance)
    return found.is_found


def test_alike_replicas_are_hardly_ever_called_unequal() -> None:
    assert sum(is_found(routed(seed, [0.25] * 4)) for seed in range(40)) <= 2


def test_a_replica_with_twice_the_share_is_found() -> None:
    found = find_imbalance(routed(1, [0.4, 0.2, 0.2, 0.2]))
    assert isinstance(found, Imbalance)
    assert (found.busiest, found.is_found) == ("r0", True)
    assert 1.3 < found.ratio < 2.0


def test_load_that_comes_and_goes_is_no_imbalance() -> None:
    calls = routed(2, [0.5, 0.5])
    longer = np.where(np.arange(600) % 200 < 100, 5, 1)
    assert not is_found(
        calls_of(calls.start_ns, calls.start_ns + calls.service_ns * longer, replica=calls.replica)
    )


def test_taking_turns_is_no_imbalance() -> None:
    start = np.arange(400) * 1_000_000
    assert not is_found(calls_of(start, start + 500_000, replica=["a", "b"] * 200))


def test_too_few_runs_and_one_replica_are_refused() -> None:
    few = find_imbalance(routed(3, [0.5, 0.5], count=30))
    assert isinstance(few, Refusal)
    assert "30 runs on 2 replicas are too few" in few.reason
    alone = find_imbalance(routed(3, [1.0]))
    assert isinstance(alone, Refusal)
    assert "No two replicas" in alone.reason


def runs_of_machines(machines: list[str]) -> StageCalls:
    """One run of a program after another, 200 calls each, on these machines; "vm" works longer."""
    start = np.concatenate(
        [np.arange(200) * 2_000_000 + at * 36 * 10**11 for at in range(len(machines))]
    )
    replica = [name for name in machines for _ in range(200)]
    took = np.where(np.array(replica) == "vm", 1_900_000, 100_000)
    run = np.repeat(np.arange(len(machines)), 200)
    return calls_of(start, start + took, replica=replica, run=run)


def test_machines_of_runs_one_after_another_are_no_replicas() -> None:
    for machines in (["laptop", "vm"], ["laptop", "vm", "laptop", "vm", "laptop"]):
        found = find_imbalance(runs_of_machines(machines))
        assert isinstance(found, Refusal)
        assert "while the same replicas were there" in found.reason


def test_replicas_are_compared_where_they_were_there_together() -> None:
    both = routed(1, [0.4, 0.2, 0.2, 0.2])
    later = both.start_ns + 36 * 10**11
    found = find_imbalance(
        calls_of(
            np.append(both.start_ns, later),
            np.append(both.end_ns, later + 10**9),
            replica=[*both.replica, *["alone"] * len(both)],
            run=np.repeat([1, 2], len(both)),
        )
    )
    assert isinstance(found, Imbalance)
    assert (found.busiest, found.is_found) == ("r0", True)
    assert 1.3 < found.ratio < 2.0
