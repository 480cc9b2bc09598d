"""Which stages a change touches, those that wait for it among them."""

from __future__ import annotations

import pytest

from latprobe.advice.applied import Applied
from latprobe.advice.like_for_like import LikeForLike, like_for_like
from latprobe.advice.touched import touched_stages
from latprobe.analysis.scope import EVERYTHING
from tests.advice.pipelines import Recording, Step
from tests.analysis.seeding import EPOCH_NS, MemoryStore

BEFORE = 150


def in_line(*, read_ms: float = 20) -> tuple[MemoryStore, int]:
    """Requests that stand in line for the one GPU, whose work takes half the time since the moment
    that is given in ns; `read_ms` is what reading takes since."""
    recording, free_ms, start_ms = Recording(seed=8), 0.0, 0.0
    for number in range(2 * BEFORE):
        start_ms += recording.random.expovariate(1 / 62)
        changed = number >= BEFORE
        if number == BEFORE:
            start_ms += 1_000
            applied_ns = EPOCH_NS + int((start_ms - 500) * 1e6)
        with recording.request("answer", start_ms=start_ms) as step:
            step.stage("read", read_ms if changed else 20)
            step.stage("gpu.line", max(free_ms - step.now_ms, 0.0) + 0.02, exact=True)
            step.stage("gpu.infer", 25 if changed else 50)
            free_ms = step.now_ms
            step.stage("write", 5)
    return recording.query(), applied_ns


def alike(query: MemoryStore, applied_ns: int, subject: str) -> LikeForLike | None:
    mark = Applied(
        id="a", rule="r", title="t", subject=subject, service="app", root="answer",
        applied_ns=applied_ns, from_ns=EPOCH_NS, requests=BEFORE,
    )  # fmt: skip
    return like_for_like(query, mark, subjects=[subject], until_ns=None, seed=0)


def test_a_line_before_the_changed_stage_is_touched_by_the_change() -> None:
    query, applied_ns = in_line()
    assert touched_stages(query, EVERYTHING, ["gpu.infer"]) == {"answer", "gpu.infer", "gpu.line"}
    assert alike(query, applied_ns, "gpu.infer") is None


def test_what_moved_beside_a_shorter_line_is_still_told_apart() -> None:
    query, applied_ns = in_line(read_ms=60)
    found = alike(query, applied_ns, "gpu.infer")
    assert found is not None
    (drift,) = found.drifts
    assert drift.stage == "read"
    assert drift.ms == pytest.approx(40, rel=0.15)


def test_a_line_that_waits_for_something_else_is_not_touched() -> None:
    query, _ = in_line()
    assert touched_stages(query, EVERYTHING, ["write"]) == {"answer", "write"}
    assert touched_stages(query, EVERYTHING, ["gpu.inf", "GPU 0"]) == set()


def joined(step: Step) -> None:
    """`join` ends with the call that runs beside it, `audit` when it likes."""
    start = step.now_ms
    llm = step.stage("llm", 800)
    for name, ms in (("join", llm.end_ms - start + 0.3), ("audit", 500)):
        step.now_ms = start
        step.stage(name, ms, exact=name == "join")
    step.now_ms = llm.end_ms + 0.4


def test_whoever_waits_for_a_stage_of_its_own_request_is_touched() -> None:
    recording = Recording(seed=9)
    for _ in range(60):
        with recording.request("answer") as step:
            step.stage("search", 90)
            joined(step)
            step.stage("render", 30)
    touched = touched_stages(recording.query(), EVERYTHING, ["llm"])
    assert touched == {"answer", "llm", "join"}
