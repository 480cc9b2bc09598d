"""Work handed to threads stays in the request that handed it over."""

from __future__ import annotations

import contextvars
import decimal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import latprobe
from latprobe.config import Settings
from latprobe.hooks import threads
from latprobe.testing import MemorySink


@pytest.fixture(autouse=True)
def _hooked() -> Iterator[None]:
    undo = threads.instrument(Settings(home=Path("unused")))
    yield
    undo()


@latprobe.stage("work")
def work() -> None:
    """A piece of work."""


def test_submitted_work_is_a_child_of_the_stage_that_submitted_it(sink: MemorySink) -> None:
    with ThreadPoolExecutor(1) as executor:
        for _ in range(2):
            with latprobe.stage("request"):
                executor.submit(work).result()
        executor.submit(work).result()
    parents = {span.span_id: span.name for span in sink.spans}
    assert [parents.get(s.parent_id or 0) for s in sink.spans if s.name == "work"] == [
        "request",
        "request",
        None,
    ]
    assert len({span.trace_id for span in sink.spans}) == 3


def test_a_started_thread_belongs_to_the_stage_while_that_is_open(sink: MemorySink) -> None:
    released = threading.Event()

    def twice() -> None:
        work()
        released.wait(10)
        work()

    with latprobe.stage("request"):
        thread = threading.Thread(target=twice)
        thread.start()
        while "work" not in sink.names():
            threading.Event().wait(0.001)
    released.set()
    thread.join()
    first, second = [span for span in sink.spans if span.name == "work"]
    request = sink.named("request")
    assert first.parent_id == request.span_id
    assert (second.parent_id, second.trace_id == request.trace_id) == (None, False)


def test_a_thread_class_with_a_run_of_its_own_is_carried_too(sink: MemorySink) -> None:
    class Worker(threading.Thread):
        def run(self) -> None:
            work()

    with latprobe.stage("request"):
        worker = Worker()
        worker.start()
        worker.join()
    assert sink.named("work").parent_id == sink.named("request").span_id


def test_undo_restores_the_originals() -> None:
    submit = ThreadPoolExecutor.submit
    undo = threads.instrument(Settings(home=Path("unused")))
    assert ThreadPoolExecutor.submit is not submit
    undo()
    assert ThreadPoolExecutor.submit is submit


def test_what_a_pools_initializer_has_set_is_still_there(sink: MemorySink) -> None:
    setting: contextvars.ContextVar[str] = contextvars.ContextVar("setting", default="unset")

    def initialize() -> None:
        setting.set("by the pool")
        decimal.getcontext().prec = 50

    def look() -> tuple[str, int]:
        work()
        return setting.get(), decimal.getcontext().prec

    with ThreadPoolExecutor(1, initializer=initialize) as pool, latprobe.stage("request"):
        assert pool.submit(look).result() == ("by the pool", 50)
    assert sink.named("work").parent_id == sink.named("request").span_id
