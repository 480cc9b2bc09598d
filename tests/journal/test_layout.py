"""How the next segment is sized."""

from __future__ import annotations

import pytest

from latprobe.journal import segment as fmt
from latprobe.journal.layout import LEAST_RECORDS, Filling
from latprobe.journal.mapped_segment import Segment
from latprobe.journal.segment import frame_bytes

SIZE = 4 << 20
SECOND_NS = 1_000_000_000


def filled(*, heap_bytes: int, records: int, took_ns: int = SECOND_NS) -> Filling:
    """After a segment that took so much."""
    segment = Segment(bytearray(), limit=0, heap_start=0, heap_end=heap_bytes)
    segment.heap_top = heap_bytes
    filling = Filling()
    filling.note(segment, records=records, took_ns=took_ns)
    return filling


@pytest.mark.parametrize("heap_per_record", [0, 100, 20_000, 3_000_000])
@pytest.mark.parametrize("need", [0, 300, 100_000, SIZE])
def test_a_segment_has_its_size_and_room_for_what_is_needed(
    heap_per_record: int, need: int
) -> None:
    plan = filled(heap_bytes=heap_per_record * 100, records=100).layout(
        size=SIZE, run_bytes=2_000, need=need
    )
    assert plan.heap_start == fmt.HEADER_BYTES + plan.capacity * fmt.RECORD_BYTES
    assert plan.heap_end - plan.heap_start >= frame_bytes(2_000) + need
    assert plan.heap_end == SIZE or need == SIZE
    assert len(plan.segment_in(bytearray(plan.heap_end)).buffer) == plan.heap_end


def test_after_long_texts_there_is_still_room_for_many_spans_without() -> None:
    texts = filled(heap_bytes=SIZE, records=20).layout(size=SIZE, run_bytes=2_000, need=0)
    lean = filled(heap_bytes=0, records=20).layout(size=SIZE, run_bytes=2_000, need=0)
    assert 2_000 < texts.capacity < 2_100
    assert lean.capacity > 50_000


def test_a_tiny_segment_holds_the_least_number_of_records() -> None:
    assert Filling().layout(size=4096, run_bytes=500, need=0).capacity == LEAST_RECORDS


def test_only_a_segment_that_the_last_ones_pace_fills_in_a_minute_is_filled_soon() -> None:
    quick = filled(heap_bytes=SIZE // 4, records=10, took_ns=14 * SECOND_NS)
    slow = filled(heap_bytes=SIZE // 4, records=10, took_ns=16 * SECOND_NS)
    found = [
        each.layout(size=SIZE, run_bytes=0, need=0).is_filled_soon
        for each in (quick, slow, Filling())
    ]
    assert found == [True, False, False]
