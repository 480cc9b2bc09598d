"""Is it true what `latprobe load` says of one server more? Run, predicted, and run again.

    python -m tests.benchmarks.load_truth [--cases 8] [--requests 400]

Each case is a real program in a process of its own: Poisson arrivals, a stage before, a semaphore
(asyncio) or a pool (threads) of n around the stage `work`, a stage after. Its load is measured, n
looked for, the percentiles of wait and run with n + 1 predicted; then the program really runs with
n + 1, other random arrivals and service times, and the errors are printed. On a machine with other
work the two runs differ by more than the figures can know (`mean run now, real`): see
`load_virtual` for the same without timers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from latprobe.analysis.load import LoadReport, StageLoad, load_report
from latprobe.analysis.queueing import Servers
from latprobe.analysis.refusal import Refusal
from latprobe.store.reader import open_reader

PROGRAM = """
import asyncio, random, sys, time
from concurrent.futures import ThreadPoolExecutor
import latprobe
kind, servers, offered, requests, seed = sys.argv[1], *map(float, sys.argv[2:])
servers, requests = int(servers), int(requests)
random.seed(seed)
MEAN_S = 0.02
latprobe.init(service=f"truth-{servers}")

def service_s():
    return {"exp": random.expovariate(1 / MEAN_S), "even": MEAN_S}[kind.split("-")[1]]

async def request_async(gate, takes):
    with latprobe.stage("request"):
        async with latprobe.stage("before"):
            await asyncio.sleep(0.002)
        async with gate:
            async with latprobe.stage("work"):
                await asyncio.sleep(takes)
        async with latprobe.stage("after"):
            await asyncio.sleep(0.001)

def work(takes):
    with latprobe.stage("work"):
        time.sleep(takes)

def request_thread(pool, takes):
    with latprobe.stage("request"):
        with latprobe.stage("before"):
            time.sleep(0.002)
        pool.submit(latprobe.carry(work), takes).result()
        with latprobe.stage("after"):
            time.sleep(0.001)

async def arrivals():
    at = time.monotonic()
    for _ in range(requests):
        at += random.expovariate(offered / MEAN_S)
        await asyncio.sleep(max(at - time.monotonic(), 0))
        yield service_s()

async def main():
    if kind.startswith("asyncio"):
        gate = asyncio.Semaphore(servers)
        start = lambda s: asyncio.create_task(request_async(gate, s))
        await asyncio.gather(*[start(s) async for s in arrivals()])
        return
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(servers) as pool, ThreadPoolExecutor(256) as clients:
        await asyncio.gather(
            *[loop.run_in_executor(clients, request_thread, pool, s) async for s in arrivals()]
        )

asyncio.run(main())
"""


def run(kind: str, servers: int, offered: float, requests: int, seed: int) -> LoadReport:
    """The load report of one run of the program; `offered` is work over time, in servers."""
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(
            [sys.executable, "-c", PROGRAM, kind, *map(str, (servers, offered, requests, seed))],
            env={**os.environ, "LATPROBE_HOME": home, "LATPROBE_AGENT": "off"},
            check=True,
        )
        with open_reader(Path(home), start_agent=False) as store:
            store.flush(timeout_s=30)
            return load_report(store.query)


def work_of(report: LoadReport) -> StageLoad:
    """The stage that the servers do."""
    return next(stage for stage in report.stages if stage.name == "work")


def main() -> None:
    """Prints a line a case, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=8)
    parser.add_argument("--requests", type=int, default=400)
    given = parser.parse_args()
    cases = [
        (f"{way}-{shape}", servers, load)
        for way in ("asyncio", "thread")
        for shape in ("exp", "even")
        for servers, load in ((1, 0.7), (2, 0.85), (3, 0.8), (4, 0.9))
    ][:: max(16 // given.cases, 1)]
    errors, inside = [], []
    print(
        "case                n found  p50 now  p50 said  p50 real  p95 now  p95 said  p95 real  "
        "mean run now, real"
    )
    for seed, (kind, servers, load) in enumerate(cases):
        before = work_of(run(kind, servers, load * servers, given.requests, seed))
        after = work_of(run(kind, servers + 1, load * servers, given.requests, 1000 + seed))
        found = before.servers
        if not isinstance(found, Servers) or before.capacity is None:
            print(f"{kind:14s} {servers} at {load}: {found}")
            continue
        real = real_ms(after)
        said = before.capacity.one_more
        if isinstance(said, Refusal):
            print(f"{kind:14s} {servers} at {load}: {said.reason}")
            continue
        for want, got in ((said.p50_ms, real[0]), (said.p95_ms, real[1])):
            errors.append(abs(want.value - got) / got)
            assert want.interval is not None
            inside.append(want.interval.low <= got <= want.interval.high)
        print(
            f"{kind:14s} {servers} {load:4.2f} {found.count:5d} {before.capacity.p50_ms:8.1f} "
            f"{said.p50_ms.value:9.1f} {real[0]:9.1f} {before.capacity.p95_ms:8.1f} "
            f"{said.p95_ms.value:9.1f} {real[1]:9.1f}  "
            f"{mean_run_ms(before):.1f}, {mean_run_ms(after):.1f}"
        )
    print(f"median error {np.median(errors):.1%}, {np.mean(inside):.0%} inside their interval")


def mean_run_ms(stage: StageLoad) -> float:
    """How long `work` took: where it differs, so did the machine or the chance of the draw."""
    return stage.busy.mean_running / (stage.busy.rate_per_s or 1.0) * 1e3


def real_ms(stage: StageLoad) -> tuple[float, float]:
    """p50 and p95 of wait and run as recorded."""
    return stage.stay_p50_ms, stage.stay_p95_ms


if __name__ == "__main__":
    main()
