"""Fan-outs whose parts differ in length: crowds of one's own are no queue, those of others are."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.report import build_report
from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import EVERYTHING
from latprobe.analysis.whatif import Scale, predict
from latprobe.analysis.whatif.contrast import correlation, crowd_of_others, excess_ns
from latprobe.analysis.whatif.gains import gains
from tests.analysis.whatif.simulator import (
    Resource,
    Steps,
    World,
    record,
    record_callers,
    record_open,
)

MS = 1_000_000


def shards(world: World) -> Steps:
    """Four parts at once that take 20, 50, 80 and 110 ms, whatever else runs; then a tail."""
    root = world.open("request")
    yield from [world.start(_part(world, root, number)) for number in range(4)]
    yield from world.stage("tail", root, 20)
    world.close(root)


def _part(world: World, root: dict[str, object], number: int) -> Steps:
    row = world.open("shard", root)
    yield 20 + 30 * number + float(world.random.uniform(0, 1))
    world.close(row)


WORLDS = [
    record(shards, 1, requests=100),
    record_open(shards, 2, every_ms=60, requests=200),
    record_callers(shards, 3, callers=2, requests=120),
    record_callers(shards, 4, callers=5, requests=200),
]


def _halved_ms(world: World, stage: str) -> list[float]:
    """What each request takes with the stage in half its time: its longest part and its tail."""
    longest: dict[tuple[int, str], float] = {}
    for row in world.rows:
        key = row["trace"], row["name"]
        factor = 0.5 if row["name"] == stage else 1.0
        longest[key] = max(longest.get(key, 0.0), factor * (row["end"] - row["start"]))
    return [
        longest[trace, "shard"] + longest[trace, "tail"]
        for trace, name in longest
        if name == "tail"
    ]


@pytest.mark.parametrize("stage", ["tail", "shard"])
@pytest.mark.parametrize("world", WORLDS)
def test_parts_of_different_lengths_are_no_queue(world: World, stage: str) -> None:
    found = predict(world.store(), [Scale(stage, 0.5)])
    assert found.refused is None, found.refused
    assert found.basis == "replay"
    assert not any("at once" in note for note in found.notes), found.notes
    halved = _halved_ms(world, stage)
    for quantile, figure in ((0.5, found.p50), (0.95, found.p95)):
        assert figure.after_ms == pytest.approx(float(np.quantile(halved, quantile)), rel=1e-3)


def test_a_pool_inside_the_parts_that_all_requests_share_is_found() -> None:
    places = Resource(5)

    def pipeline(world: World) -> Steps:
        root = world.open("request")
        yield from [world.start(pooled(world, root, number)) for number in range(4)]
        yield from world.stage("tail", root, 20)
        world.close(root)

    def pooled(world: World, root: dict[str, object], number: int) -> Steps:
        yield 0.01 * number
        row = world.open("shard", root)
        yield places
        yield 10 + 5 * number + float(world.random.uniform(0, 1))
        world.free(places)
        world.close(row)

    store = record_open(pipeline, 5, every_ms=20, requests=300).store()
    found = predict(store, [Scale("tail", 0.5)])
    assert found.basis == "queue"
    assert found.refused is None, found.refused
    assert any("'shard' runs on 5 at once" in note for note in found.notes)


def test_where_whatif_refuses_no_gain_is_told() -> None:
    at_work = [0]

    def slowed(world: World) -> Steps:
        root = world.open("request")
        row = world.open("busy", root)
        at_work[0] += 1
        yield 20.0 * at_work[0] ** 2 + float(world.random.uniform(0, 5))
        at_work[0] -= 1
        world.close(row)
        yield from world.stage("tail", root, 20)
        world.close(root)

    store = record_open(slowed, 6, every_ms=60, requests=200).store()
    refused = predict(store, [Scale("busy", 0.5)]).refused
    assert refused is not None
    found = gains(store, fetch_requests(store, EVERYTHING))
    assert (len(found), found.refused) == (0, refused)
    assert build_report(store).gains_refused == refused


def test_only_the_spans_of_others_are_a_crowd() -> None:
    start = np.array([0, 1, 2, 10, 11]) * MS
    end = np.array([20, 30, 5, 40, 12]) * MS
    request = np.array([0, 0, 1, 1, 0])
    assert crowd_of_others(start, end, request).tolist() == [0, 0, 2, 2, 1]


def test_the_place_in_the_request_is_held_fixed() -> None:
    place = np.tile(np.arange(4), 50)
    length, crowd = (20 + 30 * place) * MS, place + np.repeat(np.arange(50) % 3, 4)
    assert correlation(length, crowd, place * 0) > 0.5
    assert correlation(length, crowd, place) == 0.0
    assert excess_ns(length, crowd, place) == 0.0
    assert correlation(length + crowd * MS, crowd, place) == pytest.approx(1.0)
