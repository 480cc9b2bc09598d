"""Many calls that could be few."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import batch_size, small_calls
from tests.advice.gains import p50_ms, saving
from tests.advice.pipelines import Recording


def test_a_query_for_each_item_is_to_be_one() -> None:
    recording = Recording(seed=1)
    for _ in range(60):
        with recording.request() as request:
            for _ in range(20):
                request.stage("db.get_user", 8)
                request.stage("format_row", 0.2)
            request.stage("llm", 200)
    (only,) = small_calls.find(Context(recording.query()))
    assert only.subject == "db.get_user"
    assert p50_ms(only) == pytest.approx(19 * 8, rel=0.1)
    assert saving(only).basis == "bound"


def test_few_calls_tool_calls_turns_and_tiny_steps_stay_silent() -> None:
    recording = Recording(seed=2)
    for _ in range(60):
        with recording.request() as request:
            for _ in range(3):
                request.stage("db.get_user", 8)
            for _ in range(10):
                request.stage("decode_step", 20)
                request.stage("execute_tool search", 20, operation="execute_tool")
            request.together([("embed.chunk", 9)] * 12)
            for _ in range(400):
                request.stage("row.clean", 0.02)
    assert not list(small_calls.find(Context(recording.query())))


def batches(sizes: list[int], *, base_ms: float) -> Recording:
    """Each request embeds 32 texts in batches of one of the sizes."""
    recording = Recording(seed=3, spread=0.05)
    for number in range(80):
        size = sizes[number % len(sizes)]
        with recording.request() as request:
            for _ in range(32 // size):
                request.stage("encode", base_ms + size, attributes={"latprobe.batch_size": size})
    return recording


def test_larger_batches_save_what_each_costs_before_its_first_item() -> None:
    (only,) = batch_size.find(Context(batches([4, 4, 4, 16], base_ms=20).query()))
    assert "batches of 16 instead of 4" in only.title
    # Eight batches become two: six times 20 ms.
    assert p50_ms(only) == pytest.approx(120, rel=0.15)


def test_batches_that_save_nothing_stay_silent() -> None:
    assert not list(batch_size.find(Context(batches([4, 4, 4, 16], base_ms=0.1).query())))
    assert not list(batch_size.find(Context(batches([16], base_ms=20).query())))
