"""The randomised delay of a stage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

import latprobe
from latprobe import guard, probe, stages
from latprobe.delay_rule import DelayRule
from latprobe.errors import UsageError
from latprobe.recorder import Stage
from latprobe.testing import FakeClock, MemorySink

REQUESTS = 40


@pytest.fixture
def slept(
    sink: MemorySink, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[float]]:
    """The seconds that were slept, on the fake clock; no rule is left behind."""
    found: list[float] = []

    def sleep(seconds: float) -> None:
        found.append(seconds)
        clock.advance(ms=seconds * 1e3)

    async def sleep_async(seconds: float) -> None:
        sleep(seconds)

    monkeypatch.setattr(probe, "monotonic_ns", clock)
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(asyncio, "sleep", sleep_async)
    yield found
    probe._rules.clear()


def run_requests(count: int = REQUESTS) -> None:
    """So many requests of two stages."""
    for _ in range(count):
        with latprobe.stage("request"):
            with latprobe.stage("rerank", size=3):
                pass
            with latprobe.stage("answer"):
                pass


def delays(sink: MemorySink, name: str = "rerank") -> list[float | None]:
    """What the stage's spans say of their delay."""
    spans = [span for span in sink.spans if span.name == name]
    return [span.attributes.get("latprobe.delay_ms") for span in spans]


def test_chosen_requests_are_delayed_and_all_runs_say_which_they_are(
    sink: MemorySink, slept: list[float]
) -> None:
    undo = probe.delay("rerank", ms=20, share=0.4)
    run_requests()
    undo()
    told = delays(sink)
    assert set(told) == {0.0, 20.0}
    assert slept == [0.02] * told.count(20.0)
    assert delays(sink, "answer") == [None] * REQUESTS
    for span in sink.spans:
        if span.name == "rerank":
            assert span.attributes["size"] == 3
            assert span.duration_ns == span.attributes["latprobe.delay_ms"] * 1e6


def test_the_trace_id_alone_decides(sink: MemorySink, slept: list[float]) -> None:
    undo = probe.delay("rerank", ms=5, share=0.5)
    run_requests()
    undo()
    rule = DelayRule("rerank", 5, 0.5)
    for span in sink.spans:
        if span.name == "rerank":
            is_chosen = rule.chooses(span.trace_id)
            assert (span.attributes["latprobe.delay_ms"] > 0) == is_chosen


def test_off_it_is_not_there(sink: MemorySink, slept: list[float]) -> None:
    before = stages._make
    undo = probe.delay("rerank", ms=5, share=0.5)
    assert type(latprobe.stage("answer")) is Stage
    assert type(latprobe.stage("rerank")) is not Stage
    undo()
    undo()
    assert stages._make is before
    assert type(latprobe.stage("rerank")) is Stage
    run_requests(3)
    assert (slept, delays(sink)) == ([], [None] * 3)


def test_two_stages_are_undone_apart(sink: MemorySink, slept: list[float]) -> None:
    undo_one = probe.delay("rerank", ms=5, share=0.5)
    undo_other = probe.delay("answer", ms=5, share=0.5)
    undo_one()
    run_requests(4)
    undo_other()
    assert delays(sink) == [None] * 4
    assert None not in delays(sink, "answer")


def test_coroutines_and_decorated_functions_are_delayed(
    sink: MemorySink, slept: list[float]
) -> None:
    undo = probe.delay("rerank", ms=7, share=0.5)

    @latprobe.stage("rerank")
    async def rerank() -> int:
        return 1

    @latprobe.stage("rerank")
    def rerank_too() -> int:
        return 2

    async def main() -> None:
        for _ in range(REQUESTS):
            assert await rerank() == 1

    asyncio.run(main())
    assert set(delays(sink)) == {0.0, 7.0}
    assert [rerank_too() for _ in range(REQUESTS)] == [2] * REQUESTS
    undo()
    assert len(delays(sink)) == 2 * REQUESTS
    assert None not in delays(sink)


def test_children_keep_their_parent_and_the_context_is_left_as_it_was(
    sink: MemorySink, slept: list[float]
) -> None:
    undo = probe.delay("outer", ms=1, share=0.5)
    with latprobe.stage("request"):
        with latprobe.stage("outer"), latprobe.stage("inner"):
            pass
        with latprobe.stage("after"):
            pass
    undo()
    ids = {span.name: span for span in sink.spans}
    assert ids["inner"].parent_id == ids["outer"].span_id
    assert ids["after"].parent_id == ids["outer"].parent_id == ids["request"].span_id


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was said on stderr."""
    found: list[str] = []
    monkeypatch.setattr(guard, "warn_once", found.append)
    return found


def test_a_with_inside_an_event_loop_is_not_delayed_and_says_so(
    sink: MemorySink, slept: list[float], said: list[str]
) -> None:
    undo = probe.delay("rerank", ms=7, share=0.99)

    async def main() -> None:
        run_requests(3)

    asyncio.run(main())
    undo()
    assert (slept, delays(sink)) == ([], [None] * 3)
    assert "Write `async with`" in said[0]


def test_a_generators_stage_is_not_delayed_and_says_so(
    sink: MemorySink, slept: list[float], said: list[str]
) -> None:
    undo = probe.delay("rerank", ms=7, share=0.99)

    @latprobe.stage("rerank")
    def rows() -> Iterator[int]:
        yield 1
        yield 2

    assert list(rows()) == [1, 2]
    undo()
    assert (slept, delays(sink)) == ([], [None])
    assert "is a generator's" in said[0]


def test_what_is_raised_while_it_sleeps_ends_the_stage(
    sink: MemorySink, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    undo = probe.delay("rerank", ms=7, share=0.999)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    with latprobe.stage("request"):
        with pytest.raises(KeyboardInterrupt), latprobe.stage("rerank"):
            raise AssertionError("not reached")
        with latprobe.stage("after"):
            pass
    undo()
    found = {span.name: span for span in sink.spans}
    assert found["rerank"].status == "error"
    assert found["after"].parent_id == found["request"].span_id


def test_a_cancelled_sleep_ends_the_stage(
    sink: MemorySink, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    undo = probe.delay("rerank", ms=7, share=0.999)

    async def cancelled(seconds: float) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", cancelled)

    async def main() -> None:
        async with latprobe.stage("request"):
            with pytest.raises(asyncio.CancelledError):
                async with latprobe.stage("rerank"):
                    raise AssertionError("not reached")
            async with latprobe.stage("after"):
                pass

    asyncio.run(main())
    undo()
    found = {span.name: span for span in sink.spans}
    assert found["after"].parent_id == found["request"].span_id


@pytest.mark.parametrize(
    "start",
    [
        lambda: probe.delay("", ms=20, share=0.1),
        lambda: probe.delay("a", ms=0, share=0.1),
        lambda: probe.delay("a", ms=20, share=1),
    ],
)
def test_what_cannot_be_meant_is_refused(sink: MemorySink, start: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        start()


def test_without_recording_it_says_what_to_call_first() -> None:
    with pytest.raises(UsageError, match=r"latprobe\.init\(\)"):
        probe.delay("a", ms=20, share=0.1)
