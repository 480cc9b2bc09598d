"""Questions to a store in which nothing is as it should be: an answer or a reason, no traceback."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from latprobe.store.schema import FIRST_META, TABLES, VIEWS
from tests.cli.conftest import Cli

MS = 1_000_000
START_NS = 1_793_620_800_000_000_000
LARGEST = 2**63 - 1

# trace, span, parent, name, start, duration; more columns by name.
Row = tuple[int, int, int | None, str, int, int, dict[str, Any]]


def _request(trace: int, *, start: int = START_NS, duration: int = 50 * MS, **more: Any) -> Row:
    return (trace, 1, None, "request", start + trace * 1000 * MS, duration, more)


def _child(trace: int, span: int, parent: int, at: int, duration: int, **more: Any) -> Row:
    return (trace, span, parent, "llm", START_NS + trace * 1000 * MS + at, duration, more)


def _one_span() -> list[Row]:
    return [_request(1)]


def _no_root() -> list[Row]:
    return [_child(trace, 2, 99, 0, 5 * MS) for trace in range(24)]


def _cycles() -> list[Row]:
    found = []
    for trace in range(24):
        found += [_child(trace, 2, 3, 0, 5 * MS), _child(trace, 3, 2, 1, 5 * MS)]
        found.append(_child(trace, 4, 4, 2, 5 * MS))
    return found


def _same_times() -> list[Row]:
    rows = [_request(trace, start=START_NS - trace * 1000 * MS) for trace in range(24)]
    return rows + [
        (trace, span, 1, "llm", START_NS, 50 * MS, {}) for trace in range(24) for span in (2, 3)
    ]


def _no_durations() -> list[Row]:
    rows = [_request(trace, duration=0) for trace in range(24)]
    return rows + [_child(trace, 2, 1, 0, 0) for trace in range(24)]


def _negative() -> list[Row]:
    rows = [_request(trace, duration=-5 * MS) for trace in range(24)]
    more = {"model": "sim", "input_tokens": -100, "output_tokens": -7}
    return rows + [_child(trace, 2, 1, 0, -3 * MS, **more) for trace in range(24)]


def _mixed_clocks() -> list[Row]:
    rows = [_request(trace, pid=1) for trace in range(24)]
    far = (-LARGEST, -3600_000 * MS, 3600_000 * MS, LARGEST // 2)
    return rows + [
        _child(trace, 2, 1, far[trace % 4] // 4, (trace % 5) * 30 * MS, pid=2)
        for trace in range(24)
    ]


def _doubled_ids() -> list[Row]:
    rows = [_request(trace) for trace in range(24)]
    return rows + [_child(trace, 1, 1, number * MS, MS) for trace in range(24) for number in (1, 2)]


STORES: dict[str, Callable[[], list[Row]]] = {
    "one span": _one_span,
    "no root": _no_root,
    "cycles": _cycles,
    "the same times": _same_times,
    "no durations": _no_durations,
    "negative": _negative,
    "mixed clocks": _mixed_clocks,
    "doubled ids": _doubled_ids,
}

COMMANDS = (
    "report",
    "slow",
    "load",
    "latency",
    "cache",
    "compare --before 1 --after 2",
    "gate --baseline 1 --after 2 --budget p95_ms=1 --budget throughput=5",
    "whatif --stage llm --scale 0.5",
    "whatif --stage llm --remove --stage request --scale 2",
    "whatif --stage llm --cache-hit 0.5",
    "whatif --stage llm --replicas 4",
    "whatif --stage llm --output-tokens=-50%",
    "whatif --stage llm --parallel-with request",
    "whatif --concurrency 3",
)


def _fill(home: Path, rows: Sequence[Row]) -> None:
    (home / "journal").mkdir(parents=True)
    home.chmod(0o700)
    with duckdb.connect(str(home / "latprobe.duckdb")) as store:
        store.execute(TABLES)
        store.execute(VIEWS)
        store.executemany("INSERT INTO meta VALUES (?, ?)", FIRST_META)
        for run in (1, 2):
            store.execute(
                "INSERT INTO runs (run_id, run_uuid, service, python, started_ns) "
                "VALUES (?, ?, 'app', '3.11', ?)",
                [run, f"00000000-0000-4000-8000-00000000000{run}", START_NS + run],
            )
        store.execute("BEGIN")
        for trace, span, parent, name, start, duration, more in rows:
            _insert(store, "spans", _span(trace, span, parent, name, start, duration) | more)
            if "input_tokens" in more:
                _insert(store, "usage", _usage(trace, span, start, more))
        store.execute("COMMIT")
    (home / "latprobe.duckdb").chmod(0o600)


def _span(
    trace: int, span: int, parent: int | None, name: str, start: int, duration: int
) -> dict[str, Any]:
    ids = {"trace_id": f"{trace + 1:032x}", "span_id": span, "parent_span_id": parent}
    times = {"start_ns": start, "duration_ns": duration, "run_id": 1 + trace % 2}
    kind = {"ingest_seq": 1, "name": name, "kind": "internal", "status": "unset"}
    return {**ids, **times, **kind}


def _usage(trace: int, span: int, start: int, more: dict[str, Any]) -> dict[str, Any]:
    ids = {"trace_id": f"{trace + 1:032x}", "span_id": span, "run_id": 1 + trace % 2}
    tokens = {key: more[key] for key in ("model", "input_tokens", "output_tokens")}
    return {**ids, **tokens, "start_ns": start, "stage": "llm", "origin": "reported"}


def _insert(store: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" for _ in row)
    store.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


@pytest.mark.parametrize("kind", STORES)
def test_every_question_gets_an_answer_or_a_reason(cli: Cli, tmp_path: Path, kind: str) -> None:
    _fill(tmp_path / "store", STORES[kind]())
    for command in COMMANDS:
        found = cli(*command.split(), "--json")
        told = (kind, command, found)
        assert found.code in ((0, 1, 2, 3) if command.startswith("gate") else (0, 2, 3)), told
        assert "Traceback" not in found.err, told
        if found.code > 1:
            assert found.err.startswith("latprobe: error: "), told
        if found.out:
            assert "NaN" not in found.out, told
            json.loads(found.out)


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("whatif --stage lm --scale 0.5", 3, "Did you mean 'llm'?"),
        ("whatif --stage llm --scale -1", 2, "a factor of 0 or more"),
        ("whatif --stage llm --scale nan", 2, "a factor of 0 or more"),
        ("whatif --stage llm --cache-hit 1.5", 2, "not between 0 and 1"),
        ("whatif --stage llm --output-tokens=-150%", 2, "less than no tokens"),
        ("whatif --stage llm --replicas 0", 2, "1 or more"),
        ("whatif --stage llm --scale 0.5 --since 2020-01-01 --until 2020-01-02", 3, ""),
        ("report --since 2020-01-01 --until 2020-01-02", 3, ""),
        ("slow --since 2020-01-01 --until 2020-01-02", 3, ""),
        ("load --since 2020-01-01 --until 2020-01-02", 3, ""),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(
    cli: Cli, tmp_path: Path, command: str, code: int, words: str
) -> None:
    _fill(tmp_path / "store", _mixed_clocks())
    found = cli(*command.split())
    assert found.code == code, found
    assert words in found.err
    assert found.err.startswith("latprobe: error: ")
