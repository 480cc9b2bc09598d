"""Stages that begin at events within another one, held against runs with the change."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from latprobe.analysis.whatif import CacheHit, Change, Prediction, Scale, predict
from tests.analysis.whatif.simulator import Pipeline, Signal, Steps, Task, World, record

REQUESTS = 500


def both(world: World, *steps: Steps) -> Steps:
    """Side by side, to the end of the last."""
    tasks: list[Task] = [world.start(each) for each in steps]
    yield from tasks


def takes_over(world: World) -> Steps:
    """`second` begins when `first` has done 60 % of its work, and ends before or after it."""
    root, ready = world.open("answer"), Signal()

    def first() -> Steps:
        row = world.open("first", root)
        length = world.draw("first", 60)
        yield 0.6 * length
        world.raise_to(ready, 1)
        yield 0.4 * length
        world.close(row)

    def second() -> Steps:
        yield (ready, 1)
        yield from world.stage("second", root, 30)

    yield from both(world, first(), second())
    yield from world.stage("last", root, 20)
    world.close(root)


def spoken(world: World) -> Steps:
    """Each sentence of an answer is spoken as it comes, one after another."""
    root, sentences = world.open("answer"), Signal()
    count = int(world.random.integers(3, 9))

    def llm() -> Steps:
        row = world.open("llm", root)
        for number in range(count):
            yield world.draw("llm", 18)
            world.raise_to(sentences, number + 1)
        world.close(row)

    def speak() -> Steps:
        for number in range(count):
            yield (sentences, number + 1)
            yield from world.stage("speak", root, 12)

    yield from both(world, llm(), speak())
    world.close(root)


def in_batches(world: World) -> Steps:
    """Calls four at a time: the next four begin when all of the last have ended."""
    root = world.open("answer")
    hits = world.set("hits", 0.0)

    def call() -> Steps:
        row = world.open("call", root)
        is_hit = world.random.random() < hits
        yield world.draw("call", 0.0 if is_hit else 30.0)
        world.close(row)

    for _ in range(int(world.random.integers(1, 5))):
        yield from both(world, *(call() for _ in range(4)))
    yield from world.stage("last", root, 20)
    world.close(root)


def judged(
    pipeline: Pipeline, change: Change, times: Mapping[str, float], seed: int
) -> tuple[Prediction, list[float], list[bool]]:
    """The prediction, its errors at p50 and p95, and whether its intervals hold two re-runs."""
    found = predict(record(pipeline, seed, requests=REQUESTS).store(), [change])
    assert found.refused is None, found.refused
    truth = record(pipeline, seed + 500, requests=4000, times=times).durations_ms()
    runs = [
        record(pipeline, seed + 900 + k, requests=REQUESTS, times=times).durations_ms()
        for k in range(2)
    ]
    errors, covers = [], []
    for q, figure in ((0.5, found.p50), (0.95, found.p95)):
        assert figure.after_ms is not None
        assert figure.ci95_ms is not None
        errors.append(abs(figure.after_ms / float(np.quantile(truth, q)) - 1))
        low, high = figure.ci95_ms.low, figure.ci95_ms.high
        covers += [low <= float(np.quantile(each, q)) <= high for each in runs]
    return found, errors, covers


@pytest.mark.parametrize(
    ("pipeline", "change", "times"),
    [
        (takes_over, Scale("first", 0.3), {"first": 0.3}),
        (takes_over, Scale("second", 2.0), {"second": 2.0}),
        (spoken, Scale("llm", 0.4), {"llm": 0.4}),
        (spoken, Scale("speak", 2.0), {"speak": 2.0}),
        (in_batches, CacheHit("call", 0.5), {"hits": 0.5}),
    ],
)
def test_what_begins_within_another_stage_moves_with_it(
    pipeline: Pipeline, change: Change, times: Mapping[str, float]
) -> None:
    _, errors, covers = judged(pipeline, change, times, seed=41)
    assert max(errors) < 0.05
    assert sum(covers) >= 3


@pytest.mark.parametrize(
    ("pipeline", "stage"), [(takes_over, "first"), (spoken, "llm"), (in_batches, "call")]
)
def test_replayed_as_it_was_each_request_takes_what_it_took(pipeline: Pipeline, stage: str) -> None:
    same = predict(record(pipeline, 7, requests=200).store(), [Scale(stage, 1.0)])
    for each in (same.p50, same.p95):
        assert each.after_ms == pytest.approx(each.before_ms, rel=1e-6)
