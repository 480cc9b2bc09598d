"""Copies of some spans in tables of their own, so that a screen need not look for them among all.

`failures` has every failed span. `drawn` has all spans of about one trace in DRAWN_OF, drawn by its
id: enough to stand for the requests of a store in which looking any trace up takes a tenth of a
second. Both cover the spans up to `meta.copied_seq`; the views `failed_spans` and `drawn_spans` add
the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

DRAWN_OF = 64

# With this and no more a table needs no look at `spans` to answer for a `Scope`.
_FAILED = "trace_id, span_id, parent_span_id, run_id, name, model, start_ns"
_DRAWN = (
    "trace_id, span_id, parent_span_id, name, kind, status, start_ns, duration_ns, cpu_ns, pid, "
    "thread, modality, operation, model, chunks"
)
_IS_FAILED = "status = 'error'"
# The lowest bits choose among the requests of a scope, so these here are others.
_IS_DRAWN = f"(hash(trace_id) >> 40) % {DRAWN_OF} = 0"
_COPIES = {"failures": (_FAILED, _IS_FAILED), "drawn": (_DRAWN, _IS_DRAWN)}

# Each row leaves the store with its span.
COPY_NAMES = tuple(_COPIES)

COPY_TABLES = """
CREATE TABLE failures (
    trace_id UUID NOT NULL,
    span_id UBIGINT NOT NULL,
    parent_span_id UBIGINT,
    run_id UINTEGER NOT NULL,
    name VARCHAR NOT NULL,
    model VARCHAR,
    start_ns BIGINT NOT NULL
);

CREATE TABLE drawn (
    trace_id UUID NOT NULL,
    span_id UBIGINT NOT NULL,
    parent_span_id UBIGINT,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    start_ns BIGINT NOT NULL,
    duration_ns BIGINT NOT NULL,
    cpu_ns BIGINT,
    pid UINTEGER,
    thread VARCHAR,
    modality VARCHAR,
    operation VARCHAR,
    model VARCHAR,
    chunks UINTEGER
);
"""

_COPIED = "coalesce((SELECT value::UINTEGER FROM meta WHERE key = 'copied_seq'), 0)"

COPY_VIEWS = f"""
CREATE VIEW failed_spans AS
SELECT {_FAILED} FROM failures
UNION ALL
SELECT {_FAILED} FROM spans WHERE ingest_seq > {_COPIED} AND {_IS_FAILED};

CREATE VIEW drawn_spans AS
SELECT {_DRAWN} FROM drawn
UNION ALL
SELECT {_DRAWN} FROM spans WHERE ingest_seq > {_COPIED} AND {_IS_DRAWN};
"""


def copy_spans(con: duckdb.DuckDBPyConnection, *, after: int, upto: int) -> None:
    """Copies what came after one batch of the store, and with or before another, and notes it."""
    for table, (columns, is_wanted) in _COPIES.items():
        con.execute(
            f"INSERT INTO {table} BY NAME SELECT {columns} FROM spans "
            f"WHERE ingest_seq > {after} AND ingest_seq <= {upto} AND {is_wanted}"
        )
    con.execute("UPDATE meta SET value = ? WHERE key = 'copied_seq'", [str(upto)])
