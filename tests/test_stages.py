"""`latprobe.stage` on every sort of function, and how its spans nest."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import Enum, StrEnum
from typing import Any

import pytest

import latprobe
from latprobe.errors import UsageError
from latprobe.stages import Idle
from latprobe.testing import FakeClock, MemorySink, RecordedSpan, capture


def tree(sink: MemorySink) -> list[tuple[str, str | None]]:
    """Each span's name with its parent's, sorted."""
    names = {span.span_id: span.name for span in sink.spans}
    pairs = [(s.name, names.get(s.parent_id) if s.parent_id else None) for s in sink.spans]
    return sorted(pairs, key=lambda pair: (pair[0], pair[1] or ""))


def test_a_stage_becomes_one_span_with_its_duration_and_attributes(
    sink: MemorySink, clock: FakeClock
) -> None:
    with latprobe.stage("ocr", modality="image", model="tess", input_tokens=7, page=3) as stage:
        clock.advance(ms=2)
        stage.set(lines=12)
        stage.event("rotated", degrees=90)
        clock.advance(ms=1)
    assert sink.spans == [
        RecordedSpan(
            name="ocr",
            modality="image",
            trace_id=(2 << 64) | 3,
            span_id=1,
            parent_id=None,
            start_ns=1_000_000_000,
            duration_ns=3_000_000,
            attributes={"model": "tess", "input_tokens": 7, "page": 3, "lines": 12},
            events=(("rotated", 2_000_000, {"degrees": 90}),),
        )
    ]


def test_stages_nest_and_share_a_trace(sink: MemorySink) -> None:
    with latprobe.stage("request"), latprobe.stage("retrieve"), latprobe.stage("embed"):
        pass
    assert tree(sink) == [("embed", "retrieve"), ("request", None), ("retrieve", "request")]
    assert len({span.trace_id for span in sink.spans}) == 1


def test_stages_after_each_other_start_traces_of_their_own(sink: MemorySink) -> None:
    for _ in range(2):
        with latprobe.stage("request"):
            pass
    assert len({span.trace_id for span in sink.spans}) == 2


def test_an_error_is_recorded_and_raised_again(sink: MemorySink) -> None:
    with pytest.raises(ValueError, match="no text"), latprobe.stage("ocr"):
        raise ValueError("no text")
    span = sink.named("ocr")
    assert span.status == "error"
    assert span.attributes == {"error.type": "ValueError"}
    assert span.extra == {"status_message": "ValueError: no text"}
    name, _, details = span.events[0]
    assert (name, details["exception.message"]) == ("exception", "no text")
    assert details["code.function.name"].endswith("raised_again")


def test_an_exception_whose_text_raises_does_not_reach_the_user(sink: MemorySink) -> None:
    class NastyError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("gotcha")

    with suppress(NastyError), latprobe.stage("ocr"):
        raise NastyError
    assert sink.named("ocr").extra["status_message"].endswith("<RuntimeError in its __str__>")


def test_leaving_with_exit_code_zero_is_no_error(sink: MemorySink) -> None:
    with suppress(SystemExit), latprobe.stage("main"):
        raise SystemExit(0)
    assert sink.named("main").status == "unset"


def test_a_decorated_function_keeps_its_name_and_result(sink: MemorySink) -> None:
    @latprobe.stage("add", flavour="plain")
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    assert (add(1, 2), add(3, b=4)) == (3, 7)
    assert (add.__name__, add.__doc__) == ("add", "Adds.")
    assert [span.attributes for span in sink.spans] == [{"flavour": "plain"}] * 2


def test_attributes_set_in_one_call_do_not_show_up_in_the_next(sink: MemorySink) -> None:
    made = latprobe.stage("outer", fixed=1)

    @made
    def work() -> None:
        pass

    work()
    with latprobe.stage("outer", fixed=1) as stage:
        stage.set(extra=2)
    work()
    assert [span.attributes for span in sink.spans] == [
        {"fixed": 1},
        {"fixed": 1, "extra": 2},
        {"fixed": 1},
    ]


def test_recursion_nests(sink: MemorySink) -> None:
    @latprobe.stage("walk")
    def walk(depth: int) -> int:
        return 0 if depth == 0 else 1 + walk(depth - 1)

    assert walk(3) == 3
    assert tree(sink) == [("walk", None)] + [("walk", "walk")] * 3


def test_coroutines_nest_across_awaits_and_gather(sink: MemorySink) -> None:
    @latprobe.stage("step")
    async def step(name: str) -> str:
        with latprobe.stage(name):
            await asyncio.sleep(0)
        return name

    async def main() -> list[str]:
        async with latprobe.stage("request"):
            return list(await asyncio.gather(step("a"), step("b")))

    assert inspect.iscoroutinefunction(step)
    assert asyncio.run(main()) == ["a", "b"]
    assert tree(sink) == [
        ("a", "step"),
        ("b", "step"),
        ("request", None),
        ("step", "request"),
        ("step", "request"),
    ]
    parents = {span.name: span.parent_id for span in sink.spans if span.name in "ab"}
    assert parents["a"] != parents["b"]


def test_a_cancelled_coroutine_is_an_error_of_that_type(sink: MemorySink) -> None:
    started = asyncio.Event

    @latprobe.stage("slow")
    async def slow(begun: asyncio.Event) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def main() -> None:
        begun = started()
        task = asyncio.create_task(slow(begun))
        await begun.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert sink.named("slow").attributes == {"error.type": "asyncio.exceptions.CancelledError"}


def test_a_generator_does_not_make_the_consumers_stages_its_children(sink: MemorySink) -> None:
    @latprobe.stage("produce")
    def produce() -> Iterator[int]:
        for number in range(2):
            with latprobe.stage("make"):
                pass
            yield number

    assert inspect.isgeneratorfunction(produce)
    with latprobe.stage("request"):
        for _ in produce():
            with latprobe.stage("consume"):
                pass
    assert tree(sink) == [
        ("consume", "request"),
        ("consume", "request"),
        ("make", "produce"),
        ("make", "produce"),
        ("produce", "request"),
        ("request", None),
    ]


def test_a_stage_held_open_across_yields_stays_inside_the_generator(sink: MemorySink) -> None:
    @latprobe.stage("produce")
    def produce() -> Iterator[int]:
        with latprobe.stage("connection"):
            yield 1
            with latprobe.stage("fetch"):
                pass
            yield 2

    with latprobe.stage("request"):
        for _ in produce():
            with latprobe.stage("consume"):
                pass
    assert tree(sink) == [
        ("connection", "produce"),
        ("consume", "request"),
        ("consume", "request"),
        ("fetch", "connection"),
        ("produce", "request"),
        ("request", None),
    ]


def test_a_generator_closed_early_ends_its_stage_without_an_error(sink: MemorySink) -> None:
    @latprobe.stage("produce")
    def produce() -> Iterator[int]:
        yield from range(100)

    numbers = produce()
    next(numbers)
    numbers.close()  # type: ignore[attr-defined]
    span = sink.named("produce")
    assert (span.status, span.attributes) == ("unset", {"latprobe.closed_early": True})
    assert span.extra["chunks"] == 1


def test_what_is_sent_thrown_and_returned_passes_through_a_generator(sink: MemorySink) -> None:
    seen: list[object] = []

    @latprobe.stage("talk")
    def talk():  # type: ignore[no-untyped-def]
        seen.append((yield "hello"))
        try:
            yield "more"
        except KeyError:
            seen.append("thrown")
        yield "last"
        return "bye"

    dialogue = talk()
    assert next(dialogue) == "hello"
    assert dialogue.send("hi") == "more"
    assert dialogue.throw(KeyError()) == "last"
    with pytest.raises(StopIteration) as stop:
        next(dialogue)
    assert (stop.value.value, seen) == ("bye", ["hi", "thrown"])
    assert sink.named("talk").status == "unset"


def test_an_async_generator_is_a_stage_from_first_item_to_last(sink: MemorySink) -> None:
    @latprobe.stage("tokens")
    async def tokens() -> AsyncIterator[int]:
        for number in range(3):
            with latprobe.stage("decode"):
                await asyncio.sleep(0)
            yield number

    async def main() -> int:
        total = 0
        async with latprobe.stage("request"):
            async for number in tokens():
                with latprobe.stage("consume"):
                    total += number
        return total

    assert inspect.isasyncgenfunction(tokens)
    assert asyncio.run(main()) == 3
    assert tree(sink) == (
        [("consume", "request")] * 3
        + [("decode", "tokens")] * 3
        + [("request", None), ("tokens", "request")]
    )
    assert sink.named("tokens").extra["chunks"] == 3


def test_an_async_generator_abandoned_half_way_ends_when_it_is_closed(sink: MemorySink) -> None:
    @latprobe.stage("tokens")
    async def tokens() -> AsyncIterator[int]:
        for number in range(100):
            yield number

    async def main() -> None:
        stream = tokens()
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())
    span = sink.named("tokens")
    assert (span.status, span.attributes) == ("unset", {"latprobe.closed_early": True})


def test_exits_out_of_order_leave_no_ended_stage_current(sink: MemorySink) -> None:
    outer, inner = latprobe.stage("outer"), latprobe.stage("inner")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)
    with latprobe.stage("next"):
        pass
    assert tree(sink) == [("inner", "outer"), ("next", None), ("outer", None)]


def test_leaving_twice_records_once(sink: MemorySink) -> None:
    stage = latprobe.stage("once")
    with stage:
        pass
    stage.__exit__(None, None, None)
    assert sink.names() == ["once"]


def test_carry_takes_the_stage_to_an_executors_thread(sink: MemorySink) -> None:
    @latprobe.stage("work")
    def work(number: int) -> int:
        return number * 2

    with latprobe.stage("request"), ThreadPoolExecutor(2) as executor:
        carried = latprobe.carry(work)
        assert list(executor.map(carried, [1, 2, 3])) == [2, 4, 6]
    assert tree(sink) == [("request", None)] + [("work", "request")] * 3


def test_values_the_journal_cannot_hold_become_what_comes_nearest(sink: MemorySink) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    with latprobe.stage("x", odd=Odd(), some={1}, nested={"a": (1, Odd())}, big=1 << 80):
        pass
    assert sink.named("x").attributes == {
        "odd": "<Odd>",
        "some": [1],
        "nested": {"a": [1, "<Odd>"]},
        "big": 1 << 80,
    }


def test_nothing_is_recorded_before_init_and_decorators_wake_up_later() -> None:
    @latprobe.stage("late")
    def work() -> int:
        return 1

    with latprobe.stage("idle", a=1) as stage:
        stage.set(b=2).event("c")
        assert list(stage.stream([1, 2])) == [1, 2]
        assert isinstance(stage, Idle)
    assert work() == 1
    with capture() as sink:
        assert work() == 1
    assert sink.names() == ["late"]


def test_a_stage_around_something_that_is_no_function_says_so(sink: MemorySink) -> None:
    with pytest.raises(UsageError, match="decorates functions, not int"):
        latprobe.stage("x")(3)  # type: ignore[arg-type]


def test_one_object_entered_inside_itself_is_recorded_once_and_said(
    sink: MemorySink, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = latprobe.stage("shared")
    with shared, shared:
        pass
    with latprobe.stage("next"):
        pass
    assert tree(sink) == [("next", None), ("shared", None)]
    assert "stage 'shared' was entered while it was open" in capsys.readouterr().err


def test_one_object_used_again_after_its_end_is_another_span(sink: MemorySink) -> None:
    stage = latprobe.stage("again")
    for _ in range(2):
        with stage:
            pass
    assert len({span.span_id for span in sink.spans}) == 2


def test_work_that_schedules_itself_again_holds_no_past_stages(sink: MemorySink) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def tick(left: int) -> None:
            with latprobe.stage("tick"):
                if left:
                    loop.call_soon(tick, left - 1)
                else:
                    done.set()

        tick(300)
        await done.wait()

    asyncio.run(main())
    gc.collect()
    alive = [each for each in gc.get_objects() if type(each).__name__ == "Stage"]
    assert len(sink.spans) == 301
    assert len(alive) < 10


def test_a_stage_ended_by_another_thread_is_recorded_without_cpu_time(sink: MemorySink) -> None:
    for _ in range(3):
        stage = latprobe.stage("handed over")
        stage.__enter__()
        worker = threading.Thread(target=stage.__exit__, args=(None, None, None))
        worker.start()
        worker.join()
    assert [span.cpu_ns for span in sink.spans] == [None] * 3


def test_names_and_keys_may_be_enums_or_other_subclasses_of_str(sink: MemorySink) -> None:
    class Name(StrEnum):
        OCR = "ocr"

    class Model(str, Enum):  # noqa: UP042  # many programs have such ones
        SMALL = "gpt-small"

    with latprobe.stage(Name.OCR, modality=Name.OCR, model=Model.SMALL) as stage:
        stage.set(**{Name.OCR: 1})
    assert sink.spans[0].name == "ocr"
    assert sink.spans[0].modality == "ocr"
    assert sink.spans[0].attributes == {"model": "gpt-small", "ocr": 1}


def test_asking_a_stage_that_was_not_entered_yet_is_harmless(sink: MemorySink) -> None:
    stage: Any = latprobe.stage("early")
    stage.event("before").set(a=1)
    assert not stage.is_recording()
    assert not stage.get_span_context().is_valid
    with stage:
        assert stage.is_recording()


def test_static_and_class_methods_of_any_sort_are_staged(sink: MemorySink) -> None:
    class Pipeline:
        @latprobe.stage("static")
        @staticmethod
        async def static(x: int) -> int:
            await asyncio.sleep(0)
            return x

        @latprobe.stage("class")
        @classmethod
        def made(cls) -> str:
            return cls.__name__

    assert asyncio.run(Pipeline.static(2)) == 2
    assert Pipeline.made() == "Pipeline"
    assert sink.names() == ["static", "class"]


def test_a_generators_cleanup_belongs_to_the_generator(sink: MemorySink) -> None:
    @latprobe.stage("gen")
    def gen() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            with latprobe.stage("cleanup"):
                pass

    with latprobe.stage("consumer"):
        for _ in gen():
            break
        gc.collect()
    assert ("cleanup", "gen") in tree(sink)


def test_the_bare_decorator_takes_the_functions_name(sink: MemorySink) -> None:
    @latprobe.stage
    def summarize() -> int:
        return 3

    assert summarize() == 3
    assert sink.names()[0].endswith("summarize")
