"""First calls of a process."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import cold_starts
from tests.advice.gains import p95_ms
from tests.advice.pipelines import Recording


def processes(count: int, *, cold_ms: float, each: int = 10) -> Recording:
    recording = Recording(seed=1)
    for process in range(count):
        for number in range(each):
            with recording.request(pid=process) as request:
                is_first = number == 0
                request.stage("model", cold_ms if is_first else 100, pid=process)
                request.stage("answer", 50, pid=process)
    return recording


def test_cold_first_calls_are_what_the_tail_is_made_of() -> None:
    (only,) = cold_starts.find(Context(processes(20, cold_ms=900).query()))
    assert only.subject == "model"
    assert p95_ms(only) == pytest.approx(800, rel=0.2)


def test_warm_processes_stay_silent_and_three_are_not_enough() -> None:
    assert not list(cold_starts.find(Context(processes(20, cold_ms=110).query())))
    (only,) = cold_starts.find(Context(processes(3, cold_ms=900, each=30).query()))
    assert only.verdict == "not enough data"
