"""Stores for the dashboard's tests: a multimodal pipeline, written by SQL and always the same."""

from __future__ import annotations

from pathlib import Path

import duckdb

from latprobe.store.schema import FIRST_META, ROLLUP_SELECT, TABLES, VIEWS
from latprobe.store.span_copies import copy_spans

END_NS = 1_793_620_800_000_000_000  # 2026-11-02 12:00:00 UTC
HOUR_NS = 3_600_000_000_000
SPANS_PER_REQUEST = 20.33

# slot, parent, step, name, modality, usual ms, spread. Slots of one step run side by side; a
# negative step is a span around its children. The audio slot runs in every third request.
_SLOTS = """
 (1, 0, 1, 'request.parse', NULL, 3, 0.3),
 (2, 0, 2, 'image.decode', 'image', 45, 0.3), (3, 0, 2, 'image.decode', 'image', 45, 0.3),
 (4, 0, 2, 'image.decode', 'image', 45, 0.3),
 (5, 0, 3, 'image.resize', 'image', 20, 0.3), (6, 0, 3, 'image.resize', 'image', 20, 0.3),
 (7, 0, 3, 'image.resize', 'image', 20, 0.3),
 (8, 0, 4, 'ocr', 'image', 330, 0.35), (9, 0, 4, 'ocr', 'image', 330, 0.35),
 (10, 0, 4, 'ocr', 'image', 330, 0.35),
 (11, 0, 5, 'audio.transcribe', 'audio', 420, 0.4),
 (12, 0, 6, 'embed.query', 'retrieval', 18, 0.4),
 (13, 0, 7, 'retrieve', 'retrieval', 70, 0.5),
 (14, 0, 8, 'rerank', 'retrieval', 130, 0.4),
 (15, 0, 9, 'prompt.build', 'text', 4, 0.3),
 (17, 16, 10, 'llm.queue_wait', 'waiting', 60, 1.2),
 (18, 16, 11, 'llm.prefill', 'text', 260, 0.3),
 (19, 16, 12, 'llm.decode', 'text', 900, 0.45),
 (20, 0, 13, 'answer.parse', 'text', 6, 0.3)
"""

