"""Intervals allow for what all requests of a recording have in common."""

from __future__ import annotations

import pytest

from latprobe.analysis.intervals import Interval
from latprobe.analysis.whatif import Scale, predict
from latprobe.analysis.whatif.allowance import with_allowance
from latprobe.analysis.whatif.prediction import NOT_KNOWN, Percentile
from tests.analysis.whatif.simulator import Steps, World, record


def equal(world: World) -> Steps:
    root = world.open("request")
    for name, took in (("embed", 10.0), ("llm", 30.0)):
        row = world.open(name, root)
        yield took
        world.close(row)
    world.close(root)


def test_requests_that_are_all_alike_do_not_promise_the_next_run_to_the_microsecond() -> None:
    found = predict(record(equal, 1, requests=60).store(), [Scale("llm", 0.5)])
    assert found.p50.after_ms == pytest.approx(25.0)
    interval = found.p50.ci95_ms
    assert interval is not None
    assert 24.0 < interval.low < 24.7
    assert 25.3 < interval.high < 26.0


def test_a_wide_interval_hardly_changes() -> None:
    before = Percentile(100.0, 80.0, Interval(70.0, 92.0))
    after = with_allowance(before).ci95_ms
    assert after is not None
    assert 69.8 < after.low < 70.0
    assert 92.0 < after.high < 92.2


def test_what_is_not_known_stays_so_and_nothing_is_below_0() -> None:
    assert with_allowance(NOT_KNOWN) is NOT_KNOWN
    none_left = with_allowance(Percentile(0.02, 0.0, Interval(0.0, 0.0))).ci95_ms
    assert none_left is not None
    assert 0.0 <= none_left.low <= none_left.high < 0.02
