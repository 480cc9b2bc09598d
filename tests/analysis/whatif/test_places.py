"""Pools within a request, and the first few answers of several, in another order than recorded."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import EVERYTHING
from latprobe.analysis.whatif import CacheHit, Change, Scale, predict
from latprobe.analysis.whatif.places import in_turn
from latprobe.analysis.whatif.work import Work
from tests.analysis.whatif import pipelines
from tests.analysis.whatif.simulator import Pipeline, Resource, Signal, Steps, World, record

REQUESTS = 400


def mixed_pool(world: World) -> Steps:
    """Jobs of three kinds on three places, one kind sometimes found in a cache."""
    root = world.open("answer")
    places = Resource(3)

    def job(name: str, mean: float) -> Steps:
        yield places
        row = world.open(name, root)
        hit = name == "page" and world.random.random() < world.set("hits", 0.0)
        yield 0.0 if hit else world.draw(name, mean)
        world.close(row)
        world.free(places)

    kinds = [("page", 30.0)] * 5 + [("table", 20.0)] * 3 + [("figure", 50.0)]
    yield from [world.start(job(*each)) for each in kinds]
    yield from world.stage("merge", root, 10)
    world.close(root)


def first_of_three(world: World) -> Steps:
    """The first answer is used; the others go on, and nobody waits for them."""
    root, answered = world.open("answer"), Signal()

    def ask(name: str, mean: float) -> Steps:
        yield from world.stage(name, root, mean)
        world.raise_to(answered, 1)

    for name, mean in (("near", 40.0), ("far", 45.0), ("old", 50.0)):
        world.start(ask(name, mean))
    yield (answered, 1)
    yield from world.stage("write", root, 40)
    world.close(root)


CASES: list[tuple[Pipeline, Change, dict[str, float]]] = [
    (mixed_pool, CacheHit("page", 0.4), {"hits": 0.4}),
    (mixed_pool, Scale("table", 3.0), {"table": 3.0}),
    (first_of_three, Scale("near", 0.4), {"near": 0.4}),
    (first_of_three, Scale("far", 3.0), {"far": 3.0}),
]


@pytest.mark.parametrize(("pipeline", "change", "settings"), CASES)
def test_who_is_waited_for_follows_the_new_order(
    pipeline: Pipeline, change: Change, settings: dict[str, float]
) -> None:
    found = predict(record(pipeline, 1, requests=REQUESTS).store(), [change])
    assert found.refused is None, found.refused
    again = record(pipeline, 2, requests=4 * REQUESTS, times=settings).durations_ms()
    assert found.p50.after_ms == pytest.approx(float(np.quantile(again, 0.5)), rel=0.04)
    assert found.p95.after_ms == pytest.approx(float(np.quantile(again, 0.95)), rel=0.08)


@pytest.mark.parametrize("pipeline", [pipelines.chains, pipelines.loop, pipelines.parallel])
def test_steps_of_chains_are_no_pool(pipeline: Pipeline) -> None:
    store = record(pipeline, 3, requests=REQUESTS).store()
    work = Work([], [], 0)
    work.learn(store, fetch_requests(store, EVERYTHING))
    assert work.precedence.counted == ()


def test_whoever_waits_takes_the_place_that_is_free_first() -> None:
    rows, caller = np.arange(6), np.array([0, 0, 0, 0, 9, 9])
    end = np.array([50, 20, 40, 60, 10, 10])
    assert in_turn(rows, caller, end, 2).tolist() == [[2, 1], [3, 2]]
    assert in_turn(rows[:0], caller[:0], end[:0], 2).shape == (0, 2)
