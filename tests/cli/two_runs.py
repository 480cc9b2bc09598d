"""A store with several runs of one service, for commands that compare."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from latprobe.store.schema import FIRST_META, TABLES, VIEWS

MS = 1_000_000
START_NS = 1_793_620_800_000_000_000
RUN_NS = 3_600 * 1_000_000_000


def seed_runs(
    home: Path,
    factors: tuple[float, ...] = (1.0, 1.0, 1.2),
    *,
    requests: int = 300,
    services: tuple[str, ...] = (),
    extra_stage_in: int | None = None,
) -> Path:
    """Run N (of version 1.N, an hour apart) takes `factors[N - 1]` as long in its `llm` stage.

    Each request is a root with `ocr` (100 ms) and `llm` (300 ms), both with noise of 20 %. The run
    `extra_stage_in` has a stage `rerank` of 50 ms too.
    """
    (home / "journal").mkdir(parents=True)
    home.chmod(0o700)
    rng = np.random.default_rng(5)
    with duckdb.connect(str(home / "latprobe.duckdb")) as store:
        store.execute(TABLES)
        store.execute(VIEWS)
        store.executemany("INSERT INTO meta VALUES (?, ?)", FIRST_META)
        for number, factor in enumerate(factors, 1):
            service = services[number - 1] if services else "doc-qa"
            begin = START_NS + number * RUN_NS
            store.execute(
                "INSERT INTO runs (run_id, run_uuid, service, version, git_commit, started_ns) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [
                    number,
                    str(uuid.UUID(int=0xABC0000 + number)),
                    service,
                    f"1.{number}",
                    f"{number:x}f" * 20,
                    begin,
                ],
            )
            spans, usage = _rows(number, factor, requests, rng, begin, number == extra_stage_in)
            for table, rows in (("spans", spans), ("usage", usage)):
                store.register("rows", pa.Table.from_pylist(rows))
                store.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
                store.unregister("rows")
    (home / "latprobe.duckdb").chmod(0o600)
    return home


def _rows(
    run: int, factor: float, requests: int, rng: np.random.Generator, begin: int, has_extra: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    noise = np.exp(0.2 * rng.standard_normal((requests, 3)))
    spans, usage = [], []
    for number in range(requests):
        start = begin + number * 1000 * MS
        steps = [("ocr", 100 * noise[number, 0]), ("llm", 300 * factor * noise[number, 1])]
        if has_extra:
            steps.append(("rerank", 50 * noise[number, 2]))
        trace = str(uuid.UUID(int=(run << 64) + number + 1))
        total = sum(ms for _, ms in steps)
        spans.append(_span(trace, 1, None, run, "answer", start, total + 1))
        at = start
        for place, (name, ms) in enumerate(steps, 2):
            spans.append(_span(trace, place, 1, run, name, at, ms))
            at += int(ms * MS)
        usage.append(
            {
                "trace_id": trace,
                "span_id": 3,
                "run_id": run,
                "start_ns": start,
                "stage": "llm",
                "model": "sim-1",
                "operation": "chat",
                "input_tokens": 1200,
                "output_tokens": round(200 * factor * noise[number, 2]),
                "cost_usd": 0.0012,
                "origin": "reported",
            }
        )
    return spans, usage


def _span(
    trace: str, span: int, parent: int | None, run: int, name: str, start: int, ms: float
) -> dict[str, Any]:
    return {
        "trace_id": trace,
        "span_id": span,
        "parent_span_id": parent,
        "run_id": run,
        "ingest_seq": 1,
        "name": name,
        "kind": "internal",
        "status": "unset",
        "start_ns": start,
        "duration_ns": int(ms * MS),
    }
