"""One row of the writing connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb


def first_row(
    con: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()
) -> tuple[Any, ...] | None:
    """The statement's first row, None without any.

    All rows are fetched: `fetchone()` leaves the result open, and a connection with an open result
    refuses to register or unregister a table.
    """
    rows = con.execute(sql, list(parameters)).fetchall()
    return rows[0] if rows else None
