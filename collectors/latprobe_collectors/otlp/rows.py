"""Decoded spans as Arrow tables of `spans` and `events`, columns as in the journal's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.journal.segment import KINDS
from latprobe.otel.semconv import OPERATION_MODALITIES, Promoted
from latprobe.store.columns import STATUSES
from latprobe_collectors.otlp.decode import HAS_REMOTE, IS_REMOTE, SpanColumns
from latprobe_collectors.otlp.resources import Run

_UUID = pa.uuid()
# What `promote` says in columns of `spans`.
_SAID: dict[str, pa.DataType] = {
    "error_type": pa.string(),
    "operation": pa.string(),
    "provider": pa.string(),
    "model": pa.string(),
    "input_tokens": pa.int64(),
    "output_tokens": pa.int64(),
    "cost_usd": pa.float64(),
    "ttft_ns": pa.int64(),
    "first_chunk_at_ns": pa.int64(),
    "queue_ns": pa.int64(),
    "prefill_ns": pa.int64(),
    "decode_ns": pa.int64(),
}
_OF_SPANS = (
    "operation", "provider", "model", "input_tokens", "output_tokens", "cost_usd",
    "queue_ns", "prefill_ns", "decode_ns",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReceivedRows:
    """Tables without `run_id` and `ingest_seq`. `run_of[i]` is the run of span row i, an index into
    `runs`; `event_rows` says which span row an event belongs to."""

    spans: pa.Table
    events: pa.Table
    runs: list[Run]
    run_of: npt.NDArray[np.int64]
    event_rows: npt.NDArray[np.int64]


def to_received_rows(columns: SpanColumns) -> ReceivedRows:
    """The tables of what was decoded."""
    ids = np.frombuffer(b"".join(columns.ids), np.uint8).reshape(-1, 24)
    runs, run_of, scope = _grouped(columns)
    said = _said_columns(columns)
    spans = _spans(columns, ids, said).append_column("scope", scope)
    pids = pa.array([run.pid for run in runs], pa.uint32())
    event_rows = np.array([event.row for event in columns.events], np.int64)
    return ReceivedRows(
        spans=spans.append_column("pid", pids.take(pa.array(run_of))),
        events=_events(columns, ids, event_rows),
        runs=runs,
        run_of=run_of,
        event_rows=event_rows,
    )


def _said_columns(columns: SpanColumns) -> dict[str, pa.Array]:
    """A column for each field; one `zip` is an eighth of the cost of asking each for each field."""
    fields = Promoted._fields[1:]
    found = zip(*columns.said, strict=True) if columns.said else ((),) * len(fields)
    values = dict(zip(fields, found, strict=True))
    return {
        name: pa.array(values[name], kind)
        if any(value is not None for value in values[name])
        else pa.nulls(len(columns), kind)
        for name, kind in _SAID.items()
    }


def _grouped(columns: SpanColumns) -> tuple[list[Run], npt.NDArray[np.int64], pa.Array]:
    """(runs, index of each row's run, scope of each row)."""
    numbers: dict[Any, int] = {}
    runs: list[Run] = []
    indices, lengths, scopes, last = [], [], [], 0
    for run, scope, end in columns.groups:
        if run.key not in numbers:
            numbers[run.key] = len(runs)
            runs.append(run)
        indices.append(numbers[run.key])
        lengths.append(end - last)
        scopes.append(scope)
        last = end
    groups = np.repeat(np.arange(len(lengths)), lengths)
    return (
        runs,
        np.array(indices, np.int64)[groups],
        pa.array(scopes, pa.string()).take(pa.array(groups)),
    )


def _spans(columns: SpanColumns, ids: npt.NDArray[np.uint8], said: dict[str, pa.Array]) -> pa.Table:
    parents = np.frombuffer(b"".join(columns.parents), ">u8").astype(np.uint64)
    is_root = parents == 0
    flags = np.frombuffer(columns.flags, np.uint32)
    kinds = np.frombuffer(columns.kinds, np.int32)
    statuses = np.frombuffer(columns.statuses, np.int32)
    return pa.table(
        {
            "trace_id": _trace_ids(ids),
            "span_id": _span_ids(ids),
            "parent_span_id": pa.array(parents, mask=is_root),
            "name": pa.array(columns.names, pa.string()),
            # Protocol: 0 unspecified, 1 internal, ...
            "kind": _words(np.where((kinds > 0) & (kinds <= len(KINDS)), kinds - 1, 0), KINDS),
            "status": _words(np.where((statuses > 0) & (statuses < 3), statuses, 0), STATUSES),
            "start_ns": pa.array(np.frombuffer(columns.starts, np.int64)),
            "duration_ns": pa.array(np.frombuffer(columns.durations, np.int64)),
            "thread": pa.array(columns.threads, pa.string()),
            "modality": pc.take(
                pa.array(OPERATION_MODALITIES.values(), pa.string()),
                pc.index_in(said["operation"], pa.array(OPERATION_MODALITIES, pa.string())),
            ),
            "remote_parent": pa.array(
                (flags & IS_REMOTE) != 0, mask=is_root | ((flags & HAS_REMOTE) == 0)
            ),
            "status_message": pa.array(columns.messages, pa.string()),
            "error_type": pc.coalesce(said["error_type"], _sparse(columns.error_types, columns)),
            **{name: said[name] for name in _OF_SPANS},
            **_stream_columns(columns, said),
            "attributes": pa.array(columns.attributes, pa.string()),
            "links": _sparse(columns.links, columns),
        }
    )


def _sparse(values: dict[int, Any], columns: SpanColumns) -> pa.Array:
    """Text of a few rows."""
    if not values:
        return pa.nulls(len(columns), pa.string())
    return pa.array([values.get(row) for row in range(len(columns))], pa.string())


def _stream_columns(columns: SpanColumns, said: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Chunk times from the events that mark chunks; a time to the first chunk that an attribute
    said stays."""
    count = len(columns)
    elapsed = pc.subtract(said["first_chunk_at_ns"], pa.array(columns.starts, pa.int64()))
    nothing = pa.nulls(count, pa.int64())
    first = pc.coalesce(said["ttft_ns"], pc.if_else(pc.greater_equal(elapsed, 0), elapsed, nothing))
    chunks: list[int | None] = [None] * count
    medians: list[int | None] = [None] * count
    p95s: list[int | None] = [None] * count
    firsts: list[int | None] = [None] * count
    for row, moments in columns.chunks.items():
        firsts[row] = moments[0]
        if len(moments) > 1:
            chunks[row] = len(moments)
            median, p95 = np.percentile(np.diff(np.array(moments, np.float64)), (50, 95))
            medians[row], p95s[row] = int(median), int(p95)
    return {
        "ttft_ns": pc.coalesce(first, pa.array(firsts, pa.int64())),
        "chunks": pa.array(chunks, pa.uint32()),
        "gap_p50_ns": pa.array(medians, pa.int64()),
        "gap_p95_ns": pa.array(p95s, pa.int64()),
    }


def _events(
    columns: SpanColumns, ids: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]
) -> pa.Table:
    events = columns.events
    return pa.table(
        {
            "trace_id": _trace_ids(ids[rows]),
            "span_id": _span_ids(ids[rows]),
            "time_ns": pa.array([event.time_ns for event in events], pa.int64()),
            "name": pa.array([event.name for event in events], pa.string()),
            "attributes": pa.array([event.attributes for event in events], pa.string()),
        }
    )


def _trace_ids(ids: npt.NDArray[np.uint8]) -> pa.Array:
    storage = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(ids), [None, pa.py_buffer(ids[:, :16].tobytes())]
    )
    return pa.ExtensionArray.from_storage(_UUID, storage)


def _span_ids(ids: npt.NDArray[np.uint8]) -> pa.Array:
    return pa.array(np.frombuffer(ids[:, 16:].tobytes(), ">u8").astype(np.uint64))


def _words(indices: npt.NDArray[Any], words: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array(indices.astype(np.int32)), pa.array(words, pa.string())
    )
