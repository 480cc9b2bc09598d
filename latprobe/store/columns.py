"""Journal records as Arrow columns of `spans` and `events`: numpy, no loop per span."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.journal import segment as fmt
from latprobe.journal.reader import Records, Taken
from latprobe.otel.semconv import OPERATION_MODALITIES
from latprobe.store.content_policy import ContentPolicy
from latprobe.store.span_details import Details, read_details

STATUSES = ("unset", "ok", "error")
# The status of each value of flag bits 3-4; an error wins over ok.
_STATUS_OF_BITS = np.array([0, 1, 2, 2], np.int32)
_KIND_OF_BITS = np.array([0, 1, 2, 3, 4, 0, 0, 0], np.int32)
UNKNOWN_NAME = "(unknown)"

_DETAIL_TYPES = {
    "status_message": pa.string(),
    "error_type": pa.string(),
    "operation": pa.string(),
    "provider": pa.string(),
    "model": pa.string(),
    "input_tokens": pa.int64(),
    "output_tokens": pa.int64(),
    "cost_usd": pa.float64(),
    "ttft_ns": pa.int64(),
    "chunks": pa.uint32(),
    "gap_p50_ns": pa.int64(),
    "gap_p95_ns": pa.int64(),
    "attributes": pa.string(),
    "links": pa.string(),
    "queue_ns": pa.int64(),
    "prefill_ns": pa.int64(),
    "decode_ns": pa.int64(),
}

_UUID = pa.uuid()


@dataclass(frozen=True, slots=True)
class Rows:
    """One segment's new rows of two tables; `damaged` spans lost name or attributes."""

    spans: pa.Table
    events: pa.Table | None
    damaged: int


def to_rows(taken: Taken, *, run_id: int, ingest_seq: int) -> Rows:
    """The store's rows for newly committed records."""
    records = taken.rows
    count = len(records)
    details = read_details(
        taken.payloads,
        policy=ContentPolicy(_keeps_content(taken), thumbnails=_keeps_thumbnails()),
        ids=lambda row: _ids(records, row),
    )
    start_ns = records["start"].astype(np.int64) + (
        taken.header.wall_ns - taken.header.monotonic_ns
    )
    duration_ns = records["duration"].astype(np.int64)
    _put(start_ns, details.start_wall_ns)
    _put(duration_ns, details.duration_ns)
    _date_first_chunks(details, start_ns)
    trace_ids = _trace_bytes(records)
    name, modality, scope = _name_columns(records, taken)
    columns: dict[str, pa.Array] = {
        "trace_id": _uuids(trace_ids),
        "span_id": pa.array(records["span_id"]),
        "parent_span_id": _parents(records),
        "run_id": _constant(run_id, count, np.uint32),
        "ingest_seq": _constant(ingest_seq, count, np.uint32),
        "name": name,
        "kind": _words(_KIND_OF_BITS[records["flags"] & fmt.Flag.KIND_MASK], fmt.KINDS),
        "status": _words(_STATUS_OF_BITS[(records["flags"] >> 3) & 3], STATUSES),
        "start_ns": pa.array(start_ns),
        "duration_ns": pa.array(duration_ns),
        "cpu_ns": _cpu(records),
        "pid": _constant(taken.header.pid, count, np.uint32),
        "thread": _threads(records, taken.threads),
        "modality": modality,
        "scope": scope,
        "remote_parent": _remote(records),
        **_detail_columns(details, count),
    }
    columns["modality"] = _with_operations(modality, columns["operation"], columns["model"])
    return Rows(
        spans=pa.table(columns),
        events=_events(details, trace_ids, records, start_ns),
        damaged=taken.damaged + details.damaged,
    )


def _keeps_content(taken: Taken) -> bool:
    """What the recording process says of itself, else what this one was told."""
    said = taken.run.get("content") or os.environ.get("LATPROBE_CONTENT")
    return said != "off"


def _keeps_thumbnails() -> bool:
    return os.environ.get("LATPROBE_THUMBNAILS", "").lower() in ("on", "1", "true", "yes")


def _ids(records: Records, row: int) -> tuple[int, int]:
    """A row's trace and span id."""
    high, low = int(records["trace_high"][row]), int(records["trace_low"][row])
    return high << 64 | low, int(records["span_id"][row])


def _date_first_chunks(details: Details, start_ns: npt.NDArray[np.int64]) -> None:
    """Times to the first chunk where only the moment was said; none before the start."""
    column = details.columns["ttft_ns"]
    for position, moment in details.first_chunk_at_ns.items():
        elapsed = moment - int(start_ns[details.rows[position]])
        if elapsed >= 0:
            column[position] = elapsed


def _put(target: npt.NDArray[np.int64], values: dict[int, int]) -> None:
    if values:
        target[list(values)] = list(values.values())


def _trace_bytes(records: Records) -> npt.NDArray[Any]:
    """Trace ids as 16 big-endian bytes a row."""
    halves = np.empty((len(records), 2), ">u8")
    halves[:, 0] = records["trace_high"]
    halves[:, 1] = records["trace_low"]
    return halves


