"""Pipelines of known, random stage times in asyncio tasks and threads, and what is changed in them.

Their stages sleep; `times` holds by what each stage's time is multiplied, and other settings. Each
request draws its times from a seed of its own, so that the same requests can be run again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from latprobe import stage
from latprobe.analysis.whatif import CacheHit, Change, Parallel, Remove, Replicas, Scale

# So many callers send requests: tasks hardly meet, threads take turns with the interpreter, and in
# the queue every one of them waits.
TASKS_AT_ONCE, THREADS_AT_ONCE, QUEUE_AT_ONCE = 10, 4, 4
times: dict[str, float] = {}


class Luck:
    """What one request draws, stage by stage: the same for the same seed, whatever comes first."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.drawn: Counter[str] = Counter()

    def draw(self, name: str) -> random.Random:
        """The numbers for the next thing of that name."""
        self.drawn[name] += 1
        return random.Random(f"{self.seed} {name} {self.drawn[name]}")


luck: ContextVar[Luck] = ContextVar("luck")


def chance(name: str) -> random.Random:
    """What the request that runs here draws for it."""
    return luck.get().draw(name)


def length_s(name: str, mean_ms: float) -> float:
    """How long one run of the stage sleeps."""
    return chance(name).lognormvariate(-0.045, 0.3) * mean_ms / 1000 * times.get(name, 1.0)


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
        if chance("hit").random() >= times.get("hits", 0.0):
            await rest("search", 20)
    await step("llm", 12)


async def retried() -> None:
    for attempt in range(3):
        await step("call", 12)
        if chance("retry").random() > 0.3:
            break
        await asyncio.sleep(0.004 * 2**attempt)
    await step("parse", 6)


async def streamed() -> None:
    """A model's pieces, spoken by another task as they come."""
    pieces: asyncio.Queue[int | None] = asyncio.Queue()

    async def write() -> None:
        with stage("model"):
            await rest("model", 12)
            for number in range(chance("pieces").randint(3, 8)):
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
        for number in range(chance("pieces").randint(3, 6)):
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


Run = Callable[[int, str], None]


async def _ask(pipeline: Async, requests: int, seed: str, at_once: int) -> None:
    left = iter(range(requests))

    async def caller() -> None:
        for number in left:
            luck.set(Luck(f"{seed} {number}"))
            with stage("request"):
                await pipeline()

    await asyncio.gather(*(caller() for _ in range(at_once)))


def run_async(pipeline: Async) -> Run:
    return lambda requests, seed: asyncio.run(_ask(pipeline, requests, seed, TASKS_AT_ONCE))


def run_served(requests: int, seed: str) -> None:
    async def main() -> None:
        await _ask(Served(), requests, seed, QUEUE_AT_ONCE)

    asyncio.run(main())


def run_threads(pipeline: Callable[[ThreadPoolExecutor], None]) -> Run:
    def run(requests: int, seed: str) -> None:
        with (
            ThreadPoolExecutor(4 * THREADS_AT_ONCE) as executor,
            ThreadPoolExecutor(THREADS_AT_ONCE) as callers,
        ):

            def one(number: int) -> None:
                luck.set(Luck(f"{seed} {number}"))
                with stage("request"):
                    pipeline(executor)

            list(callers.map(one, range(requests)))

    return run


@dataclass(frozen=True)
class Case:
    name: str
    run: Run  # so many requests, drawn from this seed
    changes: tuple[Change, ...]
    times: dict[str, float]


def cases() -> Iterator[Case]:
    scaled: list[tuple[str, Run, tuple[dict[str, float], ...]]] = [
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
