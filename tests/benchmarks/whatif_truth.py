"""Prints how well predictions hold on real pipelines: recorded, really changed, recorded again.

python tests/benchmarks/whatif_truth.py [requests]

Stages sleep for random times that are known, in asyncio tasks and threads, under a real recorder.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import numpy as np

import latprobe
from latprobe import stage
from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import Scope
from latprobe.analysis.whatif import (
    CacheHit,
    Change,
    Parallel,
    Remove,
    Replicas,
    Scale,
    predict,
)
from latprobe.store.reader import open_reader

AT_ONCE = 4
times: dict[str, float] = {}


def length_s(name: str, mean_ms: float) -> float:
    """How long one run of the stage sleeps."""
    return random.lognormvariate(-0.045, 0.3) * mean_ms / 1000 * times.get(name, 1.0)


late = {"task": 0.0, "thread": 0.0}


async def rest(name: str, mean_ms: float) -> None:
    """Sleeps as long as the stage takes; timers are late by about a millisecond."""
    await asyncio.sleep(max(length_s(name, mean_ms) - late["task"], 0))


def measure_lateness() -> None:
    """How much later than asked sleepers wake up here, on average, in s."""

    async def sleep() -> float:
        wanted = random.uniform(0.003, 0.01)
        begin = time.perf_counter()
        await asyncio.sleep(wanted)
        return time.perf_counter() - begin - wanted

    async def one_after_another() -> list[float]:
        return [await sleep() for _ in range(100)]

    late["task"] = float(np.median(asyncio.run(one_after_another())))
    begin = time.perf_counter()
    for _ in range(100):
        time.sleep(0.003)
    late["thread"] = (time.perf_counter() - begin) / 100 - 0.003


async def step(name: str, mean_ms: float) -> None:
    with stage(name):
        await rest(name, mean_ms)


def work(name: str, mean_ms: float) -> None:
    with stage(name):
        time.sleep(max(length_s(name, mean_ms) - late["thread"], 0))


async def sequential() -> None:
    await step("embed", 5)
    await step("search", 8)
    await step("llm", 20)


async def nested() -> None:
    with stage("retrieve"):
        await step("embed", 6)
        await step("search", 10)
    with stage("llm"):
        await step("client", 20)


async def gathered() -> None:
    await step("plan", 5)
    await asyncio.gather(step("web", 16), step("docs", 13))
    await step("llm", 12)


async def fan_out() -> None:
    await asyncio.gather(*(step("fetch", 12) for _ in range(5)))
    await step("llm", 15)


async def in_turn_or_beside() -> None:
    if times.get("beside"):
        await asyncio.gather(step("web", 16), step("docs", 13))
    else:
        await step("web", 16)
        await step("docs", 13)
    await step("llm", 10)


async def cached() -> None:
    with stage("search"):
        if random.random() >= times.get("hits", 0.0):
            await rest("search", 20)
    await step("llm", 12)


async def retried() -> None:
    for attempt in range(3):
        await step("call", 12)
        if random.random() > 0.3:
            break
        await asyncio.sleep(0.004 * 2**attempt)
    await step("parse", 6)


async def streamed() -> None:
    """A model's pieces, spoken by another task as they come."""
    pieces: asyncio.Queue[int | None] = asyncio.Queue()

    async def write() -> None:
        with stage("model"):
            await rest("model", 12)
            for number in range(random.randint(3, 8)):
                await rest("model", 9)
                pieces.put_nowait(number)
        pieces.put_nowait(None)

    async def speak() -> None:
        first = await pieces.get()
        with stage("speak"):
            while first is not None:
                await rest("speak", 3)
                first = await pieces.get()

    await asyncio.gather(write(), speak())


async def generated() -> None:
    """A generator's pieces, each worked on before the next is asked for."""

    @stage("model")
    async def write() -> AsyncIterator[int]:
        for number in range(random.randint(3, 6)):
            await rest("model", 8)
            yield number

    async for _ in write():
        await step("speak", 6)


def threads(executor: ThreadPoolExecutor) -> None:
    work("plan", 5)
    jobs = [
        executor.submit(copy_context().run, work, name, mean)
        for name, mean in (("web", 18), ("docs", 14))
    ]
    for job in jobs:
        job.result()
    work("llm", 12)


def pooled(executor: ThreadPoolExecutor) -> None:
    """Six of a kind on three threads."""
    todo: SimpleQueue[int] = SimpleQueue()
    for number in range(6):
        todo.put(number)

    def take() -> None:
        while not todo.empty():
            todo.get()
            work("page", 8)

    jobs = [executor.submit(copy_context().run, take) for _ in range(3)]
    for job in jobs:
        job.result()
    work("llm", 10)


class Served:
    """One stage on two workers that all requests share."""

    def __init__(self) -> None:
        self.places = asyncio.Semaphore(int(times.get("workers", 2)))

    async def __call__(self) -> None:
        await step("prepare", 3)
        async with self.places:
            await step("gpu", 12)
        await step("format", 3)


Async = Callable[[], Awaitable[None]]


async def _ask(pipeline: Async, requests: int) -> None:
    left = iter(range(requests))

    async def caller() -> None:
        for _ in left:
            with stage("request"):
                await pipeline()

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


def run_async(pipeline: Async) -> Callable[[int], None]:
    return lambda requests: asyncio.run(_ask(pipeline, requests))


def run_served(requests: int) -> None:
    async def main() -> None:
        await _ask(Served(), requests)

    asyncio.run(main())