def _uuids(halves: npt.NDArray[Any]) -> pa.Array:
    storage = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(halves), [None, pa.py_buffer(halves.tobytes())]
    )
    return pa.ExtensionArray.from_storage(_UUID, storage)


def _parents(records: Records) -> pa.Array:
    parents = records["parent_span_id"]
    return pa.array(parents, mask=parents == 0)


def _remote(records: Records) -> pa.Array:
    """Whether the parent is in another process; NULL for a root."""
    remote = (records["flags"] & fmt.Flag.REMOTE_PARENT) != 0
    return pa.array(remote, mask=records["parent_span_id"] == 0)


def _cpu(records: Records) -> pa.Array:
    cpu_us = records["cpu_us"]
    return pa.array(cpu_us.astype(np.int64) * 1000, mask=cpu_us == fmt.CPU_UNKNOWN)


def _constant(value: int, count: int, kind: type[np.generic]) -> pa.Array:
    return pa.array(np.full(count, value, kind))


def _words(indices: npt.NDArray[np.int32], words: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(words, pa.string()))


def _name_columns(records: Records, taken: Taken) -> tuple[pa.Array, pa.Array, pa.Array]:
    known = taken.names
    size = max(known, default=-1) + 1
    numbers = np.minimum(records["name"], size).astype(np.int64)
    lookup = np.full(size + 1, len(known), np.int32)
    lookup[list(known)] = np.arange(len(known), dtype=np.int32)
    parts = [*known.values(), (UNKNOWN_NAME, None, None)]
    indices = lookup[numbers]
    return (
        _optional_words(indices, [name for name, _, _ in parts]),
        _optional_words(indices, [modality for _, modality, _ in parts]),
        _optional_words(indices, [scope for _, _, scope in parts]),
    )


def _with_operations(modality: pa.Array, operation: pa.Array, model: pa.Array) -> pa.Array:
    """The modality that a stage was given, else that of its operation, else text for a model's."""
    if operation.null_count == model.null_count == len(operation):
        return modality
    said = pc.take(
        pa.array(OPERATION_MODALITIES.values(), pa.string()),
        pc.index_in(operation, pa.array(OPERATION_MODALITIES, pa.string())),
    )
    text = pc.if_else(pc.is_valid(model), pa.scalar("text"), pa.scalar(None, pa.string()))
    return pc.coalesce(modality.cast(pa.string()), said, text)


def _threads(records: Records, threads: dict[int, str]) -> pa.Array:
    lookup = np.full(1 << 16, len(threads), np.int32)
    lookup[list(threads)] = np.arange(len(threads), dtype=np.int32)
    return _optional_words(lookup[records["thread"]], [*threads.values(), None])


def _optional_words(indices: npt.NDArray[np.int32], words: list[str | None]) -> pa.Array:
    """Dictionary-encoded text where some of the words are NULL."""
    if not any(word is not None for word in words):
        return pa.nulls(len(indices), pa.dictionary(pa.int32(), pa.string()))
    is_null = np.array([word is None for word in words])[indices]
    dictionary = pa.array(["" if word is None else word for word in words], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(indices, mask=is_null), dictionary)


def _detail_columns(details: Details, count: int) -> dict[str, pa.Array]:
    if not details.rows:
        return {name: pa.nulls(count, kind) for name, kind in _DETAIL_TYPES.items()}
    positions = np.zeros(count, np.int64)
    places = np.arange(len(details.rows))
    positions[details.rows] = places
    is_lean = np.ones(count, np.bool_)
    is_lean[details.rows] = False
    in_place = len(details.rows) == count and np.array_equal(positions, places)
    indices = None if in_place else pa.array(positions, mask=is_lean)
    return {
        name: _spread(details.columns[name], kind, indices, count)
        for name, kind in _DETAIL_TYPES.items()
    }


def _spread(values: list[Any], kind: pa.DataType, indices: pa.Array | None, count: int) -> pa.Array:
    """The values at their rows; `indices` None where each row has one, in order."""
    if values.count(None) == len(values):
        return pa.nulls(count, kind)
    found = pa.array(values, kind)
    return found if indices is None else found.take(indices)


def _events(
    details: Details,
    trace_ids: npt.NDArray[Any],
    records: Records,
    start_ns: npt.NDArray[np.int64],
) -> pa.Table | None:
    if not details.events:
        return None
    rows = np.array([event[0] for event in details.events])
    offsets = np.array([event[1] for event in details.events], np.int64)
    return pa.table(
        {
            "trace_id": _uuids(trace_ids[rows]),
            "span_id": pa.array(records["span_id"][rows]),
            "time_ns": pa.array(start_ns[rows] + offsets),
            "name": pa.array([event[2] for event in details.events], pa.string()),
            "attributes": pa.array([event[3] for event in details.events], pa.string()),
        }
    )
