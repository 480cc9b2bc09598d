"""OTLP files: protobuf, and JSON with a request a line (the Collector's file exporter) or in whole.

The receiver decodes them, so that a span means the same by either way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latprobe.errors import UsageError
from latprobe.imports.foreign_folder import write_folder
from latprobe_collectors.otlp.acceptance import drop_unusable
from latprobe_collectors.otlp.decode import SpanColumns
from latprobe_collectors.otlp.messages import Request, from_json, from_protobuf
from latprobe_collectors.otlp.refusals import BadRequestError
from latprobe_collectors.otlp.rows import ReceivedRows, to_received_rows


def looks_like_otlp_json(content: bytes) -> bool:
    """Whether this is OTLP's JSON and not another program's."""
    start = content[:4096]
    return any(f'"{name}"'.encode() in start for name in _SIGNALS)


def convert_otlp(content: bytes, folder: Path) -> int:
    """Writes the file's spans to `folder`; gives back how many cannot be stored.

    Raises UsageError when it holds no traces.
    """
    columns = SpanColumns()
    rejected = 0
    for request in _requests(content):
        rejected += drop_unusable(request).rejected
        columns.add(request)
    if not len(columns):
        raise UsageError("The file holds no spans that can be stored, so nothing was imported.")
    _write(to_received_rows(columns), folder)
    return rejected


_OWN_NAMES: dict[str, tuple[str, type]] = {
    "latprobe.modality": ("modality", str),
    "latprobe.cpu_ns": ("cpu_ns", int),
    "latprobe.chunks": ("chunks", int),
    "latprobe.gap_p50_ns": ("gap_p50_ns", int),
    "latprobe.gap_p95_ns": ("gap_p95_ns", int),
}
_SIGNALS = ("resourceSpans", "resource_spans", "resourceMetrics", "resourceLogs")


def _requests(content: bytes) -> Iterator[Request]:
    try:
        if content.lstrip()[:1] not in (b"{", b"["):
            yield from_protobuf(content)[0]
        elif _is_document(content):
            yield from_json(content)
        else:
            for line in content.splitlines():
                if line.strip():
                    yield from_json(line)
    except BadRequestError as error:
        raise UsageError(f"The file is no OTLP: {error}") from error


def _is_document(content: bytes) -> bool:
    """Whether it is one JSON value, and not one a line."""
    first = content.lstrip().split(b"\n", 1)[0]
    try:
        json.loads(first)
    except ValueError:
        return True
    return False


def _write(rows: ReceivedRows, folder: Path) -> None:
    spans = _with_ids(rows.spans.to_pylist())
    events = _with_ids(rows.events.to_pylist())
    starts: dict[int, int] = {}
    for span, run in zip(spans, rows.run_of.tolist(), strict=True):
        span["run_id"] = run + 1
        _read_own_names(span)
        starts[run] = min(span["start_ns"], starts.get(run, span["start_ns"]))
    runs = [
        {"run_id": number + 1, "run_uuid": run.key.hex, "started_ns": starts[number], **run.values}
        for number, run in enumerate(rows.runs)
        if number in starts
    ]
    write_folder(folder, runs=runs, spans=spans, events=events)


def _read_own_names(span: dict[str, Any]) -> None:
    """Columns that only `latprobe export` has names for."""
    if not span["attributes"] or '"latprobe.' not in span["attributes"]:
        return
    attributes = json.loads(span["attributes"])
    for name, (column, kind) in _OWN_NAMES.items():
        if isinstance(attributes.get(name), kind):
            span[column] = attributes.pop(name)
    span["attributes"] = json.dumps(attributes, ensure_ascii=False) if attributes else None


def _with_ids(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ids as the folder has them: text."""
    for row in rows:
        row["trace_id"] = row["trace_id"].hex
        for name in ("span_id", "parent_span_id"):
            if row.get(name) is not None:
                row[name] = f"{row[name]:016x}"
    return rows
