"""What a stage's servers can take, and what one more of them would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.intervals import (
    SEED,
    Estimate,
    Interval,
    block_draws,
    block_length,
    interval_of,
)
from latprobe.analysis.load.lined_up import (
    P50_P95,
    Line,
    around,
    line_of,
    memory_of,
    rerun_ms,
    runs_apart,
)
from latprobe.analysis.load.lined_up import ready_ns as ready_ns
from latprobe.analysis.load.saturation import find_doubling
from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.queueing import Servers, simulate
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.spans import Ints

_RERUNS = 200

# So many independent runs must speak for the service times. Where neighbours are alike (each says
# less than half as much as alone) blocks of them show too little of how re-runs differ: with 20 to
# 200 that would say as much by themselves, intervals of 95 % covered 80 % of re-runs.
FEWEST_APART = 50
FEWEST_ALIKE = 200
_ALIKE = 2.0

ASSUMPTIONS = (
    "Runs come as they were recorded, whatever the load; callers who wait for an answer before "
    "they ask again would come less often.",
    "Each run takes as long as recorded however many run beside it, and another server is as "
    "fast as those there.",
)


@dataclass(frozen=True, slots=True)
class OneMore:
    """The stage with one server more (a new replica where work is bound to replicas).

    Percentiles of wait and run together, in ms, with where a re-run of as many runs would measure
    them; `wait_saved_ms` is the mean over the recorded runs. `capacity_per_s`: how many runs a
    second it can take.
    """

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
    times the capacity in a recording of this length, or refused as `one_more` is. `p50_ms` and
    `p95_ms` are the recorded ones.
    """

    servers: int
    utilisation: Estimate
    capacity_per_s: Estimate
    p95_doubles_per_s: Estimate | None
    p50_ms: float
    p95_ms: float
    one_more: OneMore | Refusal
    assumptions: tuple[str, ...] = ASSUMPTIONS


def find_capacity(
    calls: StageCalls, servers: Servers, *, idle_ns: int = 0, seed: int = SEED
) -> Capacity:
    """The capacity of a stage whose servers are known; the calls stand by their starts.

    `idle_ns`: time between runs of the program, in which nothing can arrive.
    """
    service = calls.service_ns + servers.handoff_ns
    per_s = _capacity_per_s(service, servers.count, seed)
    rate = _rate_per_s(calls.arrival_ns, idle_ns)
    p50, p95 = (np.quantile(calls.sojourn_ns, P50_P95) / 1e6).tolist()
    line = line_of(calls, servers)
    refused = _hang_together(line)
    return Capacity(
        servers=servers.count,
        utilisation=_utilisation(per_s, rate),
        capacity_per_s=per_s,
        p95_doubles_per_s=None if refused else find_doubling(line, rate, seed=seed),
        p50_ms=p50,
        p95_ms=p95,
        one_more=refused or _one_more(calls, servers, line, seed),
    )


def line_up(calls: StageCalls, servers: Servers, *, more: int = 0) -> Ints:
    """When each run starts with `more` servers than there are, from the recorded arrivals.

    Where work is bound to replicas each has its own line, and a new one is given every k-th run.
    """
    ready, service = ready_ns(calls, servers), calls.service_ns
    if not servers.replicas:
        order = None if servers.is_first_come or more else np.arange(len(calls))
        count = servers.count + more
        return simulate(ready, service, count, order=order, handoff_ns=servers.handoff_ns)
    counts = dict(servers.replicas)
    line = np.array([name or "" for name in calls.replica], dtype=object)
    for number in range(more):
        new = f"\0new {number}"
        counts[new] = max(1, servers.count // len(servers.replicas))
        line[np.arange(len(line)) % len(counts) == len(counts) - 1] = new
    started = calls.start_ns.copy()
    for name, count in counts.items():
        rows = np.flatnonzero(line == name)
        given = simulate(ready[rows], service[rows], count, handoff_ns=servers.handoff_ns)
        started[rows] = given
    return started


def _one_more(calls: StageCalls, servers: Servers, line: Line, seed: int) -> OneMore:
    saved = line_up(calls, servers) - line_up(calls, servers, more=1)
    saved = np.minimum(saved, calls.start_ns - ready_ns(calls, servers))
    p50, p95 = (np.quantile(calls.sojourn_ns - saved, P50_P95) / 1e6).tolist()
    block = memory_of(line)
    reruns = rerun_ms(line, more=1, block=block, draws=_RERUNS, seed=seed)
    blocks = len(line) / block
    count = line.with_one_more()
    return OneMore(
        servers=count,
        p50_ms=Estimate(p50, around(p50, reruns[:, 0], blocks)),
        p95_ms=Estimate(p95, around(p95, reruns[:, 1], blocks)),
        wait_saved_ms=float(saved.mean()) / 1e6,
        capacity_per_s=_capacity_per_s(calls.service_ns + servers.handoff_ns, count, seed),
    )


def _hang_together(line: Line) -> Refusal | None:
    """Why so few runs, or so alike their neighbours, cannot tell how a re-run would go."""
    apart = runs_apart(line.service_ns)
    is_alike = len(line) > _ALIKE * apart
    wanted = FEWEST_ALIKE if is_alike else FEWEST_APART
    if apart >= wanted:
        return None
    if not is_alike:
        return Refusal(
            f"{len(line)} runs are too few to tell how a re-run would go; record "
            f"{2 * FEWEST_APART}."
        )
    return Refusal(
        "How long a run takes hangs together with the runs before it: these "
        f"{len(line)} say only as much as {apart:.0f} independent ones, and a re-run can go quite "
        f"differently. Record {max(wanted / apart, 2.0):.0f} times as long."
    )


def _capacity_per_s(service_ns: Ints, servers: int, seed: int) -> Estimate:
    block = block_length(service_ns)
    draws = block_draws(len(service_ns), rng=np.random.default_rng(seed), block=block)
    means = np.array([service_ns[rows].mean() for rows in draws])
    return Estimate(
        servers / float(service_ns.mean()) * 1e9, interval_of(servers / np.maximum(means, 1) * 1e9)
    )


def _rate_per_s(arrival_ns: Ints, idle_ns: int) -> float:
    time_ns = int(arrival_ns.max() - arrival_ns.min()) - idle_ns
    return (len(arrival_ns) - 1) / time_ns * 1e9 if time_ns > 0 else float("nan")


def _utilisation(capacity_per_s: Estimate, rate_per_s: float) -> Estimate:
    found = capacity_per_s.interval
    used = None if found is None else Interval(rate_per_s / found.high, rate_per_s / found.low)
    return Estimate(rate_per_s / capacity_per_s.value, used)
