"""What no replay stands for is refused, unless the change cannot reach it."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.whatif import Change, Concurrency, Remove, Scale, predict
from tests.analysis.whatif.simulator import (
    Pipeline,
    Signal,
    Steps,
    World,
    record,
    record_callers,
    record_open,
)

REQUESTS = 300


def limited_rate() -> Pipeline:
    """One call every 12 ms goes through, over all requests."""
    free_at = [0.0]

    def pipeline(world: World) -> Steps:
        root = world.open("request")
        yield from world.stage("before", root, 10)
        at = max(free_at[0], world.now)
        free_at[0] = at + 12.0
        yield at - world.now
        yield from world.stage("call", root, 30)
        yield from world.stage("after", root, 15)
        world.close(root)

    return pipeline


def batched() -> Pipeline:
    """Up to four requests, or those that came within 8 ms, go as one."""
    waiting: list[tuple[dict[str, object], Signal]] = []

    def send(world: World) -> Steps:
        batch, waiting[:] = waiting[:4], waiting[4:]
        rows = [world.open("infer", root) for root, _ in batch]
        yield 10.0 + 3.0 * len(batch) + float(world.random.uniform(0, 3))
        for row, (_, done) in zip(rows, batch, strict=True):
            world.close(row)
            world.raise_to(done, 1)

    def in_a_while(world: World) -> Steps:
        yield 8.0
        if waiting:
            world.start(send(world))

    def pipeline(world: World) -> Steps:
        root, done = world.open("request"), Signal()
        yield from world.stage("before", root, 10)
        waiting.append((root, done))
        world.start(send(world) if len(waiting) >= 4 else in_a_while(world))
        yield (done, 1)
        yield from world.stage("after", root, 15)
        world.close(root)

    return pipeline


def given_up(world: World) -> Steps:
    """A call that is given up after 60 ms."""
    root = world.open("request")
    row = world.open("call", root)
    yield min(world.draw("call", 45, 0.6), 60.0)
    world.close(row)
    yield from world.stage("after", root, 15)
    world.close(root)


def on_a_machine_that_stands_still(world: World) -> Steps:
    """Sleepers wake up every 20 ms only, whoever they are."""
    root = world.open("request")
    for name in ("fetch", "call", "parse"):
        row = world.open(name, root)
        length = world.draw(name, 30)
        yield length + 20.0 - (world.now + length) % 20.0
        world.close(row)
    world.close(root)


@pytest.mark.parametrize(
    ("pipeline", "word"), [(limited_rate, "pace"), (batched, "batch")], ids=["rate", "batch"]
)
@pytest.mark.parametrize("stage", ["before", "after"])
def test_what_callers_would_see_of_it_is_refused(pipeline: object, word: str, stage: str) -> None:
    world = record_callers(pipeline(), 1, callers=6, requests=REQUESTS)  # type: ignore[operator]
    assert word in str(predict(world.store(), [Scale(stage, 0.5)]).refused)


def _after_halved(world: World) -> np.ndarray:
    last = [row for row in world.rows if row["name"] == "after"]
    saved = {row["trace"]: row["end"] - row["start"] for row in last}
    roots = [row for row in world.rows if row["parent"] is None]
    return np.array([r["end"] - r["start"] - saved[r["trace"]] / 2 for r in roots])


@pytest.mark.parametrize(
    ("pipeline", "every_ms"), [(limited_rate, 15.0), (batched, 9.0)], ids=["rate", "batch"]
)
def test_a_change_after_it_is_predicted_where_requests_come_by_themselves(
    pipeline: object, every_ms: float
) -> None:
    world = record_open(pipeline(), 2, every_ms=every_ms, requests=REQUESTS)  # type: ignore[operator]
    store = world.store()
    found = predict(store, [Scale("after", 0.5)])
    assert found.refused is None, found.refused
    assert any("kept as it was" in note for note in found.notes)
    halved = _after_halved(world)
    assert found.p50.after_ms == pytest.approx(float(np.quantile(halved, 0.5)), rel=1e-3)
    assert found.p95.after_ms == pytest.approx(float(np.quantile(halved, 0.95)), rel=1e-3)
    refused: list[Change] = [Remove("before"), Concurrency(2)]
    for change in refused:
        assert predict(store, [change]).refused is not None


def test_a_crowd_before_the_change_stays_as_recorded() -> None:
    at_work = [0]

    def slowed(world: World) -> Steps:
        root = world.open("request")
        row = world.open("busy", root)
        at_work[0] += 1
        yield 20.0 * at_work[0] ** 2 + float(world.random.uniform(0, 5))
        at_work[0] -= 1
        world.close(row)
        yield from world.stage("after", root, 20)
        world.close(root)

    world = record_open(slowed, 6, every_ms=60, requests=200)
    store = world.store()
    assert predict(store, [Scale("busy", 0.5)]).refused is not None
    found = predict(store, [Scale("after", 0.5)])
    assert found.refused is None, found.refused
    assert found.p50.after_ms == pytest.approx(
        float(np.quantile(_after_halved(world), 0.5)), rel=1e-3
    )


def test_a_call_that_is_given_up_is_not_scaled() -> None:
    store = record(given_up, 3, requests=REQUESTS).store()
    for factor in (0.5, 2.0):
        assert "given up" in str(predict(store, [Scale("call", factor)]).refused)
    assert predict(store, [Scale("after", 0.5)]).refused is None


@pytest.mark.parametrize("kind", ["equal", "uniform", "two lengths", "whole ms"])
def test_lengths_that_end_somewhere_are_not_given_up(kind: str) -> None:
    lengths = {
        "equal": lambda random: 30.0,
        "uniform": lambda random: float(random.uniform(10, 60)),
        "two lengths": lambda random: float(random.choice([1.0, 60.0]) + random.uniform(0, 0.2)),
        "whole ms": lambda random: float(random.integers(10, 31)),
    }

    def pipeline(world: World) -> Steps:
        root = world.open("request")
        row = world.open("call", root)
        yield lengths[kind](world.random)
        world.close(row)
        world.close(root)

    assert predict(record(pipeline, 4).store(), [Scale("call", 0.5)]).refused is None


def test_sleepers_that_a_stalled_machine_wakes_together_share_no_batch() -> None:
    world = record_open(on_a_machine_that_stands_still, 3, requests=REQUESTS, every_ms=25)
    assert "batch" not in (predict(world.store(), [Scale("call", 0.5)]).refused or "")
