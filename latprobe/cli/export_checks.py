"""How far the agent's continuous export to each backend is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from latprobe.cli import figures
from latprobe.cli.finding import Finding

if TYPE_CHECKING:
    from latprobe.store.query import Query

# As latprobe.agent.forwarder keeps it.
_PREFIX = "forward:"


def export_findings(query: Query) -> list[Finding]:
    """A line for each backend that the agent has ever exported to."""
    rows = query(
        f"SELECT key, value FROM meta WHERE key LIKE '{_PREFIX}%' ORDER BY key"
    ).to_pylist()
    found = []
    for row in rows:
        progress = json.loads(row["value"])
        found.append(
            _finding(row["key"].removeprefix(_PREFIX), progress, _waiting(query, progress))
        )
    return found


def _waiting(query: Query, progress: dict[str, Any]) -> int:
    """Spans that the backend has not answered for."""
    count: int = query(
        "SELECT count(*) AS n FROM spans "
        "WHERE ingest_seq >= ? AND (ingest_seq, trace_id, span_id) > (?, ?::UUID, ?)",
        [
            progress["ingest_seq"],
            progress["ingest_seq"],
            progress["trace_id"],
            progress["span_id"],
        ],
    ).to_pylist()[0]["n"]
    return count


def _finding(name: str, progress: dict[str, Any], waiting: int) -> Finding:
    text = f"{name}: {figures.count(progress['exported'])} spans sent"
    not_taken = progress["rejected"] + progress["refused"]
    if not_taken:
        text += f", {figures.count(not_taken)} not taken by the backend"
    if waiting:
        text += f", {figures.count(waiting)} wait"
    if progress["problem"] and waiting:
        return Finding("export", "warn", f"{text}: {progress['problem']}", "they are kept")
    return Finding("export", "warn" if not_taken else "ok", text)
