"""Is it true what `latprobe load` says of one server more, and of saturation? On a virtual clock.

    python -m tests.benchmarks.load_virtual [--seed 0] [--runs 1] [--requests 400]

100 programs: four kinds of arrivals, five of service times, one to six servers. Each is recorded,
its servers looked for, the percentiles of wait and run with one more predicted; then it runs with
one more, with other arrivals and service times. The rate at which the p95 doubles is compared with
that of 24 runs of the same program. `load_truth` does the same with real timers, which other work
on the machine disturbs.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.intervals import Estimate
from latprobe.analysis.load.capacity import Capacity, OneMore, find_capacity
from latprobe.analysis.queueing import find_servers, simulate
from tests.analysis.load.virtual_queue import MEAN_MS, MS, Program, gaps_ms, programs, service_ms

QUANTILES = (0.5, 0.95)
KNOWN_RUNS = 24
HALVINGS = 9


@dataclass(frozen=True, slots=True)
class Checked:
    """A figure beside the truth."""

    what: str
    error: float
    is_inside: bool | None


def checked(what: str, said: Estimate, real: float) -> Checked:
    """How far off it is, and whether the truth lies in its interval; None: it has none."""
    interval = said.interval
    is_inside = None if interval is None else interval.low <= real <= interval.high
    return Checked(what, abs(said.value / real - 1), is_inside)


def doubling_per_s(program: Program, requests: int, seed: int) -> float | None:
    """The rate at which the median p95 of runs as long doubles; None: not below 1.5 times full."""
    rng = np.random.default_rng([seed, 99])
    gap_ms = MEAN_MS / (program.load * program.servers)
    runs = [
        (
            np.cumsum(gaps_ms(program.arrivals, gap_ms, requests, rng)) * MS,
            (service_ms(program.services, requests, rng) * MS).astype(np.int64),
        )
        for _ in range(KNOWN_RUNS)
    ]

    def p95(density: float) -> float:
        found = []
        for came, service in runs:
            ready = (came / density).astype(np.int64)
            start = simulate(ready, service, program.servers)
            found.append(np.quantile(start + service - ready, 0.95))
        return float(np.median(found))

    wanted, low, high = 2 * p95(1.0), 1.0, 1.5 / program.load
    if p95(high) < wanted:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if p95(middle) < wanted else (low, middle)
    return (low + high) / 2 / gap_ms * 1e3


def check(
    program: Program, seed: list[int], requests: int, doubling: float | None
) -> Iterator[Checked | str]:
    """Every figure of one recording; a word where there is none."""
    before = program.run([*seed, 0], requests=requests)
    servers = find_servers(before.arrival_ns, before.start_ns, before.end_ns)
    if servers is None or servers.count != program.servers:
        yield "no queue seen" if servers is None else "wrong number"
        return
    found: Capacity = find_capacity(before, servers)
    if not isinstance(found.one_more, OneMore):
        yield "refused"
        return
    stay_ms = program.run([*seed, 1], more=1, requests=requests).sojourn_ns / MS
    real = np.quantile(stay_ms, QUANTILES).tolist()
    yield checked("p50", found.one_more.p50_ms, real[0])
    yield checked("p95", found.one_more.p95_ms, real[1])
    if found.p95_doubles_per_s is not None and doubling is not None:
        yield checked("p95 doubles", found.p95_doubles_per_s, doubling)


def main() -> None:
    """Prints the shares by kind of program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--requests", type=int, default=400)
    given = parser.parse_args()
    figures: dict[tuple[str, str], list[Checked]] = defaultdict(list)
    words: dict[str, int] = defaultdict(int)
    for number, program in enumerate(programs()):
        doubling = doubling_per_s(program, given.requests, number)
        for run in range(given.runs):
            for each in check(program, [given.seed, number, run], given.requests, doubling):
                if isinstance(each, str):
                    words[f"{each} ({program.services} service times)"] += 1
                    continue
                for kind in ("all", f"arrivals {program.arrivals}", f"service {program.services}"):
                    figures[kind, each.what].append(each)
    for (kind, what), some in sorted(figures.items()):
        inside = [each.is_inside for each in some if each.is_inside is not None]
        print(
            f"{kind:22} {what:11} {np.mean(inside):6.1%} of {len(inside)} inside, "
            f"median error {np.median([each.error for each in some]):.1%}"
        )
    print(dict(words))


if __name__ == "__main__":
    main()
