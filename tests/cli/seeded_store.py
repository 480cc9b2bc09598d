"""A small store with fixed ids and times, so that what the commands print can be compared whole."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import duckdb

from latprobe.store.schema import FIRST_META, TABLES, VIEWS

MS = 1_000_000
START_NS = 1_793_620_800_000_000_000  # 2026-11-02 12:00:00 UTC


class Step(NamedTuple):
    """A child of the request: offsets in ms."""

    name: str
    modality: str
    offset_ms: int
    duration_ms: int
    tokens: tuple[int, int] | None = None


STEPS = (
    Step("pages.decode", "image", 0, 40),
    Step("ocr", "image", 40, 160),
    Step("retrieve", "text", 60, 30),
    Step("llm.answer", "text", 200, 600, (1200, 80)),
)


def seed(home: Path, *, requests: int = 4) -> Path:
    """The store folder, filled with `requests` requests a second apart, the second one failed."""
    (home / "journal").mkdir(parents=True)
    home.chmod(0o700)
    with duckdb.connect(str(home / "latprobe.duckdb")) as store:
        store.execute(TABLES)
        store.execute(VIEWS)
        store.executemany("INSERT INTO meta VALUES (?, ?)", FIRST_META)
        store.execute(
            "INSERT INTO runs (run_id, run_uuid, service, python, started_ns, span_cost_ns) "
            "VALUES (1, '00000000-0000-4000-8000-00000000abcd', 'doc-qa', '3.11.7', ?, 900.0)",
            [START_NS],
        )
        for number in range(requests):
            _add_request(store, number)
    (home / "latprobe.duckdb").chmod(0o600)
    return home


def trace_id(number: int) -> str:
    """The id of the request with this number, as the commands show it."""
    return f"{0xABC0 + number:04x}" + "0" * 28


def _add_request(store: duckdb.DuckDBPyConnection, number: int) -> None:
    start = START_NS + number * 1000 * MS
    failed = number == 1
    root = (number + 1) * 100
    longer = number * 100
    _add_span(store, number, root, None, "answer", "text", start, 820 + longer, failed, None)
    for index, step in enumerate(STEPS, 1):
        is_model = step.tokens is not None
        _add_span(
            store,
            number,
            root + index,
            root,
            step.name,
            step.modality,
            start + step.offset_ms * MS,
            step.duration_ms + (longer if is_model else 0),
            failed and is_model,
            step.tokens,
        )


def _add_span(
    store: duckdb.DuckDBPyConnection,
    number: int,
    span_id: int,
    parent: int | None,
    name: str,
    modality: str,
    start_ns: int,
    duration_ms: int,
    failed: bool,
    tokens: tuple[int, int] | None,
) -> None:
    store.execute(
        "INSERT INTO spans (trace_id, span_id, parent_span_id, run_id, ingest_seq, name, kind, "
        "status, start_ns, duration_ns, pid, thread, modality, status_message, error_type, model, "
        "input_tokens, output_tokens, cost_usd) "
        "VALUES (?, ?, ?, 1, 1, ?, 'internal', ?, ?, ?, 7, 'MainThread', ?, ?, ?, ?, ?, ?, ?)",
        [
            trace_id(number),
            span_id,
            parent,
            name,
            "error" if failed else "unset",
            start_ns,
            duration_ms * MS,
            modality,
            "the model answered 503" if failed else None,
            "APIError" if failed else None,
            "sim-1" if tokens else None,
            tokens[0] if tokens else None,
            tokens[1] if tokens else None,
            0.0012 if tokens else None,
        ],
    )
    if tokens:
        store.execute(
            "INSERT INTO usage (trace_id, span_id, run_id, start_ns, stage, model, operation, "
            "input_tokens, output_tokens, cost_usd, origin) "
            "VALUES (?, ?, 1, ?, ?, 'sim-1', 'chat', ?, ?, 0.0012, 'reported')",
            [trace_id(number), span_id, start_ns, name, *tokens],
        )
