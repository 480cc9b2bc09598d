"""When a recording was imported: its age counts from then, however long ago it was made.

What is imported may be years old on the day it comes; retention would remove it within the hour.
"""

from __future__ import annotations

import duckdb

# Followed by the run's uuid, in `meta`.
IMPORTED_PREFIX = "imported:"


def note_imported(con: duckdb.DuckDBPyConnection, *, now_ns: int) -> None:
    """Remembers when the runs of the registered table `in_runs` came, again if they come again."""
    con.execute(
        f"INSERT INTO meta SELECT DISTINCT '{IMPORTED_PREFIX}' || run_uuid::UUID::VARCHAR, "
        f"{now_ns}::VARCHAR FROM in_runs ON CONFLICT DO UPDATE SET value = excluded.value"
    )


def imported_since(from_ns: int) -> str:
    """The numbers of the runs that were imported at that time or later, as SQL."""
    return (
        "SELECT i.run_id FROM runs i JOIN meta m "
        f"ON m.key = '{IMPORTED_PREFIX}' || i.run_uuid::VARCHAR AND m.value::BIGINT >= {from_ns}"
    )


def forget_imports_before(con: duckdb.DuckDBPyConnection, before_ns: int) -> None:
    """Runs that were imported earlier are as old as they are."""
    con.execute(
        f"DELETE FROM meta WHERE key LIKE '{IMPORTED_PREFIX}%' "
        f"AND TRY_CAST(value AS BIGINT) < {before_ns}"
    )
