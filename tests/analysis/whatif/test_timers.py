"""Stages that begin when another one has taken a while."""

from __future__ import annotations

import pytest

from latprobe.analysis.whatif import Scale, predict
from tests.analysis.whatif.simulator import Pipeline, Signal, Steps, World, record

WAIT_MS = 60.0


def falls_back(world: World) -> Steps:
    """After 60 ms without an answer a smaller model is asked; the call goes on."""
    yield from _call_and(world, "fallback")


def hedged(world: World) -> Steps:
    """After 60 ms without an answer the same call is sent once more."""
    yield from _call_and(world, "call")


def _call_and(world: World, second: str) -> Steps:
    root, answer = world.open("answer"), Signal()

    def asked(name: str, after_ms: float) -> Steps:
        yield after_ms
        if not answer.value:
            yield from world.stage(name, root, 50)
            world.raise_to(answer, 1)

    world.start(asked("call", 0.0))
    world.start(asked(second, WAIT_MS))
    yield (answer, 1)
    yield from world.stage("last", root, 30)
    world.close(root)


def sometimes(world: World) -> Steps:
    """A stage that runs beside another one in some requests, whatever that takes."""
    root = world.open("answer")
    task = world.start(world.stage("call", root, 50))
    if world.random.random() < 0.4:
        yield 10.0
        yield from world.stage("fallback", root, 20)
    yield task
    yield from world.stage("last", root, 30)
    world.close(root)


@pytest.mark.parametrize("pipeline", [falls_back, hedged])
def test_a_call_that_a_timer_runs_beside_is_not_predicted_and_the_rest_is(
    pipeline: Pipeline,
) -> None:
    store = record(pipeline, 3, requests=300).store()
    refused = str(predict(store, [Scale("call", 0.5)]).refused)
    assert "begins when 'call' has not ended after 60 ms" in refused
    assert predict(store, [Scale("last", 0.5)]).refused is None


def test_what_runs_in_some_requests_is_no_timer() -> None:
    store = record(sometimes, 3, requests=300).store()
    assert predict(store, [Scale("call", 0.5)]).refused is None
