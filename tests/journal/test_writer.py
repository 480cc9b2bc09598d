"""The journal's writing side: room, names, and a disk that is full."""

from __future__ import annotations

import dis
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import latprobe
from latprobe import guard, recorder, stages
from latprobe.journal import mapped_segment
from latprobe.journal import writer as writer_module
from latprobe.journal.heap import decode
from latprobe.journal.parked import MAX_PARKED
from latprobe.journal.writer import Writer
from tests.journal.recorded import counts, read_journal


@contextmanager
def recording(home: Path, **options: Any) -> Iterator[Writer]:
    """A real writer in place of the process's."""
    made = Writer(home / "journal", run_id=bytes(16), run={"service": "t"}, **options)
    before = getattr(recorder, "writer", None)
    recorder.use_writer(made)
    stages.start_recording(recorder.make_stage)
    try:
        yield made
    finally:
        stages.start_recording(None)
        made.close()
        if before is not None:
            recorder.use_writer(before)


@pytest.fixture(autouse=True)
def _quiet_faults() -> Iterator[None]:
    guard.faults.clear()
    yield
    guard.faults.clear()


def record(count: int, name: str = "x", **attributes: Any) -> None:
    """`count` finished stages."""
    for _ in range(count):
        with latprobe.stage(name, **attributes):
            pass


def test_a_full_segment_is_followed_by_another_that_stands_alone(tmp_path: Path) -> None:
    with recording(tmp_path, segment_bytes=64 << 10):
        record(3000)
        record(500, "rich", text="t" * 400)
    assert len(list((tmp_path / "journal").iterdir())) > 5
    assert counts(tmp_path) == {"x": 3000, "rich": 500}


def test_segments_are_expected_to_fill_soon_once_one_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    class Seen:
        def run(self, buffer: Any, *, is_filled_soon: bool) -> None:
            asked.append(is_filled_soon)

    monkeypatch.setattr(mapped_segment, "prefault", Seen())
    with recording(tmp_path, segment_bytes=64 << 10):
        record(3000)
    assert len(asked) > 2
    assert asked == [False] + [True] * (len(asked) - 1)


def test_files_and_folder_are_private(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "store"
    with recording(home, segment_bytes=64 << 10):
        record(1)
    (segment,) = (home / "journal").iterdir()
    assert oct(segment.stat().st_mode & 0o777) == "0o600"
    assert [oct(path.stat().st_mode & 0o777) for path in (home, home / "journal")] == ["0o700"] * 2


def test_an_attribute_larger_than_a_segment_gets_a_segment_of_its_size(tmp_path: Path) -> None:
    with recording(tmp_path, segment_bytes=64 << 10):
        record(1, text="t" * 3_000_000)
    (span,) = read_journal(tmp_path)
    assert span.payload is not None
    assert len(span.payload) > 3_000_000


def test_beside_a_large_attribute_there_is_room_for_a_long_name(tmp_path: Path) -> None:
    with recording(tmp_path, segment_bytes=256 << 10) as writer:
        for number in range(5):
            record(1, f"{number}" + "n" * 9_000, text="t" * 400_000)
        assert not writer.waiting
    assert sum(counts(tmp_path).values()) == 5
    assert len(list((tmp_path / "journal").iterdir())) <= 6


def test_an_attribute_of_many_megabytes_is_cut_and_says_so(tmp_path: Path) -> None:
    with recording(tmp_path, segment_bytes=64 << 10):
        record(2, text="t" * (17 << 20), model="m")
    for span in read_journal(tmp_path):
        found = decode(span.payload or b"")
        assert (found["model"], found["latprobe.truncated"]) == ("m", '{"text": 17825792}')
        assert 15 << 20 < len(found["text"]) < 16 << 20


def test_names_without_number_do_not_grow_memory(tmp_path: Path) -> None:
    with recording(tmp_path, segment_bytes=64 << 10) as writer:
        for number in range(5000):
            record(1, f"GET /user/{number}")
        assert len(writer.segment.names) < 2000
    assert len(counts(tmp_path)) == 5000


def test_a_full_disk_parks_spans_and_writes_them_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_room(fd: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer_module, "RETRY_NS", 0)
    with recording(tmp_path, segment_bytes=64 << 10) as writer:
        with monkeypatch.context() as full:
            full.setattr(os, "posix_fallocate", no_room)
            record(100, n=1)
            assert writer.parked == 100
            assert list((tmp_path / "journal").iterdir()) == []
        record(1, "after")
        assert writer.parked == 0
    assert counts(tmp_path) == {"x": 100, "after": 1}
    assert capsys.readouterr().err.count("the disk is full; free some space") == 1


def test_beyond_the_bound_the_oldest_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(fd: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with recording(tmp_path, segment_bytes=1 << 20) as writer:
        with monkeypatch.context() as full:
            full.setattr(os, "posix_fallocate", no_room)
            record(MAX_PARKED + 50)
            assert (writer.parked, writer.dropped) == (MAX_PARKED, 50)
        monkeypatch.setattr(writer, "_retry_at_ns", 0)
        record(1, "after")
        assert writer.parked == 0
    assert counts(tmp_path) == {"x": MAX_PARKED, "after": 1}
    from latprobe.journal.reader import SegmentReader

    newest = max((tmp_path / "journal").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert SegmentReader(newest).header.dropped == 50


def test_a_folder_that_cannot_be_written_is_said_once_and_harms_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    with recording(tmp_path / "store", segment_bytes=64 << 10):
        record(10)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "set LATPROBE_HOME to a folder you can write" in said


@pytest.mark.parametrize("function", [recorder.Stage._write_attributes, Writer._take_heap])
def test_the_heap_is_taken_in_one_step(function: Any) -> None:
    # Threads and signal handlers change places at calls and jumps backwards only.
    steps = list(dis.get_instructions(function))
    read = next(n for n, step in enumerate(steps) if step.argval == "is_busy")
    written = next(
        n for n, step in enumerate(steps) if (step.opname, step.argval) == ("STORE_ATTR", "is_busy")
    )
    between = {step.opname for step in steps[read + 1 : written]}
    assert not any("CALL" in name or "JUMP" in name for name in between), between
