"""A pipeline on a virtual clock, which leaves spans as a recording would.

Written without the replay in mind: tasks are generators that yield how long they sleep, a task
that they wait for, or a place in a resource. Running a pipeline again with other times is the truth
that predictions are held against.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import numpy as np
import pyarrow as pa

from tests.analysis.seeding import EPOCH_NS, MemoryStore

Steps = Generator[Any, None, None]


@dataclass
class Task:
    """A running generator; those that wait for its end."""

    steps: Steps
    is_done: bool = False
    waiting: list[Task] = field(default_factory=list)


@dataclass
class Resource:
    """`count` places; who waits gets one in turn."""

    count: int
    line: deque[Task] = field(default_factory=deque)


@dataclass
class Signal:
    """Something that happens once, or a counter of what has arrived."""

    value: int = 0
    waiting: list[tuple[int, Task]] = field(default_factory=list)


class World:
    """The clock, the random numbers and the spans of one recording.

    `times` holds by what each stage's time is multiplied, and other settings of the pipeline.
    """

    def __init__(self, seed: int, times: Mapping[str, float] | None = None) -> None:
        self.random = np.random.default_rng(seed)
        self.times = dict(times or {})
        self.now = 0.0
        self.rows: list[dict[str, Any]] = []
        self.trace = 0
        self._events: list[tuple[float, int, Task]] = []
        self._number = 0

    def set(self, name: str, default: float) -> float:
        """A setting of the pipeline."""
        return self.times.get(name, default)

    def draw(self, stage: str, mean_ms: float, spread: float = 0.4) -> float:
        """How long one run of the stage takes."""
        length = mean_ms * float(self.random.lognormal(-spread * spread / 2, spread))
        return length * self.times.get(stage, 1.0)

    def start(self, steps: Steps, at: float | None = None) -> Task:
        """A task beside the others."""
        task = Task(steps)
        self._at(self.now if at is None else at, task)
        return task

    def free(self, resource: Resource) -> None:
        """Gives a place back."""
        if resource.line:
            self._at(self.now, resource.line.popleft())
        else:
            resource.count += 1

    def raise_to(self, signal: Signal, value: int) -> None:
        """Lets go on who waits for this value."""
        signal.value = value
        ready = [task for wanted, task in signal.waiting if wanted <= value]
        signal.waiting = [each for each in signal.waiting if each[0] > value]
        for task in ready:
            self._at(self.now, task)

    def open(self, name: str, parent: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """A span that begins now."""
        if parent is None:
            self.trace += 1
        row = {
            "trace": self.trace if parent is None else parent["trace"],
            "span_id": len(self.rows) + 1,
            "parent": None if parent is None else parent["span_id"],
            "name": name,
            "start": self.now,
            **more,
        }
        self.rows.append(row)
        return row

    def close(self, row: dict[str, Any]) -> None:
        """Ends the span now."""
        row["end"] = self.now

    def stage(self, name: str, parent: dict[str, Any], mean_ms: float) -> Steps:
        """A stage without parts."""
        row = self.open(name, parent)
        yield self.draw(name, mean_ms)
        self.close(row)

    def run(self) -> None:
        """Until nothing is left to do."""
        while self._events:
            self.now, _, task = heappop(self._events)
            self._step(task)

    def _at(self, time: float, task: Task) -> None:
        self._number += 1
        heappush(self._events, (time, self._number, task))

    def _step(self, task: Task) -> None:
        while True:
            try:
                wanted = next(task.steps)
            except StopIteration:
                task.is_done = True
                for each in task.waiting:
                    self._at(self.now, each)
                return
            if isinstance(wanted, Task):
                if wanted.is_done:
                    continue
                wanted.waiting.append(task)
            elif isinstance(wanted, Resource):
                if wanted.count:
                    wanted.count -= 1
                    continue
                wanted.line.append(task)
            elif isinstance(wanted, tuple):
                signal, value = wanted
                if signal.value >= value:
                    continue
                signal.waiting.append((value, task))
            else:
                self._at(self.now + float(wanted), task)
            return

    def durations_ms(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """How long each request took, in the order of their starts."""
        roots = sorted((r for r in self.rows if r["parent"] is None), key=lambda r: r["start"])
        return np.array([row["end"] - row["start"] for row in roots])

    def store(self) -> MemoryStore:
        """The spans in a store."""
        store = MemoryStore()
        store.add_run()
        fill(store, self.rows)
        return store


def fill(store: MemoryStore, rows: list[dict[str, Any]]) -> None:
    """Puts the rows into `spans`, all at once."""
    incoming = pa.table(
        {
            "trace_id": [f"{row['trace']:032x}" for row in rows],
            "span_id": pa.array([row["span_id"] for row in rows], pa.uint64()),
            "parent_span_id": pa.array([row["parent"] for row in rows], pa.uint64()),
            "name": [row["name"] for row in rows],
            "start_ns": [EPOCH_NS + round(row["start"] * 1e6) for row in rows],
            "duration_ns": [round(row["end"] * 1e6) - round(row["start"] * 1e6) for row in rows],
            "pid": pa.array([row.get("pid", 1) for row in rows], pa.uint32()),
            "thread": [row.get("thread", "main") for row in rows],
            "attributes": pa.array([row.get("attributes") for row in rows], pa.string()),
        }
    )
    store.connection.register("incoming", incoming)
    store.connection.execute(
        "INSERT INTO spans BY NAME SELECT * REPLACE (trace_id::UUID AS trace_id), 1 AS run_id, "
        "1 AS ingest_seq, 'internal' AS kind, 'unset' AS status FROM incoming"
    )


Pipeline = Callable[[World], Steps]


def record(
    pipeline: Pipeline,
    seed: int,
    *,
    requests: int = 300,
    times: Mapping[str, float] | None = None,
) -> World:
    """Requests that come one after another and meet nobody."""
    world = World(seed, times)

    def all_of_them() -> Steps:
        for _ in range(requests):
            yield world.start(pipeline(world))
            yield 1.0

    world.start(all_of_them())
    world.run()
    return world


def record_open(
    pipeline: Pipeline,
    seed: int,
    *,
    every_ms: float,
    requests: int = 400,
    times: Mapping[str, float] | None = None,
) -> World:
    """Requests that come by themselves, at random times, on average every so many ms."""
    world = World(seed, times)
    at = 0.0
    for _ in range(requests):
        at += float(world.random.exponential(every_ms))
        world.start(pipeline(world), at)
    world.run()
    return world


def record_callers(
    pipeline: Pipeline,
    seed: int,
    *,
    callers: int,
    requests: int = 400,
    times: Mapping[str, float] | None = None,
) -> World:
    """A fixed number of callers; each sends its next request when it has an answer."""
    world = World(seed, times)
    left = [requests]

    def caller() -> Steps:
        while left[0]:
            left[0] -= 1
            yield world.start(pipeline(world))

    for _ in range(int(world.set("callers", callers))):
        world.start(caller())
    world.run()
    return world
