"""What a stage's servers can take, and what one more of them would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.intervals import (
    SEED,
    Estimate,
    Interval,
    block_draws,
    block_length,
    interval_of,
)
from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.queueing import Servers, simulate
from latprobe.analysis.spans import Ints

# Runs that are lined up again and again to find the rate at which the 95th percentile doubles.
MAX_LINED_UP = 2_000
_RERUNS = 200
_DRAWS = 40
_HALVINGS = 8
# The arrival rate is raised up to so many times what the servers can take.
_OVERLOAD = 1.5

_P50_P95 = (0.5, 0.95)

ASSUMPTIONS = (
    "Runs come as they were recorded, whatever the load; callers who wait for an answer before "
    "they ask again would come less often.",
    "Each run takes as long as recorded however many run beside it, and another server is as "
    "fast as those there.",
)


@dataclass(frozen=True, slots=True)
class OneMore:
    """The stage with one server more (one on a new replica where work is bound to replicas):
    percentiles of wait and run together, in ms, and how many runs a second it can take."""

    servers: int
    p50_ms: Estimate
    p95_ms: Estimate
    wait_saved_ms: float
    capacity_per_s: Estimate


@dataclass(frozen=True, slots=True)
class Capacity:
    """`capacity_per_s`: runs a second at which all servers work all the time.

    `utilisation`: the recorded share of that. `p95_doubles_per_s`: runs a second at which the 95th
    percentile of wait and run together is twice the recorded one; None: not reached below 1.5
    times the capacity in a recording of this length. `p50_ms` and `p95_ms` are the recorded ones.
    """

    servers: int
    utilisation: Estimate
    capacity_per_s: Estimate
    p95_doubles_per_s: Estimate | None
    p50_ms: float
    p95_ms: float
    one_more: OneMore
    assumptions: tuple[str, ...] = ASSUMPTIONS


def find_capacity(calls: StageCalls, servers: Servers, *, seed: int = SEED) -> Capacity:
    """The capacity of a stage whose servers are known; the calls stand by their starts."""
    service = calls.service_ns + servers.handoff_ns
    per_s = _capacity_per_s(service, servers.count, seed)
    rate = _rate_per_s(calls.arrival_ns)
    p50, p95 = (np.quantile(calls.sojourn_ns, _P50_P95) / 1e6).tolist()
    return Capacity(
        servers=servers.count,
        utilisation=_utilisation(per_s, rate),
        capacity_per_s=per_s,
        p95_doubles_per_s=_doubling(calls, servers, seed),
        p50_ms=p50,
        p95_ms=p95,
        one_more=_one_more(calls, servers, seed),
    )


def ready_ns(calls: StageCalls, servers: Servers) -> Ints:
    """When each run could have started, had a server been free."""
    return np.minimum(calls.arrival_ns + servers.lead_ns, calls.start_ns)


def line_up(calls: StageCalls, servers: Servers, *, more: int = 0) -> Ints:
    """When each run starts with `more` servers than there are, from the recorded arrivals.

    Where work is bound to replicas each has its own line, and a new one is given every k-th run.
    """
    ready, service = ready_ns(calls, servers), calls.service_ns
    if not servers.replicas:
        order = None if servers.is_first_come else np.arange(len(calls))
        count = servers.count + more
        if more:
            order = None
        return simulate(ready, service, count, order=order, handoff_ns=servers.handoff_ns)
    counts = dict(servers.replicas)
    line = np.array([name or "" for name in calls.replica], dtype=object)
    for number in range(more):
        new = f"\0new {number}"
        counts[new] = _a_replica(servers)
        line[np.arange(len(line)) % len(counts) == len(counts) - 1] = new
    started = calls.start_ns.copy()
    for name, count in counts.items():
        rows = np.flatnonzero(line == name)
        given = simulate(ready[rows], service[rows], count, handoff_ns=servers.handoff_ns)
        started[rows] = given
    return started


def _one_more(calls: StageCalls, servers: Servers, seed: int) -> OneMore:
    saved = line_up(calls, servers) - line_up(calls, servers, more=1)
    waited = calls.start_ns - ready_ns(calls, servers)
    saved = np.minimum(saved, waited)
    after = (calls.sojourn_ns - saved)[np.argsort(calls.arrival_ns, kind="stable")] / 1e6
    p50, p95 = np.quantile(after, _P50_P95).tolist()
    reruns = _rerun_ms(calls, servers, seed)
    count = _with_one_more(servers)
    return OneMore(
        servers=count,
        p50_ms=Estimate(p50, _around(p50, reruns[:, 0])),
        p95_ms=Estimate(p95, _around(p95, reruns[:, 1])),
        wait_saved_ms=float(saved.mean()) / 1e6,
        capacity_per_s=_capacity_per_s(calls.service_ns + servers.handoff_ns, count, seed),
    )


def _rerun_ms(calls: StageCalls, servers: Servers, seed: int) -> NDArray[np.float64]:
    """The percentiles that re-runs with one more server would measure: (draws, p50 and p95).

    A queue's tail hangs on how the arrivals fell, so it is not the waits but what they come from
    that is drawn: blocks of gaps between arrivals with their service times. Drawn twice, for the
    noise of what was recorded and of the re-run.
    """
    gap, service = _gaps(calls, servers)
    rng = np.random.default_rng(seed)
    block = max(block_length(gap), block_length(service))
    draws = [block_draws(len(gap), rng=rng, draws=_RERUNS, block=block) for _ in range(2)]
    found = []
    for first, second in zip(*draws, strict=True):
        rows = first[second]
        ready = np.cumsum(gap[rows])
        started = simulate(ready, service[rows], _with_one_more(servers))
        found.append(np.quantile(started + service[rows] - ready, _P50_P95) / 1e6)
    return np.array(found)


def _around(value: float, draws: NDArray[np.float64]) -> Interval | None:
    """The middle of what was drawn, and the value itself: runs that came in a rhythm longer than a
    block are drawn apart."""
    found = interval_of(draws)
    if found is None:
        return None
    return Interval(min(found.low, value), max(found.high, value))


def _gaps(calls: StageCalls, servers: Servers) -> tuple[Ints, Ints]:
    """Gaps between arrivals and the service times behind them, of the latest runs."""
    ready = ready_ns(calls, servers)
    order = np.argsort(ready, kind="stable")[-MAX_LINED_UP:]
    ready = ready[order]
    return np.diff(ready, prepend=ready[0]), calls.service_ns[order] + servers.handoff_ns


def _with_one_more(servers: Servers) -> int:
    return servers.count + _a_replica(servers)


def _a_replica(servers: Servers) -> int:
    """How many servers a replica has: one, where work is not bound to any."""
    return max(1, servers.count // len(servers.replicas)) if servers.replicas else 1


def _capacity_per_s(service_ns: Ints, servers: int, seed: int) -> Estimate:
    block = block_length(service_ns)
    draws = block_draws(len(service_ns), rng=np.random.default_rng(seed), block=block)
    means = np.array([service_ns[rows].mean() for rows in draws])
    return Estimate(
        servers / float(service_ns.mean()) * 1e9, interval_of(servers / np.maximum(means, 1) * 1e9)
    )


def _rate_per_s(arrival_ns: Ints) -> float:
    time_ns = int(arrival_ns.max() - arrival_ns.min())
    return (len(arrival_ns) - 1) / time_ns * 1e9 if time_ns else float("nan")


def _utilisation(capacity_per_s: Estimate, rate_per_s: float) -> Estimate:
    found = capacity_per_s.interval
    used = None if found is None else Interval(rate_per_s / found.high, rate_per_s / found.low)
    return Estimate(rate_per_s / capacity_per_s.value, used)


def _doubling(calls: StageCalls, servers: Servers, seed: int) -> Estimate | None:
    """The arrival rate at which the 95th percentile is twice what it is now."""
    gap, service = _gaps(calls, servers)
    rate = _rate_per_s(calls.arrival_ns)
    factor = _doubling_factor(gap, service, servers.count)
    if factor is None:
        return None
    rng = np.random.default_rng(seed)
    block = max(block_length(gap), block_length(service))
    drawn = [
        _doubling_factor(gap[rows], service[rows], servers.count)
        for rows in block_draws(len(gap), rng=rng, draws=_DRAWS, block=block)
    ]
    found = np.array([each for each in drawn if each is not None])
    return Estimate(
        float(factor * rate), interval_of(found * rate) if len(found) > _DRAWS // 2 else None
    )


def _doubling_factor(gap_ns: Ints, service_ns: Ints, servers: int) -> float | None:
    """How many times denser the arrivals are when the 95th percentile has doubled; None: never."""
    came = np.cumsum(gap_ns).astype(np.float64)
    wanted = 2 * _p95_ns(came, service_ns, servers, 1.0)
    used = float(service_ns.sum()) / servers / max(float(came[-1]), 1.0)
    low, high = 1.0, max(_OVERLOAD / max(used, 1e-6), 1.0)
    if _p95_ns(came, service_ns, servers, high) < wanted:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _p95_ns(came, service_ns, servers, middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _p95_ns(came: NDArray[np.float64], service: Ints, servers: int, factor: float) -> float:
    ready = (came / factor).astype(np.int64)
    started = simulate(ready, service, servers, order=np.arange(len(ready)))
    return float(np.quantile(started + service - ready, 0.95))