_MAKE_SPANS = f"""
CREATE TEMP TABLE t AS
WITH slots(slot, parent, step, name, modality, base_ms, spread) AS (VALUES {_SLOTS}),
raw AS (
    SELECT i, slot, parent, step, name, modality,
           ($end - $length + (i + 1) * ($length // ($requests + 1)))::BIGINT AS base_ns,
           i / $requests AS phase,
           (hash(i * 64 + slot) % 100000) / 1e5 AS u1,
           (hash(i * 64 + slot + 7919) % 100000) / 1e5 AS u2,
           (hash(i * 64 + slot + 104729) % 100000) / 1e5 AS u3,
           base_ms, spread
    FROM generate_series(0, $requests - 1) r(i), slots
    WHERE slot <> 11 OR i % 3 = 0
)
SELECT i, slot, parent, step, name, modality, base_ns,
       (1e6 * base_ms * exp(spread * 2 * (u1 + u2 + u3 - 1.5))
        * CASE WHEN phase BETWEEN 0.6 AND 0.66 AND name LIKE 'llm.%' THEN 2.6 ELSE 1 END
       )::BIGINT AS dur,
       CASE WHEN name = 'llm.decode' THEN u1 < 0.02 + CASE WHEN phase BETWEEN 0.6 AND 0.66
                 THEN 0.15 ELSE 0 END
            WHEN name = 'ocr' THEN u1 < 0.004 ELSE false END AS failed
FROM raw;

CREATE TEMP TABLE steps AS
SELECT i, step, sum(step_ns) OVER (PARTITION BY i ORDER BY step) - step_ns AS offset_ns
FROM (SELECT i, step, max(dur) AS step_ns FROM t GROUP BY i, step);

CREATE TEMP TABLE placed AS
SELECT t.* EXCLUDE (step), (base_ns + offset_ns)::BIGINT AS start_ns FROM t
JOIN steps USING (i, step);

INSERT INTO placed BY NAME
SELECT i, 16 AS slot, 0 AS parent, 'llm.generate' AS name, 'text' AS modality,
       any_value(base_ns) AS base_ns, (max(start_ns + dur) - min(start_ns))::BIGINT AS dur,
       bool_or(failed) AS failed, min(start_ns) AS start_ns
FROM placed WHERE parent = 16 GROUP BY i;

INSERT INTO placed BY NAME
SELECT i, 0 AS slot, NULL AS parent, 'answer_question' AS name, NULL AS modality,
       any_value(base_ns) AS base_ns,
       (max(start_ns + dur) - any_value(base_ns) + 2000000)::BIGINT AS dur,
       bool_or(failed) AS failed, any_value(base_ns) AS start_ns
FROM placed GROUP BY i;

INSERT INTO spans BY NAME
SELECT ('0' || printf('%07x', i) || '-0000-4000-8000-' || printf('%012x', i + 1))::UUID AS trace_id,
       (i * 32 + slot + 1)::UBIGINT AS span_id,
       (i * 32 + parent + 1)::UBIGINT AS parent_span_id,
       (1 + CASE WHEN i >= $requests // 2 THEN 1 ELSE 0 END)::UINTEGER AS run_id,
       1::UINTEGER AS ingest_seq, name, 'internal' AS kind,
       CASE WHEN failed THEN 'error' ELSE 'ok' END AS status,
       CASE WHEN failed THEN 'the model server closed the connection' END AS status_message,
       CASE WHEN failed THEN 'ConnectionError' END AS error_type,
       start_ns, dur AS duration_ns, modality, 4242::UINTEGER AS pid,
       CASE WHEN parent IS NOT NULL THEN false END AS remote_parent, 'worker-' || i % 4 AS thread,
       CASE WHEN name IN ('image.decode', 'image.resize') THEN (dur * 0.95)::BIGINT
            WHEN name IN ('retrieve', 'llm.queue_wait') THEN (dur * 0.05)::BIGINT END AS cpu_ns,
       CASE WHEN slot = 16 THEN 'qwen2.5-vl-7b' END AS model,
       CASE WHEN slot = 16 THEN 1800 + i * 37 % 900 END AS input_tokens,
       CASE WHEN slot = 16 THEN 60 + i * 13 % 140 END AS output_tokens,
       CASE WHEN slot = 16 THEN (dur * 0.2)::BIGINT END AS ttft_ns,
       CASE WHEN slot = 16 THEN (60 + i * 13 % 140)::UINTEGER END AS chunks,
       CASE WHEN slot = 16 AND i < 100000 THEN '{{"temperature": 0.2, "prompt.version": "v7"}}'
            WHEN name = 'ocr' AND i < 100000 THEN '{{"page": ' || slot - 7 || ', "lang": "eng"}}'
       END::JSON AS attributes
FROM placed ORDER BY start_ns;

INSERT INTO usage BY NAME
SELECT trace_id, span_id, run_id, start_ns, name AS stage, model, input_tokens,
       input_tokens AS uncached_input_tokens, output_tokens, 'span' AS origin
FROM spans WHERE input_tokens IS NOT NULL;
"""


