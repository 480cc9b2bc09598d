"""Which run the user means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from latprobe.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from latprobe.store.query import Query

_ID_TEXT = "replace(run_uuid::VARCHAR, '-', '')"


def find_run(query: Query, wanted: str, *, service: str | None = None) -> int:
    """The run's number for `latest`, a number from the runs table, or the start of its id."""
    if wanted == "latest":
        where, parameters = "(?::VARCHAR IS NULL OR service = ?)", [service, service]
    elif wanted.isdigit() and len(wanted) < 10:
        where, parameters = "run_id = ?", [wanted]
    else:
        digits = wanted.replace("-", "").lower()
        if not re.fullmatch("[0-9a-f]{4,32}", digits):
            raise UsageError(
                f"--run {wanted!r} is not a run; write `latest`, a run's number or four or more "
                "hex digits of its id (latprobe sql 'SELECT run_id, run_uuid FROM runs')."
            )
        where, parameters = f"starts_with({_ID_TEXT}, ?)", [digits]
    found = query(
        f"SELECT run_id FROM runs WHERE {where} ORDER BY started_ns DESC LIMIT 2", parameters
    ).column(0)
    if len(found) == 0:
        raise NoDataError(
            f"No run matches --run {wanted}; latprobe sql 'SELECT run_id, service FROM runs' "
            "lists them."
        )
    if wanted != "latest" and len(found) > 1:
        raise UsageError(f"--run {wanted} fits several runs; write more of the id.")
    return int(found[0].as_py())