def run_threads(pipeline: Callable[[ThreadPoolExecutor], None]) -> Callable[[int], None]:
    def run(requests: int) -> None:
        with ThreadPoolExecutor(8) as executor, ThreadPoolExecutor(2) as callers:

            def one(_: int) -> None:
                with stage("request"):
                    pipeline(executor)

            list(callers.map(one, range(requests)))

    return run


@dataclass(frozen=True)
class Case:
    name: str
    run: Callable[[int], None]
    changes: tuple[Change, ...]
    times: dict[str, float]


def cases() -> Iterator[Case]:
    scaled: list[tuple[str, Callable[[int], None], tuple[dict[str, float], ...]]] = [
        (
            "sequential",
            run_async(sequential),
            ({"llm": 0.5}, {"search": 0}, {"embed": 3}, {"llm": 0.3, "search": 2}),
        ),
        (
            "nested",
            run_async(nested),
            ({"client": 0.5}, {"embed": 0}, {"search": 2}, {"client": 2}),
        ),
        (
            "gather",
            run_async(gathered),
            ({"web": 0.3}, {"docs": 2}, {"plan": 0}, {"web": 0.5, "docs": 0.5}, {"llm": 0.5}),
        ),
        ("fan-out", run_async(fan_out), ({"fetch": 0.5}, {"fetch": 2}, {"llm": 0.5})),
        ("retries", run_async(retried), ({"call": 0.5}, {"parse": 0}, {"call": 2})),
        ("stream", run_async(streamed), ({"model": 0.5}, {"model": 2}, {"speak": 0.3})),
        ("generator", run_async(generated), ({"model": 0.5}, {"speak": 0.5}, {"model": 2})),
        ("threads", run_threads(threads), ({"web": 0.3}, {"docs": 2}, {"llm": 0.5}, {"plan": 0})),
        ("pool", run_threads(pooled), ({"page": 0.5}, {"page": 2}, {"llm": 0.5})),
        ("queue", run_served, ({"gpu": 0.5}, {"gpu": 0.7}, {"format": 3}, {"gpu": 1.5})),
    ]
    for name, run, every in scaled:
        for each in every:
            changes = tuple(
                Scale(stage_name, factor) if factor else Remove(stage_name)
                for stage_name, factor in each.items()
            )
            yield Case(name, run, changes, each)
    beside = run_async(in_turn_or_beside)
    yield Case("parallel", beside, (Parallel("web", "docs"),), {"beside": 1})
    both = (Parallel("web", "docs"), Scale("web", 0.5))
    yield Case("parallel", beside, both, {"beside": 1, "web": 0.5})
    for ratio in (0.3, 0.6, 0.9):
        yield Case("cache", run_async(cached), (CacheHit("search", ratio),), {"hits": ratio})
    for count in (3, 4):
        yield Case("queue", run_served, (Replicas("gpu", count),), {"workers": count})


def recorded(case: Case, settings: dict[str, float], requests: int) -> Scope:
    """Runs the pipeline with the settings; the window of time it ran in."""
    times.clear()
    times.update(settings)
    begin = time.time_ns()
    case.run(requests)
    return Scope(from_ns=begin, to_ns=time.time_ns())


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    random.seed(1)
    measure_lateness()
    errors: list[tuple[float, float]] = []
    covers: list[bool] = []
    floors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        latprobe.init(service="truth", home=home, agent=False)
        windows = [
            (
                case,
                recorded(case, {}, requests),
                recorded(case, case.times, requests),
                recorded(case, case.times, requests),
            )
            for case in cases()
        ]
        latprobe.flush(10)
        with open_reader(home, start_agent=False) as reader:
            reader.flush(timeout_s=30)
            for case, before, after, again in windows:
                found = predict(reader.query, case.changes, before)
                took = fetch_requests(reader.query, after).duration_ns / 1e6
                same = fetch_requests(reader.query, again).duration_ns / 1e6
                line = f"{case.name:11}{str(case.times)[:30]:31}"
                if found.refused is not None:
                    print(f"{line}refused: {found.refused}")
                    continue
                offs = []
                for q, figure in ((0.5, found.p50), (0.95, found.p95)):
                    truth = float(np.quantile(took, q))
                    interval = figure.ci95_ms
                    assert figure.after_ms is not None
                    assert interval is not None
                    offs.append(figure.after_ms / truth - 1)
                    floors.append(abs(float(np.quantile(same, q)) / truth - 1))
                    covers.append(interval.low <= truth <= interval.high)
                errors.append((offs[0], offs[1]))
                mark = "" if all(covers[-2:]) else "  outside of the interval"
                print(f"{line}p50 {offs[0]:+6.1%}  p95 {offs[1]:+6.1%}  {found.basis}{mark}")
    off = np.abs(np.array(errors))
    print(f"{len(errors)} cases of {requests} requests: mean error {off.mean(axis=0)}")
    print(
        f"p50 within 5 %: {np.mean(off[:, 0] <= 0.05):.0%}, p95: {np.mean(off[:, 1] <= 0.05):.0%}"
    )
    floor = np.array(floors).reshape(-1, 2)
    print(
        f"floor, two runs of the same changed program: mean difference {floor.mean(axis=0)}, "
        f"p50 within 5 %: {np.mean(floor[:, 0] <= 0.05):.0%}, "
        f"p95: {np.mean(floor[:, 1] <= 0.05):.0%}"
    )
    print(
        f"RESULT {len(errors)} cases: interval covers {np.mean(covers):.1%} of re-runs; "
        f"median error p50 {np.median(off[:, 0]):.1%}, p95 {np.median(off[:, 1]):.1%}; floor "
        f"p50 {np.median(floor[:, 0]):.1%}, p95 {np.median(floor[:, 1]):.1%}"
    )


if __name__ == "__main__":
    main()
