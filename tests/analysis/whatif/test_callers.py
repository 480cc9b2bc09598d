"""Callers whose pauses vary, told from requests that come by themselves at any pace."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import numpy as np
import pytest

from latprobe.analysis.whatif import Concurrency, Scale, predict
from latprobe.analysis.whatif.callers import Callers, find_callers
from tests.analysis.whatif import pipelines
from tests.analysis.whatif.simulator import Steps, World

Draw = Callable[[World], float]
REQUESTS, RERUNS = 300, 4

PAUSES: dict[str, Draw] = {
    "exponential": lambda world: float(world.random.exponential(120)),
    "uniform": lambda world: float(world.random.uniform(20, 160)),
}


def in_groups(size: int) -> Draw:
    """So many at nearly the same time, and then none while these are at work."""
    gaps = cycle([500.0, *[1.0] * (size - 1)])
    return lambda world: next(gaps) * float(world.random.uniform(0.7, 1.3))


PACES: dict[str, Draw] = {
    "exponential": lambda world: float(world.random.exponential(45)),
    "uniform": lambda world: float(world.random.uniform(0, 90)),
    "gamma": lambda world: float(world.random.gamma(4, 45 / 4)),
    "steady": lambda _: 45.0,
    "in groups": in_groups(6),
}


def closed(
    seed: int, pause: Draw, count: int = 5, settings: dict[str, float] | None = None
) -> World:
    """So many callers before a stage on two workers."""
    world, left = World(seed, settings), [REQUESTS]
    pipeline = pipelines.Served(2)

    def caller() -> Steps:
        while left[0] > 0:
            left[0] -= 1
            yield world.start(pipeline(world))
            yield pause(world)

    for _ in range(int(world.set("callers", count))):
        world.start(caller())
    world.run()
    return world


def by_themselves(seed: int, pace: Draw) -> World:
    world = World(seed)
    pipeline, at = pipelines.Served(2), 0.0
    for _ in range(REQUESTS):
        at += pace(world)
        world.start(pipeline(world), at)
    world.run()
    return world


def found_in(world: World) -> Callers | None:
    roots = [row for row in world.rows if row["parent"] is None]
    start, end = np.array([[row["start"], row["end"]] for row in roots]).T
    return find_callers((start * 1e6).astype(np.int64), (end * 1e6).astype(np.int64))


@pytest.mark.parametrize("pause", PAUSES.values(), ids=PAUSES)
@pytest.mark.parametrize("count", [3, 6])
def test_their_number_is_found(pause: Draw, count: int) -> None:
    for seed in range(5):
        found = found_in(closed(seed, pause, count))
        assert found is not None
        assert count <= found.count <= count + 1


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_requests_that_come_by_themselves_have_none(pace: Draw) -> None:
    assert [found_in(by_themselves(seed, pace)) for seed in range(5)] == [None] * 5


@pytest.mark.parametrize("pause", PAUSES.values(), ids=PAUSES)
@pytest.mark.parametrize(
    ("change", "settings"),
    [(Scale("gpu", 2.0), {"gpu": 2.0}), (Concurrency(9), {"callers": 9})],
    ids=["slower", "more callers"],
)
def test_what_they_would_see_comes_out_as_predicted(
    pause: Draw, change: Scale | Concurrency, settings: dict[str, float]
) -> None:
    found = predict(closed(1, pause).store(), [change])
    assert found.refused is None, found.refused
    runs = [closed(10 + seed, pause, settings=settings).durations_ms() for seed in range(RERUNS)]
    measured = float(np.median([np.quantile(run, 0.5) for run in runs]))
    assert found.p50.after_ms == pytest.approx(measured, rel=0.08)


def test_pauses_follow_answers_in_turn() -> None:
    callers = Callers(2, 0.0, np.array([1.0, 2.0, 3.0]))
    assert [callers.pause_ns(answer) for answer in range(4)] == [1.0, 2.0, 3.0, 1.0]
    drawn = callers.drawn(np.array([2, 0, 5]))
    assert drawn.pauses_ns is not None
    assert drawn.pauses_ns.tolist() == [3.0, 1.0, 3.0]
    assert Callers(2, 7.0).drawn(np.array([0])).pause_ns(5) == 7.0


def test_requests_of_no_length_come_by_themselves_too() -> None:
    """They end as they start, and had not ended before."""
    random = np.random.default_rng(1)
    start_ns = np.cumsum(random.exponential(45e6, REQUESTS)).astype(np.int64)
    for lengths in ([0, 150_000_000], [0]):
        assert find_callers(start_ns, start_ns + random.choice(lengths, REQUESTS)) is None
