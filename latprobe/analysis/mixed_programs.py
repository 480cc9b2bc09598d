"""Whether requests of programs that do different work would be looked at as one."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.refusal import Refusal
from latprobe.analysis.requests import Requests
from latprobe.store.query import Query

_SHOWN = 3


def mixed_programs(query: Query, requests: Requests) -> Refusal | None:
    """Why a latency of these requests together means nothing: several services answered them, and
    no two of those have a request of the same name. None where that is not so."""
    runs = np.unique(requests.run).tolist()
    if len(runs) < 2:
        return None
    rows = query(
        f"""SELECT r.service, list(DISTINCT s.name ORDER BY s.name) AS names
        FROM spans s JOIN runs r ON r.run_id = s.run_id
        WHERE s.parent_span_id IS NULL AND s.run_id IN ({", ".join(str(run) for run in runs)})
          AND s.start_ns BETWEEN ? AND ?
        GROUP BY r.service ORDER BY count(*) DESC, r.service""",
        [int(requests.start_ns.min()), int(requests.start_ns.max())],
    ).to_pylist()
    names = [name for row in rows for name in row["names"]]
    if len(rows) < 2 or len(set(names)) < len(names):
        return None
    told = ", ".join(row["service"] for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return Refusal(
        f"Requests of {len(rows)} services with different work are looked at as one ({told}"
        f"{more}): choose a service (`--service`)."
    )
