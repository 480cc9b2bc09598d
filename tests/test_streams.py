"""Chunk times of streams."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator

from hypothesis import given
from hypothesis import strategies as st

import latprobe
from latprobe.store.span_details import CENTRE
from latprobe.streams import FOLD_AT, MAX_GAPS, ChunkTimes, bfloat16
from latprobe.testing import FakeClock, MemorySink


def unpacked(packed: bytes) -> list[float]:
    """The values of bfloat16 pairs."""
    halves = [packed[i : i + 2] for i in range(0, len(packed), 2)]
    return [struct.unpack("<f", b"\0\0" + half)[0] for half in halves]


def test_a_stream_notes_the_first_chunk_and_the_gaps(sink: MemorySink, clock: FakeClock) -> None:
    def chunks() -> Iterator[str]:
        for wait_ms in (40, 6, 6, 12):
            clock.advance(ms=wait_ms)
            yield "x"

    with latprobe.stage("llm") as stage:
        assert "".join(stage.stream(chunks())) == "xxxx"
    extra = sink.named("llm").extra
    assert (extra["chunks"], extra["first_chunk_ns"]) == (4, 40_000_000)
    gaps = unpacked(extra["gaps"])
    assert [round(gap * CENTRE / 1e6, 1) for gap in gaps] == [6.0, 6.0, 12.0]


def test_an_async_stream_is_timed_alike(sink: MemorySink, clock: FakeClock) -> None:
    async def chunks() -> AsyncIterator[int]:
        for number in range(3):
            clock.advance(ms=5)
            yield number

    async def main() -> list[int]:
        async with latprobe.stage("llm") as stage:
            return [chunk async for chunk in stage.astream(chunks())]

    assert asyncio.run(main()) == [0, 1, 2]
    assert sink.named("llm").extra["first_chunk_ns"] == 5_000_000


def test_an_abandoned_stream_keeps_what_came(sink: MemorySink, clock: FakeClock) -> None:
    with latprobe.stage("llm") as stage:
        for chunk in stage.stream(range(100)):
            clock.advance(ms=1)
            if chunk == 4:
                break
    assert sink.named("llm").extra["chunks"] == 5


def test_an_empty_stream_has_no_first_chunk(sink: MemorySink) -> None:
    with latprobe.stage("llm") as stage:
        assert list(stage.stream([])) == []
    assert sink.named("llm").extra == {}


def test_a_very_long_stream_is_counted_whole_and_kept_in_bounds() -> None:
    times = ChunkTimes()
    for moment in range(0, (MAX_GAPS + 5_000) * 1000, 1000):
        times.times.append(moment)
        if len(times.times) > FOLD_AT:
            times.fold()
    summary = times.summary(0)
    assert summary["chunks"] == MAX_GAPS + 5_000
    assert len(summary["gaps"]) == 2 * MAX_GAPS
    assert len(times.times) == 1


@given(st.lists(st.integers(min_value=1, max_value=10**13), max_size=50))
def test_a_gap_survives_packing_within_half_a_percent(gaps: list[int]) -> None:
    for gap, kept in zip(gaps, unpacked(bytes(bfloat16(gaps))), strict=True):
        assert abs(kept * CENTRE - gap) / gap < 0.0055


def test_long_streams_of_one_stage_read_in_turns_arrive_whole(sink: MemorySink) -> None:
    length = FOLD_AT * 2 + 5
    with latprobe.stage("llm") as stage:
        pairs = list(zip(stage.stream(range(length)), stage.stream(range(length)), strict=True))
    assert pairs == [(number, number) for number in range(length)]
    assert sink.named("llm").extra["chunks"] == 2 * length
