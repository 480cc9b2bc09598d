"""Whether requests of programs that do different work would be looked at as one.

Their latency together says nothing of either program, and a part of it that one of them gains
nothing either: what rests on it is refused, in the same words everywhere.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from latprobe.analysis.refusal import Refusal
from latprobe.analysis.spans import Ints
from latprobe.store.query import Query

_SHOWN = 3


class Recorded(Protocol):
    """Requests, or runs of a stage: the run that each is of, and its start."""

    @property
    def run(self) -> Ints: ...
    @property
    def start_ns(self) -> Ints: ...


def mixed_programs(query: Query, recorded: Recorded) -> Refusal | None:
    """Why a latency of these together means nothing: several services answered them, and no two of
    those have a request of the same name. None where that is not so."""
    runs = np.unique(recorded.run).tolist()
    if len(runs) < 2:
        return None
    rows = query(
        f"""SELECT r.service, list(DISTINCT s.name ORDER BY s.name) AS names
        FROM spans s JOIN runs r ON r.run_id = s.run_id
        WHERE s.parent_span_id IS NULL AND s.run_id IN ({", ".join(str(run) for run in runs)})
          AND s.start_ns BETWEEN ? AND ?
        GROUP BY r.service ORDER BY count(*) DESC, r.service""",
        [int(recorded.start_ns.min()), int(recorded.start_ns.max())],
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
