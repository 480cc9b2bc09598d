"""Spans that leave by retention before a backend has them, counted so that somebody hears of it."""

from __future__ import annotations

import json

import duckdb

# As latprobe.agent.forwarder keeps a backend's place, and how many spans it will never get.
PLACE_PREFIX = "forward:"
UNSENT_PREFIX = "unsent:"
# A backend that has not answered for so long is no longer used, and misses nothing.
IN_USE_NS = 30 * 86_400 * 1_000_000_000


def count_unsent(
    con: duckdb.DuckDBPyConnection, *, before_ns: int, now_ns: int, but_for: str = "FALSE"
) -> None:
    """Adds up, for each backend in use, the spans that started before that time and that it has not
    answered for. Those of which the SQL `but_for` is true stay. Belongs into the transaction that
    removes them."""
    rows = con.execute(f"SELECT key, value FROM meta WHERE key LIKE '{PLACE_PREFIX}%'").fetchall()
    for key, text in rows:
        place = json.loads(text)
        answered_ns = place.get("answered_ns")
        if answered_ns is None or now_ns - answered_ns > IN_USE_NS:
            continue
        seq = place["ingest_seq"]
        row = con.execute(
            f"SELECT count(*) FROM spans WHERE NOT {but_for} AND start_ns < ? AND ingest_seq >= ? "
            "AND (ingest_seq, trace_id, span_id) > (?, ?::UUID, ?)",
            [before_ns, seq, seq, place["trace_id"], place["span_id"]],
        ).fetchone()
        if row is not None and row[0]:
            _add(con, UNSENT_PREFIX + key.removeprefix(PLACE_PREFIX), row[0])


def _add(con: duckdb.DuckDBPyConnection, key: str, spans: int) -> None:
    con.execute(
        "INSERT INTO meta VALUES ($key, $spans::BIGINT::VARCHAR) ON CONFLICT DO UPDATE "
        "SET value = (value::BIGINT + $spans)::VARCHAR",
        {"key": key, "spans": spans},
    )
