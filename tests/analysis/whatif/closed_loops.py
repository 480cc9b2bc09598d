"""A fixed number of callers before servers of several kinds, on the simulator's clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.analysis.whatif.simulator import Resource, Steps, World

Row = dict[str, Any]
Make = Callable[[World], Callable[[], Steps]]


def run(
    make: Make,
    seed: int,
    *,
    callers: int,
    requests: int,
    settings: Mapping[str, float] | None = None,
) -> World:
    """Callers that send their next request as they have an answer; `settings` as in a change."""
    world = World(seed, settings or {})
    pipeline = make(world)
    left = [requests]

    def caller() -> Steps:
        while left[0]:
            left[0] -= 1
            yield world.start(pipeline())

    for _ in range(int(world.set("callers", callers))):
        world.start(caller())
    world.run()
    return world


def _served(world: World, places: Resource, name: str, root: Row, mean_ms: float) -> Steps:
    yield places
    yield from world.stage(name, root, mean_ms)
    world.free(places)


def slots(world: World) -> Callable[[], Steps]:
    """A place is taken as the request begins, and held over all of its work."""
    places = Resource(int(world.set("workers", 3)))

    def pipeline() -> Steps:
        root = world.open("request")
        yield places
        handle = world.open("handle", root)
        yield from world.stage("read", handle, 8)
        yield from world.stage("llm", handle, 25)
        world.close(handle)
        world.free(places)
        world.close(root)

    return pipeline


def held_over_two(world: World) -> Callable[[], Steps]:
    """One server is held from the start of one stage to the end of the next."""
    places = Resource(int(world.set("workers", 1)))

    def pipeline() -> Steps:
        root = world.open("request")
        yield from world.stage("prepare", root, 12)
        yield places
        yield from world.stage("load", root, 6)
        yield from world.stage("infer", root, 14)
        world.free(places)
        yield from world.stage("format", root, 6)
        world.close(root)

    return pipeline


def one_gpu_for_two(world: World) -> Callable[[], Steps]:
    """Two stages take turns on one GPU; a third one is remote and has no limit."""
    gpu = Resource(int(world.set("workers", 1)))

    def pipeline() -> Steps:
        root = world.open("request")
        yield from _served(world, gpu, "embed", root, 8)
        yield from world.stage("search", root, 15)
        yield from _served(world, gpu, "rerank", root, 12)
        yield from world.stage("llm", root, 40)
        world.close(root)

    return pipeline


def pool(world: World) -> Callable[[], Steps]:
    """Four calls of each request at once, on three places for all requests."""
    places = Resource(int(world.set("workers", 3)))

    def pipeline() -> Steps:
        root = world.open("request")
        yield from world.stage("plan", root, 10)
        yield from [world.start(_served(world, places, "fetch", root, 12)) for _ in range(4)]
        yield from world.stage("llm", root, 25)
        world.close(root)

    return pipeline


def retried(world: World) -> Callable[[], Steps]:
    """A limited call that is tried again now and then, after holding back for a while."""
    places = Resource(int(world.set("workers", 2)))

    def pipeline() -> Steps:
        root = world.open("request")
        for attempt in range(3):
            yield from _served(world, places, "call", root, 14)
            if world.random.random() > 0.25:
                break
            yield 5.0 * 2**attempt
        yield from world.stage("parse", root, 8)
        world.close(root)

    return pipeline
