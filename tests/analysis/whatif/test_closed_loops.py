"""Predictions for a fixed number of callers, held against the same program really changed."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.whatif import Change, Concurrency, Replicas, Scale, predict
from latprobe.analysis.whatif.callers import find_callers
from tests.analysis.whatif import closed_loops, pipelines
from tests.analysis.whatif.closed_loops import Make, run
from tests.analysis.whatif.simulator import Steps, World

REQUESTS = 400
RERUNS = 5

CASES: list[tuple[Make, int, Change, dict[str, float]]] = [
    (closed_loops.slots, 6, Scale("llm", 0.5), {"llm": 0.5}),
    (closed_loops.slots, 6, Replicas("handle", 5), {"workers": 5}),
    (closed_loops.held_over_two, 4, Scale("infer", 0.5), {"infer": 0.5}),
    (closed_loops.held_over_two, 4, Concurrency(8), {"callers": 8}),
    (closed_loops.one_gpu_for_two, 5, Scale("llm", 0.4), {"llm": 0.4}),
    (closed_loops.one_gpu_for_two, 5, Replicas("rerank", 2), {"workers": 2}),
    (closed_loops.pool, 4, Scale("fetch", 0.5), {"fetch": 0.5}),
    (closed_loops.pool, 4, Concurrency(2), {"callers": 2}),
    (closed_loops.retried, 5, Replicas("call", 4), {"workers": 4}),
]


def _judged(number: int) -> tuple[list[float], list[bool]]:
    """Errors of p50 and p95 against the median re-run, and which re-runs the intervals hold."""
    make, callers, change, settings = CASES[number]
    store = run(make, number, callers=callers, requests=REQUESTS).store()
    found = predict(store, [change])
    assert found.refused is None, found.refused
    assert found.basis == "queue"
    again = [
        run(make, 100 * (number + 1) + k, callers=callers, requests=REQUESTS, settings=settings)
        for k in range(RERUNS)
    ]
    errors, covers = [], []
    for q, figure in ((0.5, found.p50), (0.95, found.p95)):
        assert figure.after_ms is not None
        assert figure.ci95_ms is not None
        each = [float(np.quantile(world.durations_ms(), q)) for world in again]
        errors.append(abs(figure.after_ms / float(np.median(each)) - 1))
        covers += [figure.ci95_ms.low <= measured <= figure.ci95_ms.high for measured in each]
    return errors, covers


def test_a_fixed_number_of_callers_comes_out_as_predicted() -> None:
    judged = [_judged(number) for number in range(len(CASES))]
    assert np.mean([each for _, many in judged for each in many]) >= 0.9
    assert max(errors[0] for errors, _ in judged) < 0.05
    assert np.median([errors[1] for errors, _ in judged]) < 0.05


def test_callers_that_pause_are_told_from_requests_that_come_by_themselves() -> None:
    world = World(5)

    def caller() -> Steps:
        for _ in range(80):
            yield world.start(pipelines.sequential(world))
            yield 25.0

    for _ in range(5):
        world.start(caller())
    world.run()
    start, end = np.array([[row["start"], row["end"]] for row in world.rows if not row["parent"]]).T
    found = find_callers((start * 1e6).astype(np.int64), (end * 1e6).astype(np.int64))
    assert found is not None
    assert (found.count, round(found.think_ns / 1e6)) == (5, 25)
    by_themselves = np.cumsum(np.random.default_rng(1).exponential(40, len(start)))
    ends = by_themselves + (end - start)
    assert (
        find_callers((by_themselves * 1e6).astype(np.int64), (ends * 1e6).astype(np.int64)) is None
    )


def test_stages_that_share_their_servers_are_named_together() -> None:
    world = run(closed_loops.one_gpu_for_two, 3, callers=5, requests=REQUESTS)
    notes = predict(world.store(), [Scale("llm", 0.5)]).notes
    line = next(note for note in notes if "at once" in note)
    assert "'embed'" in line
    assert "'rerank'" in line
    assert "together run on 1 at once" in line


@pytest.mark.parametrize("make", [closed_loops.slots, closed_loops.pool])
def test_stages_with_servers_of_their_own_are_not_put_together(make: Make) -> None:
    world = run(make, 4, callers=6, requests=REQUESTS)
    notes = predict(world.store(), [Scale("llm", 0.5)]).notes
    assert not any("together run" in note for note in notes)
