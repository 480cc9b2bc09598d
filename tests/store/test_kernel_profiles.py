"""Kernel traces are read in quiet time: kernels by stage, and the trace kept beside."""

from __future__ import annotations

import gzip
import json
import marshal
import os
from pathlib import Path
from typing import Any

import pytest

from latprobe.errors import UsageError
from latprobe.journal.segment import FrameType
from latprobe.store.kernel_stages import ProfiledSpan, kernel_rows, union
from latprobe.store.kineto import Work, read_kineto
from latprobe.store.owner import StoreOwner
from tests.journal.building import MONOTONIC_NS, WALL_NS, SegmentBuilder

MS = 1_000_000
TRACE = 0xABC << 64 | 7
NAME = f"{TRACE:032x}-{1:016x}.json"


def launch(number: int, ts: float, tid: int = 77) -> dict[str, Any]:
    return {
        "ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": tid,
        "ts": ts, "dur": 5.0, "args": {"correlation": number},
    }  # fmt: skip


def gpu(
    number: int, ts: object, dur: float, name: str = "gemm", cat: str = "kernel", **more: Any
) -> dict[str, Any]:
    return {
        "ph": "X", "cat": cat, "name": name, "pid": 0, "tid": 7, "ts": ts, "dur": dur,
        "args": {"correlation": number, "device": 0, "stream": 7, **more},
    }  # fmt: skip


def instant(ts: float, monotonic_ns: int) -> dict[str, Any]:
    return {
        "ph": "X", "cat": "user_annotation", "name": f"latprobe.monotonic_ns={monotonic_ns}",
        "pid": 1, "tid": 77, "ts": ts, "dur": 1.0,
    }  # fmt: skip


# A request of 100 ms: encode (0-10 on the host, two kernels until 40), read (10-60, which waits for
# them and copies). Times of the trace in us, from 1000 us on.
DOCUMENT: dict[str, Any] = {
    "schemaVersion": 1,
    "deviceProperties": [{"name": "NVIDIA H200"}],
    "traceEvents": [
        instant(1001.0, MONOTONIC_NS),
        launch(1, 2000.0),
        launch(2, 3000.0),
        launch(3, 12000.0),
        gpu(1, 2500.0, 10000.0),
        gpu(2, 14500.0, 26500.0, "softmax"),
        gpu(3, 41000.0, 10000.0, "Memcpy DtoH", "gpu_memcpy", bytes=4096),
        {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "python"}},
        "no event",
    ],
}


def leave_trace(home: Path, content: bytes, *, has_spans: bool = True) -> None:
    """What a recorded process leaves behind."""
    build = SegmentBuilder(home / "journal" / "a.lpj")
    if has_spans:
        build.span("encode", trace=TRACE, span=2, parent=1, duration=10 * MS)
        build.span(
            "read", trace=TRACE, span=3, parent=1, start=MONOTONIC_NS + 10 * MS, duration=50 * MS
        )
        build.span("request", trace=TRACE, span=1, duration=100 * MS)
        build.span("later", trace=TRACE, span=9, start=MONOTONIC_NS + 200 * MS, parent=4)
    facts = {"kernel_trace": NAME, "profile_cost_ns": 5 * MS, "threads": {"77": "MainThread"}}
    build.frame(FrameType.LATE, 0, marshal.dumps([(0xABC, 7, 1, facts)], 2))
    build.close()
    (home / "profiles").mkdir()
    (home / "profiles" / NAME).write_bytes(content)


def test_kernels_are_given_to_the_stage_that_launched_them(tmp_path: Path) -> None:
    leave_trace(tmp_path, json.dumps(DOCUMENT).encode())
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        rows = owner.query(
            "SELECT stage, wall_ns, busy_ns, kernels, launch_gap_ns, copy_ns, copy_bytes, "
            "profile_cost_ns, trace_path FROM kernel_profiles ORDER BY span_id"
        ).to_pylist()
        tops = owner.query("SELECT top FROM kernel_profiles ORDER BY span_id").to_pylist()
        assert owner.query("SELECT 1 FROM meta WHERE key LIKE 'profile:%'").num_rows == 0
        assert not owner.read_kernel_trace()
    path = f"profiles/{NAME}.gz"
    # The marked instant says that 1001 us in the trace are the start: all is 1 us earlier.
    assert [tuple(row.values()) for row in rows] == [
        ("request", 40 * MS, 0, 0, 0, 0, 0, 5 * MS, path),
        ("encode", 39_999_000, 36_500_000, 2, 2 * MS, 0, 0, 0, path),
        ("read", 20_001_000, 0, 0, 0, 10 * MS, 4096, 0, path),
    ]
    assert [json.loads(row["top"]) for row in tops] == [
        [],
        [
            {"name": "softmax", "ns": 26_500_000, "count": 1},
            {"name": "gemm", "ns": 10_000_000, "count": 1},
        ],
        [],
    ]
    assert json.loads(gzip.decompress((tmp_path / path).read_bytes())) == DOCUMENT
    assert os.listdir(tmp_path / "profiles") == [f"{NAME}.gz"]
    assert (tmp_path / path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"[]", b'{"traceEvents": 1}', b"\xff", b'{"traceEvents'])
