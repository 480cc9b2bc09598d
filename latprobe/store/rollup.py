"""Keeps `rollups` and the copies of some spans close behind `spans`, so that long windows need not
read every span."""

from __future__ import annotations

import duckdb

from latprobe.store.database import Database
from latprobe.store.first_row import first_row
from latprobe.store.schema import ROLLUP_SELECT
from latprobe.store.span_copies import copy_spans

# The merged table must be this much smaller for a compaction to be worth its rewrite.
MIN_GAIN = 0.5

_KEYS = "minute_ns, run_id, name, is_root, bin"
_MERGED = f"""
SELECT {_KEYS}, sum(count)::UBIGINT AS count, sum(errors)::UBIGINT AS errors,
       sum(duration_ns)::HUGEINT AS duration_ns, sum(input_tokens)::BIGINT AS input_tokens,
       sum(output_tokens)::BIGINT AS output_tokens, sum(cost_usd) AS cost_usd
FROM rollups GROUP BY {_KEYS}
"""


def roll_up(database: Database) -> int:
    """Adds all spans that are not in `rollups` yet and copies some; gives back up to which
    `ingest_seq`."""
    with database.transaction() as con:
        rolled, latest = _meta(con, "rolled_seq"), _meta(con, "ingest_seq")
        if latest > rolled:
            con.execute(
                f"INSERT INTO rollups BY NAME {ROLLUP_SELECT} "
                f"WHERE ingest_seq > {rolled} AND ingest_seq <= {latest} GROUP BY ALL"
            )
            con.execute("UPDATE meta SET value = ? WHERE key = 'rolled_seq'", [str(latest)])
        copied = _meta(con, "copied_seq")
        if latest > copied:
            copy_spans(con, after=copied, upto=latest)
    return latest


def compact(database: Database) -> bool:
    """Merges rollup rows of the same minute, stage and bin; False when it is not worth it."""
    with database.transaction() as con:
        row = first_row(con, f"SELECT count(*), count(DISTINCT ({_KEYS})) FROM rollups")
        total, distinct = row or (0, 0)
        if total < 1000 or distinct > total * MIN_GAIN:
            return False
        con.execute(f"CREATE TEMP TABLE merged AS {_MERGED}")
        con.execute("DELETE FROM rollups")
        con.execute("INSERT INTO rollups BY NAME SELECT * FROM merged ORDER BY minute_ns")
        con.execute("DROP TABLE merged")
    return True


def _meta(con: duckdb.DuckDBPyConnection, key: str) -> int:
    row = first_row(con, "SELECT value FROM meta WHERE key = ?", [key])
    return int(row[0]) if row else 0
