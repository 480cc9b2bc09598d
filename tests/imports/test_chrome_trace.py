"""Chrome traces, PyTorch profiler's and our own, as spans of a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from latprobe.errors import UsageError
from latprobe.export.perfetto import trace_json
from latprobe.export.stored_spans import read_runs, read_spans
from latprobe.imports.files import convert_file
from latprobe.store.owner import StoreOwner
from tests.export.building import fill

BASE_NS = 1_727_000_000_000_000_000
SHOWN = "name, thread, pid, start_ns, duration_ns, modality, attributes"

KINETO = {
    "schemaVersion": 1,
    "deviceProperties": [{"id": 0, "name": "NVIDIA H200"}],
    "baseTimeNanoseconds": BASE_NS,
    "traceEvents": [
        {"ph": "M", "name": "process_name", "pid": 70, "tid": 0, "args": {"name": "python"}},
        {"ph": "M", "name": "thread_name", "pid": 70, "tid": 71, "args": {"name": "main"}},
        {
            "ph": "X", "cat": "cpu_op", "name": "aten::linear", "pid": 70, "tid": 71,
            "ts": 100.5, "dur": 50.25, "args": {"External id": 3},
        },
        {
            "ph": "X", "cat": "cpu_op", "name": "aten::addmm", "pid": 70, "tid": 71,
            "ts": 110.0, "dur": 30,
        },
        {
            "ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 70, "tid": 71,
            "ts": "120", "dur": 5, "args": {"correlation": 9},
        },
        {
            "ph": "X", "cat": "kernel", "name": "gemm", "pid": 0, "tid": 7, "ts": 130.0,
            "dur": 60.0, "args": {"device": 0, "stream": 7, "correlation": 9},
        },
        {"ph": "s", "id": 9, "pid": 70, "tid": 71, "ts": 120, "cat": "ac2g", "name": "ac2g"},
        {
            "ph": "X", "cat": "Trace", "name": "PyTorch Profiler (0)", "pid": "Spans",
            "tid": "PyTorch Profiler", "ts": 90.0, "dur": 200.0,
        },
        {"ph": "X", "name": "no time", "pid": 70, "tid": 71},
        "junk",
    ],
}  # fmt: skip


def imported(tmp_path: Path, content: bytes) -> tuple[list[dict[str, Any]], int]:
    """The spans that a store has after two imports of the same file, and what was skipped."""
    path = tmp_path / "trace.json"
    path.write_bytes(content)
    skipped = convert_file(path, tmp_path / "rows")
    with StoreOwner(tmp_path / "to") as owner:
        added = [owner.import_folder(tmp_path / "rows").spans for _ in range(2)]
        assert added[1] == 0
        rows = owner.query(
            f"SELECT {SHOWN}, (SELECT p.name FROM spans p WHERE p.span_id = s.parent_span_id "
            "AND p.trace_id = s.trace_id) AS parent FROM spans s "
            "ORDER BY start_ns, parent_span_id IS NOT NULL, duration_ns DESC"
        ).to_pylist()
    return rows, skipped


def test_a_profilers_file_is_nested_by_time_and_kernels_have_tracks_of_their_own(
    tmp_path: Path,
) -> None:
    rows, skipped = imported(tmp_path, json.dumps(KINETO).encode())
    shown = [
        (row["name"], row["parent"], row["thread"], row["pid"], row["start_ns"] - BASE_NS,
         row["duration_ns"], row["modality"])
        for row in rows
    ]  # fmt: skip

    assert shown == [
        ("torch.profiler", None, None, None, 100_500, 89_500, None),
        ("aten::linear", "torch.profiler", "main", 70, 100_500, 50_250, None),
        ("aten::addmm", "aten::linear", "main", 70, 110_000, 30_000, None),
        ("cudaLaunchKernel", "aten::addmm", "main", 70, 120_000, 5_000, None),
        ("gemm", "torch.profiler", "GPU 0 stream 7", None, 130_000, 60_000, None),
    ]
    assert skipped == 1
    assert json.loads(rows[0]["attributes"]) == {
        "inferred": "from the file's first event to its last"
    }
    assert json.loads(rows[1]["attributes"]) == {
        "External id": 3, "cat": "cpu_op", "process.name": "python",
    }  # fmt: skip


def test_begin_and_end_events_are_matched_and_an_open_end_is_allowed(tmp_path: Path) -> None:
    events = (
        '[{"ph":"B","name":"a","pid":1,"tid":1,"ts":1700000000000000,"args":{"x":1}},'
        '{"ph":"B","name":"b","pid":1,"tid":1,"ts":1700000000000010},'
        '{"ph":"E","pid":1,"tid":1,"ts":1700000000000020,"args":{"y":2}},'
        '{"ph":"E","pid":1,"tid":1,"ts":1700000000000050},'
        '{"ph":"E","pid":1,"tid":1,"ts":1700000000000060},'
        '{"ph":"B","name":"never ends","pid":1,"tid":1,"ts":1700000000000070},'
    )
    rows, skipped = imported(tmp_path, events.encode())
    start = 1_700_000_000_000_000_000
    shown = [
        (row["name"], row["parent"], row["start_ns"] - start, row["duration_ns"]) for row in rows
    ]

    assert shown == [
        ("chrome trace", None, 0, 50_000),
        ("a", "chrome trace", 0, 50_000),
        ("b", "a", 10_000, 10_000),
    ]
    assert skipped == 2


def test_a_file_without_a_wall_clock_ends_when_it_was_written(tmp_path: Path) -> None:
    rows, _ = imported(
        tmp_path, b'{"traceEvents":[{"ph":"X","name":"a","pid":1,"tid":1,"ts":5,"dur":10}]}'
    )
    written_ns = (tmp_path / "trace.json").stat().st_mtime_ns

    assert {row["start_ns"] + row["duration_ns"] for row in rows} == {written_ns}


def test_our_own_file_keeps_ids_and_tokens(tmp_path: Path) -> None:
    fill(tmp_path / "from")
    columns = (
        "trace_id, span_id, parent_span_id, name, status, start_ns, duration_ns, cpu_ns, modality, "
        "status_message, error_type, operation, provider, model, input_tokens, output_tokens"
    )
    usage = "span_id, model, input_tokens, uncached_input_tokens, cache_read_tokens, output_tokens"
    with StoreOwner(tmp_path / "from") as owner:
        text = "".join(trace_json(read_spans(owner.query), read_runs(owner.query)))
        before = [
            owner.query(f"SELECT {columns} FROM spans ORDER BY span_id").to_pylist(),
            owner.query(f"SELECT {usage} FROM usage ORDER BY span_id").to_pylist(),
        ]
    path = tmp_path / "trace.json"
    path.write_text(text)
    convert_file(path, tmp_path / "rows")
    with StoreOwner(tmp_path / "to") as owner:
        owner.import_folder(tmp_path / "rows")
        after = [
            owner.query(f"SELECT {columns} FROM spans ORDER BY span_id").to_pylist(),
            owner.query(f"SELECT {usage} FROM usage ORDER BY span_id").to_pylist(),
        ]

    assert after == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "it has no traceEvents"),
        (b'{"traceEvents":[]}', "no X or B/E events"),
        (b'{"traceEvents":{}}', "it has no traceEvents"),
        (b"[[[", "no JSON trace"),
        (b"{" * 50_000, "no JSON trace"),
        (b"", "no spans"),
        (b"\xff\xfe nonsense", "no OTLP"),
        (b"\x1f\x8b cut", "cannot be read"),
    ],
)
def test_what_is_no_trace_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "trace.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        convert_file(path, tmp_path / "rows")
    assert not (tmp_path / "rows").exists()
