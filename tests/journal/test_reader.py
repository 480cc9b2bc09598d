"""What is read from a segment: whole, growing, full of holes, damaged."""

from __future__ import annotations

import marshal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.errors import SegmentError
from latprobe.journal import segment as fmt
from latprobe.journal.header import UnknownVersionError
from latprobe.journal.reader import SegmentReader, Taken, writer_gone
from latprobe.journal.segment import FrameType
from tests.journal.building import SegmentBuilder


def take(reader: SegmentReader, limit: int = 1000) -> Taken:
    taken = reader.take(limit)
    reader.advance(taken)
    return taken


def span_ids(taken: Taken) -> list[int]:
    return [int(value) for value in taken.rows["span_id"]]


def test_a_segment_gives_its_spans_names_threads_and_run(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj")
    build.span("load", span=7, parent=3, details={"rows": 2}, modality="text")
    build.close()

    taken = take(SegmentReader(build.path))

    assert taken.run == {"service": "shop"}
    assert taken.names == {0: ("load", "text", None)}
    assert taken.threads == {0: "MainThread"}
    assert span_ids(taken) == [7]
    assert {row: marshal.loads(data) for row, data in taken.payloads.items()} == {0: {"rows": 2}}
    assert (taken.is_last, taken.next_slot, taken.damaged) == (True, 64, 0)


def test_each_look_gives_only_what_was_committed_since_the_last(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj").hold_lock()
    reader = SegmentReader(build.path)
    seen = [span_ids(take(reader))]
    build.lean_spans([1, 1])
    seen.append(span_ids(take(reader)))
    seen.append(span_ids(take(reader)))
    build.lean_spans([1], first_span=3)
    build.close()
    last = take(reader)
    seen.append(span_ids(last))

    assert (seen, last.is_last) == ([[], [1, 2], [], [3]], True)


def test_a_take_that_was_not_stored_is_given_again(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj").hold_lock()
    build.span(span=1, details={"a": 1})
    reader = SegmentReader(build.path)
    first, second = reader.take(10), reader.take(10)
    reader.advance(second)

    assert (span_ids(first), first.payloads) == (span_ids(second), second.payloads)
    assert span_ids(reader.take(10)) == []


def test_a_hole_is_remembered_and_filled_later(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj").hold_lock()
    build.span(span=1)
    build.span(span=2, is_committed=False)
    build.span(span=3)
    reader = SegmentReader(build.path)
    first = take(reader)
    build.span(span=2, slot=1)
    second = take(reader)

    assert (span_ids(first), first.holes) == ([1, 3], (1,))
    assert (span_ids(second), second.holes) == ([2], ())


def test_a_hole_of_a_dead_writer_is_given_up(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj")
    build.span(span=1, is_committed=False)
    build.span(span=2)
    build.close()
    taken = take(SegmentReader(build.path))

    assert (span_ids(taken), taken.holes, taken.is_last) == ([2], (), True)


def test_reading_goes_on_where_another_reader_stopped(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj").hold_lock()
    build.span(span=1)
    build.span(span=2, is_committed=False)
    build.span(span=3, details={"a": 1})
    first = take(SegmentReader(build.path))
    build.span(span=2, slot=1, details={"b": 2})
    build.span(span=4, details={"c": 3})
    again = SegmentReader(build.path, next_slot=first.next_slot, holes=first.holes)
    taken = take(again)

    found = {row: marshal.loads(data) for row, data in taken.payloads.items()}
    assert (span_ids(taken), found) == ([2, 4], {0: {"b": 2}, 1: {"c": 3}})


def test_a_limit_is_kept_and_the_rest_comes_next(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj", capacity=1000)
    build.lean_spans([1] * 700)
    build.close()
    reader = SegmentReader(build.path)
    parts = [take(reader, 300) for _ in range(4)]

    assert [len(part.rows) for part in parts] == [300, 300, 100, 0]
    assert [part.is_last for part in parts] == [False, False, False, True]


def test_a_sealed_full_segment_is_done_though_its_writer_lives(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj", capacity=2).hold_lock()
    build.lean_spans([1, 1])
    reader = SegmentReader(build.path)
    open_one = take(reader).is_last
    build.seal()

    assert (open_one, take(reader).is_last) == (False, True)


def test_a_span_waits_for_its_attributes_while_the_writer_lives(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj").hold_lock()
    build.span(span=1, flags=fmt.Flag.HAS_FRAME)
    reader = SegmentReader(build.path)
    early = take(reader)
    build.frame(FrameType.SPAN, 0, marshal.dumps({"late": True}, 2))
    late = take(reader)

    assert (span_ids(early), early.holes) == ([], (0,))
    assert (span_ids(late), marshal.loads(late.payloads[0])) == ([1], {"late": True})


def test_a_damaged_frame_costs_its_span_the_attributes_only(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj")
    build.frame(FrameType.SPAN, 0, marshal.dumps({"a": 1}, 2), crc=1)
    build.span(span=1, flags=fmt.Flag.HAS_FRAME)
    build.span(span=2, details={"b": 2})
    build.close()
    taken = take(SegmentReader(build.path))

    assert (span_ids(taken), taken.damaged) == ([1, 2], 1)
    assert {row: marshal.loads(data) for row, data in taken.payloads.items()} == {1: {"b": 2}}


def test_a_torn_frame_at_the_end_of_a_dead_writers_heap_is_no_damage(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj")
    build.span(span=1)
    build.frame(FrameType.SPAN, 1, b"half written", crc=1)
    build.close()
    taken = take(SegmentReader(build.path))

    assert (span_ids(taken), taken.damaged) == ([1], 0)


def test_a_record_that_cannot_be_a_span_is_counted_as_damage(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj")
    build.span(span=1, duration=1 << 63)
    build.span(span=2, trace=0)
    build.span(span=3)
    build.close()
    taken = take(SegmentReader(build.path))

    assert (span_ids(taken), taken.damaged) == ([3], 2)


def test_the_lock_tells_whether_the_writer_is_gone(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj").hold_lock()
    before = writer_gone(build.path)
    build.close()

    assert (before, writer_gone(build.path)) == (False, True)


@pytest.mark.parametrize("size", [0, 7, 100, 255, 256, 1000, 5000])
def test_a_truncated_segment_is_refused_in_one_sentence(tmp_path: Path, size: int) -> None:
    path = SegmentBuilder(tmp_path / "a.lpj").close()
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(SegmentError, match=r"a\.lpj .* set aside"):
        SegmentReader(path)


def test_a_segment_cut_off_while_open_is_an_error_and_no_crash(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj").hold_lock()
    build.span()
    reader = SegmentReader(build.path)
    with open(build.path, "r+b") as file:
        file.truncate(300)

    with pytest.raises(SegmentError, match="cut off while it was being read"):
        reader.take(10)


def test_a_newer_version_is_refused_and_named(tmp_path: Path) -> None:
    path = SegmentBuilder(tmp_path / "a.lpj", version=2).close()

    with pytest.raises(UnknownVersionError, match="journal format 2, this latprobe reads 1"):
        SegmentReader(path)


def test_a_folder_is_not_a_segment(tmp_path: Path) -> None:
    (tmp_path / "a.lpj").mkdir()

    with pytest.raises(SegmentError, match="is not a file"):
        SegmentReader(tmp_path / "a.lpj")


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, 64 * 8 + 256 + 4096), byte=st.integers(0, 255))
def test_any_flipped_byte_gives_an_error_or_spans_but_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int
) -> None:
    build = SegmentBuilder(tmp_path_factory.mktemp("flip") / "a.lpj", capacity=8, heap_bytes=4096)
    for number in range(1, 6):
        build.span(span=number, details={"n": number})
    path = build.close()
    data = bytearray(path.read_bytes())
    data[position % len(data)] = byte
    path.write_bytes(data)

    try:
        taken = SegmentReader(path).take(100)
    except SegmentError:
        return
    assert len(taken.rows) <= 8
