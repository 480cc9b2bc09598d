"""How far the agent's continuous export to each backend is: spans, and metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from latprobe.cli import figures
from latprobe.cli.finding import Finding

if TYPE_CHECKING:
    from latprobe.store.query import Query

# As latprobe.agent.forwarder, latprobe.agent.metrics_forwarder and latprobe.store.unsent keep them.
_SPANS = "forward:"
_METRICS = "metrics:"
_UNSENT = "unsent:"


def export_findings(query: Query) -> list[Finding]:
    """A line for each backend that the agent has ever exported to, and one for its metrics."""
    unsent = _kept(query, _UNSENT)
    spans = [
        _spans(name, progress, waiting=_waiting(query, progress), unsent=unsent.get(name, 0))
        for name, progress in _kept(query, _SPANS).items()
    ]
    return spans + [_metrics(name, place) for name, place in _kept(query, _METRICS).items()]


def _kept(query: Query, prefix: str) -> dict[str, Any]:
    """What the store keeps under the prefix, by the backend's name."""
    rows = query("SELECT key, value FROM meta WHERE starts_with(key, ?) ORDER BY key", [prefix])
    return {row["key"].removeprefix(prefix): json.loads(row["value"]) for row in rows.to_pylist()}


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


def _spans(name: str, progress: dict[str, Any], *, waiting: int, unsent: int) -> Finding:
    text = f"{name}: {figures.many(progress['exported'], 'span')} sent"
    not_taken = progress["rejected"] + progress["refused"]
    if not_taken:
        text += f", {figures.count(not_taken)} not taken by the backend"
        reason = progress.get("reason")
        text += f" (the last: {reason})" if reason else ""
    if unsent:
        text += f", {figures.count(unsent)} removed by retention before they were sent"
    if waiting:
        text += f", {figures.count(waiting)} wait"
    if progress["problem"] and waiting:
        return Finding("export", "warn", f"{text}: {progress['problem']}", "they are kept")
    return Finding("export", "warn" if not_taken or unsent else "ok", text)


def _metrics(name: str, place: dict[str, Any]) -> Finding:
    accepted_ns, problem = place.get("accepted_ns"), place.get("problem")
    text = f"{name}: metrics "
    text += f"accepted {figures.local_time(accepted_ns)}" if accepted_ns else "not sent yet"
    if not problem:
        return Finding("export", "ok", text)
    text += f", not accepted {figures.local_time(place['failed_ns'])}: {problem}"
    return Finding("export", "warn", text, "what they count is kept, and sent later")