def test_a_damaged_trace_is_removed_and_no_longer_waited_for(
    tmp_path: Path, content: bytes
) -> None:
    leave_trace(tmp_path, content)
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        assert owner.query("SELECT 1 FROM kernel_profiles").num_rows == 0
        assert owner.query("SELECT 1 FROM meta WHERE key LIKE 'profile:%'").num_rows == 0
    assert os.listdir(tmp_path / "profiles") == []


def test_a_trace_waits_for_its_request_for_ten_minutes(tmp_path: Path) -> None:
    leave_trace(tmp_path, json.dumps(DOCUMENT).encode(), has_spans=False)
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        assert os.listdir(tmp_path / "profiles") == [NAME]
        os.utime(tmp_path / "profiles" / NAME, (1, 1))
        owner.ingest_pending()
        assert os.listdir(tmp_path / "profiles") == []


def test_a_trace_leaves_the_disk_after_its_request(tmp_path: Path) -> None:
    leave_trace(tmp_path, json.dumps(DOCUMENT).encode())
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        os.utime(tmp_path / "profiles" / f"{NAME}.gz", (1, 1))
        owner.prune()
        assert os.listdir(tmp_path / "profiles") == [f"{NAME}.gz"]
        owner.prune(days=-1000)
        assert os.listdir(tmp_path / "profiles") == []


def test_without_marks_a_trace_counts_from_its_base_time() -> None:
    document = {
        "baseTimeNanoseconds": 5,
        "traceEvents": [gpu(1, 2.0, 3.0), launch(1, 1.5), gpu(2, "x", 1.0), gpu(3, 1.0, -1.0)],
    }
    work = read_kineto(json.dumps(document).encode()).work
    assert work == (Work("gemm", "kernel", 2005, 5005, 1505, "77", 0),)


def test_no_trace_says_so() -> None:
    with pytest.raises(UsageError, match="no traceEvents"):
        read_kineto(b"{}")


def kernel(launch_ms: float, start_ms: float, end_ms: float, thread: str | None = None) -> Work:
    times = [round(each * MS) for each in (start_ms, end_ms, launch_ms)]
    return Work("k", "kernel", times[0], times[1], times[2], thread, 0)


def test_two_threads_keep_their_own_kernels() -> None:
    spans = [
        ProfiledSpan(1, None, "a", 0, 100 * MS, "main"),
        ProfiledSpan(2, 1, "b", 10 * MS, 90 * MS, "worker"),
    ]
    work = [kernel(20, 20, 30, "1"), kernel(21, 30, 35, "2"), kernel(22, 35, 36, "unknown")]
    rows = kernel_rows(spans, work, {"1": "main", "2": "worker"})
    assert [(row.stage, row.kernels, row.busy_ns) for row in rows] == [
        ("a", 1, 10 * MS),
        ("b", 2, 6 * MS),
    ]


def test_overlapping_kernels_count_once_and_gaps_are_between_them() -> None:
    spans = [ProfiledSpan(1, None, "loop", 0, 100 * MS, "main")]
    work = [kernel(1, 10, 20), kernel(2, 15, 30), kernel(3, 50, 60)]
    (row,) = kernel_rows(spans, work, {})
    assert (row.wall_ns, row.busy_ns, row.launch_gap_ns) == (100 * MS, 30 * MS, 20 * MS)


def test_a_stage_that_only_queues_work_lasts_as_long_as_that_does() -> None:
    spans = [
        ProfiledSpan(1, None, "encode", 0, 1 * MS, "main"),
        ProfiledSpan(2, None, "scan", 1 * MS, 2 * MS, "main"),
    ]
    work = [kernel(0.5, 1, 41), kernel(1.5, 41, 71)]
    rows = kernel_rows(spans, work, {})
    assert [(row.wall_ns, row.busy_ns) for row in rows] == [
        (41 * MS, 40 * MS),
        (30 * MS, 30 * MS),
    ]


def test_a_stage_of_no_length_and_no_kernels_divides_by_nothing() -> None:
    rows = kernel_rows([ProfiledSpan(1, None, "empty", 5, 5, None)], [], {})
    assert (rows[0].wall_ns, rows[0].busy_ns, rows[0].kernels) == (0, 0, 0)
    assert kernel_rows([], [kernel(1, 1, 2)], {}) == []


def test_intervals_are_joined() -> None:
    assert union([(5, 7), (1, 3), (2, 4), (9, 9), (4, 5)]) == [(1, 7)]


def test_wall_times_are_those_of_the_spans(tmp_path: Path) -> None:
    leave_trace(tmp_path, json.dumps(DOCUMENT).encode())
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        start = owner.query("SELECT start_ns FROM spans WHERE name = 'encode'").to_pylist()
    assert start == [{"start_ns": WALL_NS}]