def new_store(home: Path) -> duckdb.DuckDBPyConnection:
    """An empty store's file, open; the caller closes it."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / "journal").mkdir(exist_ok=True, mode=0o700)
    connection = duckdb.connect(str(home / "latprobe.duckdb"))
    connection.execute(TABLES)
    connection.execute(VIEWS)
    connection.executemany("INSERT INTO meta VALUES (?, ?)", FIRST_META)
    return connection


def newer_store(home: Path) -> None:
    """A store of a latprobe that does not exist yet."""
    with new_store(home) as connection:
        connection.execute("UPDATE meta SET value = '999' WHERE key = 'schema_version'")


def seed(
    home: Path,
    *,
    requests: int = 60,
    end_ns: int = END_NS,
    length_ns: int = HOUR_NS,
    services: tuple[str, str] = ("document-qa", "document-qa"),
) -> Path:
    """A store with so many requests evenly over `length_ns` before `end_ns`, in two runs."""
    with new_store(home) as connection:
        second_ns = end_ns - length_ns // 2
        add_runs(connection, start_ns=end_ns - length_ns, second_ns=second_ns, services=services)
        add_requests(connection, requests=requests, end_ns=end_ns, length_ns=length_ns)
        connection.execute("CHECKPOINT")
    return home


def add_runs(
    connection: duckdb.DuckDBPyConnection,
    *,
    start_ns: int,
    second_ns: int,
    services: tuple[str, str] = ("document-qa", "document-qa"),
) -> None:
    """Two runs, of one service unless said otherwise."""
    versions = ((1, "1.4.0", start_ns), (2, "1.5.0", second_ns))
    for (run_id, version, started_ns), service in zip(versions, services, strict=True):
        connection.execute(
            "INSERT INTO runs BY NAME SELECT ?::UINTEGER AS run_id,"
            " ('00000000-0000-4000-8000-' || printf('%012x', ?))::UUID AS run_uuid,"
            " ? AS service, ? AS version, '3f2c91e' AS git_commit,"
            " 'gpu-host-1' AS host, 'Linux' AS platform, '3.11.7' AS python,"
            " ?::BIGINT AS started_ns, 1100.0 AS span_cost_ns, 0 AS dropped",
            [run_id, run_id, service, version, started_ns],
        )


def add_requests(
    connection: duckdb.DuckDBPyConnection, *, requests: int, end_ns: int, length_ns: int
) -> None:
    """The requests, rolled up as the agent would have done it."""
    values = {"requests": requests, "end": end_ns, "length": length_ns}
    for statement in _MAKE_SPANS.split(";\n"):
        if statement.strip():
            used = {name: value for name, value in values.items() if f"${name}" in statement}
            connection.execute(statement, used)
    connection.execute(f"INSERT INTO rollups BY NAME {ROLLUP_SELECT} GROUP BY ALL")
    connection.execute("UPDATE meta SET value = '1' WHERE key IN ('rolled_seq', 'ingest_seq')")
    copy_spans(connection, after=0, upto=1)


def seed_names(home: Path, names: list[str]) -> Path:
    """One request with a stage of each name, the name also in its attributes and events."""
    with new_store(home) as connection:
        add_runs(connection, start_ns=END_NS, second_ns=END_NS)
        for at, name in enumerate(["request", *names]):
            connection.execute(
                "INSERT INTO spans BY NAME SELECT '00000000-0000-4000-8000-000000000001'::UUID"
                " AS trace_id, ?::UBIGINT AS span_id, ?::UBIGINT AS parent_span_id,"
                " 1::UINTEGER AS run_id, 1::UINTEGER AS ingest_seq, ? AS name, 'internal' AS kind,"
                " CASE WHEN ? = 0 THEN 'ok' ELSE 'error' END AS status,"
                " CASE WHEN ? > 0 THEN ? END AS status_message, ?::BIGINT AS start_ns,"
                " ?::BIGINT AS duration_ns, ? AS modality, to_json(MAP {'value': ?}) AS attributes",
                [
                    at + 1,
                    None if at == 0 else 1,
                    name,
                    at,
                    at,
                    name,
                    END_NS + at * 1_000_000,
                    50_000_000 if at == 0 else 1_000_000,
                    name,
                    name,
                ],
            )
            connection.execute(
                "INSERT INTO events BY NAME SELECT '00000000-0000-4000-8000-000000000001'::UUID"
                " AS trace_id, ?::UBIGINT AS span_id, ?::BIGINT AS time_ns, ? AS name,"
                " to_json(MAP {'text': ?}) AS attributes",
                [at + 1, END_NS, name, name],
            )
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'ingest_seq'")
    return home
