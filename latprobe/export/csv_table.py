"""Spans as a CSV table, one row a span; RFC 4180 quoting, NULL as an empty field."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping

from latprobe.export.content import without_content
from latprobe.export.stored_spans import Run, StoredSpan

_HEX = ("span_id", "parent_span_id")
_COLUMNS = (
    "trace_id", "span_id", "parent_span_id", "name", "kind", "status", "start_ns", "duration_ns",
    "cpu_ns", "pid", "thread", "modality", "scope", "status_message", "error_type", "operation",
    "provider", "model", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_tokens", "reasoning_tokens", "cost_usd", "ttft_ns", "chunks", "gap_p50_ns",
    "gap_p95_ns", "queue_ns", "prefill_ns", "decode_ns",
)  # fmt: skip
HEADER = ("service", "run_id", *_COLUMNS, "attributes")


def csv_lines(
    pages: Iterable[list[StoredSpan]], runs: Mapping[int, Run], *, content: bool = False
) -> Iterator[str]:
    """The file in pieces, the header first."""
    yield _text([HEADER])
    for page in pages:
        yield _text(_row(span, runs, content=content) for span in page)


def _row(span: StoredSpan, runs: Mapping[int, Run], *, content: bool) -> list[object]:
    attributes = span.attributes if content else without_content(span.attributes)
    run = runs.get(span.run_id)
    return [
        run.service if run else None,
        run.run_uuid if run else None,
        *(_cell(name, getattr(span, name)) for name in _COLUMNS),
        json.dumps(dict(attributes), ensure_ascii=False) if attributes else None,
    ]


def _cell(name: str, value: object) -> object:
    return f"{value:016x}" if name in _HEX and value is not None else value


def _text(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
