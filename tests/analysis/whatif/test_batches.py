"""Batches of another size, held against the same program really changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from latprobe.analysis.whatif import Batch, Prediction, predict
from tests.analysis.whatif.simulator import Steps, World, record

REQUESTS = 400
Row = dict[str, Any]


def _call(world: World, root: Row, items: int, base: float, each: float) -> Steps:
    row = world.open("embed", root, attributes=f'{{"batch_size": {items}}}')
    yield world.draw("embed", base + each * items, spread=0.2)
    world.close(row)


def indexing(base: float, each: float) -> Callable[[World], Steps]:
    """8 to 40 chunks a request, embedded in batches of `size`; the last one holds what is left."""

    def pipeline(world: World) -> Steps:
        root = world.open("index")
        yield from world.stage("parse", root, 20)
        left, size = int(world.random.integers(8, 41)), int(world.set("size", 8))
        while left > 0:
            yield from _call(world, root, min(size, left), base, each)
            left -= size
        yield from world.stage("store", root, 10)
        world.close(root)

    return pipeline


def asked(pipeline: Callable[[World], Steps], size: int, was: int = 8) -> Prediction:
    world = record(pipeline, 1, requests=REQUESTS, times={"size": was})
    return predict(world.store(), [Batch("embed", size)])


def test_calls_that_took_no_time_are_no_part_of_the_line() -> None:
    world = record(indexing(12.0, 1.5), 1, requests=REQUESTS, times={"size": 8})
    store = world.store()
    store.connection.execute(
        "UPDATE spans SET duration_ns = 0 WHERE name = 'embed' AND trace_id IN "
        "(SELECT trace_id FROM spans ORDER BY trace_id LIMIT 3)"
    )
    found = predict(store, [Batch("embed", 4)])
    assert found.refused is None
    assert found.p50 is not None
    assert found.p50.ci95_ms is not None


@pytest.mark.parametrize(
    ("was", "size", "base", "each"),
    [(8, 4, 12.0, 1.5), (8, 2, 12.0, 1.5), (16, 12, 12.0, 1.5), (16, 5, 1.0, 3.0)],
)
def test_batches_of_another_size_come_out_as_predicted(
    was: int, size: int, base: float, each: float
) -> None:
    pipeline = indexing(base, each)
    found = asked(pipeline, size, was)
    assert found.refused is None, found.refused
    runs = [
        record(pipeline, 50 + k, requests=REQUESTS, times={"size": size}).durations_ms()
        for k in range(3)
    ]
    for q, figure in ((0.5, found.p50), (0.95, found.p95)):
        each_run = [float(np.quantile(run, q)) for run in runs]
        assert figure.after_ms == pytest.approx(float(np.median(each_run)), rel=0.06)
        assert figure.ci95_ms is not None
        inside = [figure.ci95_ms.low <= measured <= figure.ci95_ms.high for measured in each_run]
        assert sum(inside) >= 2


def test_a_size_that_was_never_seen_is_not_foretold() -> None:
    assert "Batches of 32 were not seen" in str(asked(indexing(12, 1.5), 32).refused)


def test_calls_that_do_not_tell_their_size_are_asked_to() -> None:
    world = record(indexing(12, 1.5), 1, requests=60)
    for row in world.rows:
        row["attributes"] = None
    assert "set the attribute" in str(predict(world.store(), [Batch("embed", 4)]).refused)


def test_equal_sizes_show_nothing_of_another() -> None:
    def pipeline(world: World) -> Steps:
        root = world.open("index")
        for _ in range(3):
            yield from _call(world, root, 8, 5, 1)
        world.close(root)

    store = record(pipeline, 1, requests=60).store()
    assert "hardly varied" in str(predict(store, [Batch("embed", 4)]).refused)


def test_batches_that_requests_share_and_calls_at_once_are_refused() -> None:
    def at_once(world: World) -> Steps:
        root = world.open("index")
        yield from [
            world.start(_call(world, root, int(world.random.integers(1, 9)), 5, 1))
            for _ in range(3)
        ]
        world.close(root)

    store = record(at_once, 1, requests=60).store()
    assert "run at once within a request" in str(predict(store, [Batch("embed", 4)]).refused)
    world = record(indexing(12, 1.5), 1, requests=60)
    calls = [row for row in world.rows if row["name"] == "embed"]
    for first, second in zip(calls[::2], calls[1::2], strict=False):
        second["start"], second["end"] = first["start"], first["end"]
    assert "share their batches" in str(predict(world.store(), [Batch("embed", 4)]).refused)


def test_time_that_is_no_line_in_the_size_is_refused() -> None:
    def pipeline(world: World) -> Steps:
        root = world.open("index")
        left = int(world.random.integers(8, 41))
        while left > 0:
            yield from _call(world, root, min(8, left), 0, 1 if min(8, left) < 6 else 4)
            left -= 8
        world.close(root)

    found = predict(record(pipeline, 1, requests=200).store(), [Batch("embed", 5)])
    assert "no straight line" in str(found.refused)
