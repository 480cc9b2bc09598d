"""The shapes that requests have, as simulated pipelines."""

from __future__ import annotations

from typing import Any

from tests.analysis.whatif.simulator import Resource, Signal, Steps, Task, World

Row = dict[str, Any]


def sequential(world: World) -> Steps:
    root = world.open("answer")
    yield 2.0
    yield from world.stage("embed", root, 20)
    yield 1.0
    yield from world.stage("search", root, 40)
    yield from world.stage("llm", root, 100)
    yield 3.0
    world.close(root)


def nested(world: World) -> Steps:
    root = world.open("answer")
    retrieve = world.open("retrieve", root)
    yield 3.0
    yield from world.stage("embed", retrieve, 20)
    yield 2.0
    yield from world.stage("search", retrieve, 50)
    world.close(retrieve)
    llm = world.open("llm", root)
    yield world.draw("llm", 10)
    client = world.open("client", llm)
    yield world.draw("client", 80) * world.times.get("llm", 1.0)
    world.close(client)
    world.close(llm)
    world.close(root)


def parallel(world: World) -> Steps:
    root = world.open("answer")
    yield from world.stage("plan", root, 15)
    tasks = [world.start(world.stage(name, root, ms)) for name, ms in (("web", 70), ("docs", 60))]
    yield from tasks
    yield from world.stage("llm", root, 50)
    world.close(root)


def chains(world: World) -> Steps:
    """Two chains of steps beside each other."""
    root = world.open("answer")

    def chain(*stages: tuple[str, float]) -> Steps:
        for name, mean in stages:
            yield from world.stage(name, root, mean)

    tasks = [
        world.start(chain(("a1", 30), ("a2", 60))),
        world.start(chain(("b1", 40), ("b2", 50))),
    ]
    yield from tasks
    yield from world.stage("merge", root, 20)
    world.close(root)


def fan_out(world: World) -> Steps:
    """Six of a kind at once, the slowest is waited for; one of another kind."""
    root = world.open("answer")
    tasks = [world.start(world.stage("fetch", root, 40)) for _ in range(6)]
    tasks.append(world.start(world.stage("rank", root, 60)))
    yield from tasks
    yield from world.stage("llm", root, 60)
    world.close(root)


def pool(world: World) -> Steps:
    """Eight of a kind, never more than three at once."""
    root = world.open("answer")
    places = Resource(3)

    def one() -> Steps:
        yield places
        yield from world.stage("page", root, 30)
        world.free(places)

    tasks = [world.start(one()) for _ in range(8)]
    yield from tasks
    yield from world.stage("llm", root, 50)
    world.close(root)


def retries(world: World) -> Steps:
    root = world.open("answer")
    attempt = 0
    while True:
        yield from world.stage("call", root, 40)
        if world.random.random() > 0.3 or attempt == 3:
            break
        attempt += 1
        yield 10.0 * 2**attempt
    yield from world.stage("parse", root, 15)
    world.close(root)


def loop(world: World) -> Steps:
    root = world.open("agent")
    for _ in range(int(world.random.integers(1, 6))):
        yield from world.stage("think", root, 50)
        yield from world.stage("tool", root, 30)
    world.close(root)


def streaming(world: World) -> Steps:
    """A model gives pieces; a reader, quicker than the model, speaks them as they come."""
    root = world.open("answer")
    yield from world.stage("search", root, 30)
    pieces = Signal()
    count = int(world.random.integers(5, 16))
    started = Signal()

    def write() -> Steps:
        row = world.open("llm", root)
        yield world.draw("llm", 30)
        for number in range(count):
            yield world.draw("llm", 8)
            world.raise_to(pieces, number + 1)
            world.raise_to(started, 1)
        world.close(row)

    def speak() -> Steps:
        yield (started, 1)
        row = world.open("speak", root)
        for number in range(count):
            yield (pieces, number + 1)
            yield world.draw("speak", 3)
        world.close(row)

    tasks: list[Task] = [world.start(write()), world.start(speak())]
    yield from tasks
    yield 2.0
    world.close(root)


def background(world: World) -> Steps:
    """A log is written by the side and often outlives the request."""
    root = world.open("answer")
    yield from world.stage("search", root, 30)
    world.start(world.stage("log", root, 60))
    yield from world.stage("llm", root, 60)
    world.close(root)


def _together(world: World, root: Row, *names: tuple[str, float]) -> Steps:
    tasks = [world.start(world.stage(name, root, mean)) for name, mean in names]
    yield from tasks


def two_searches(world: World) -> Steps:
    """web and docs in turn, or with the setting `beside` at once."""
    root = world.open("answer")
    yield from world.stage("plan", root, 15)
    if world.set("beside", 0):
        yield from _together(world, root, ("web", 60), ("docs", 50))
    else:
        yield from world.stage("web", root, 60)
        yield from world.stage("docs", root, 50)
    yield from world.stage("llm", root, 40)
    world.close(root)


def cached(world: World) -> Steps:
    root = world.open("answer")
    row = world.open("search", root)
    if world.random.random() >= world.set("hits", 0.0):
        yield world.draw("search", 60)
    world.close(row)
    yield from world.stage("llm", root, 40)
    world.close(root)


class Served:
    """A stage on a few workers that all requests share."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.places: dict[int, Resource] = {}

    def __call__(self, world: World) -> Steps:
        places = self.places.setdefault(
            id(world), Resource(int(world.set("workers", self.workers)))
        )
        root = world.open("answer")
        yield from world.stage("prepare", root, 10)
        yield places
        yield from world.stage("gpu", root, 40)
        world.free(places)
        yield from world.stage("format", root, 8)
        world.close(root)
