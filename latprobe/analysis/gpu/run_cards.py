"""Which card each recorded run of a program worked on, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from latprobe.analysis.scope import Scope
from latprobe.store.query import Query

# Readings come from a little before and after the requests.
MARGIN_NS = 1_000_000_000
_MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class RunCards:
    """A run of `service` on `host`, from its first span's start to the last end in the scope.

    `cards` are the devices it worked on, as samples name them: those that its event pairs name,
    else those whose readings were recorded with the run, else the only one that was read meanwhile
    and that no other run is known to have had then. Empty where none is known. `model` is what the
    run itself says of its device, `requests` counts the requests that began in it.
    """

    run_id: int
    service: str
    host: str | None
    model: str | None
    first_ns: int
    last_ns: int
    requests: int
    cards: tuple[str, ...] = ()

    def meets(self, other: RunCards) -> bool:
        """Whether both ran at some moment."""
        return self.first_ns <= other.last_ns and other.first_ns <= self.last_ns


def run_cards(query: Query, scope: Scope) -> tuple[RunCards, ...]:
    """Every run with a span in the scope, the first one first."""
    runs = _runs(query, scope)
    if not runs:
        return ()
    noted = _noted(query)
    tagged, minutes = _read(query, runs)
    known = [
        replace(run, cards=tuple(noted.get(run.run_id, []) or tagged.get(run.run_id, [])))
        for run in runs
    ]
    return tuple(
        run if run.cards else replace(run, cards=_only_one(run, known, minutes)) for run in known
    )


def _runs(query: Query, scope: Scope) -> list[RunCards]:
    where, parameters = scope.where()
    rows = query(
        f"""SELECT s.run_id::BIGINT AS run_id, coalesce(any_value(r.service), '') AS service,
            any_value(r.host) AS host, any_value(r.device) AS model, min(s.start_ns) AS first_ns,
            max(s.start_ns + greatest(s.duration_ns, 0)) AS last_ns,
            count(*) FILTER (s.parent_span_id IS NULL) AS requests
        FROM spans s LEFT JOIN runs r ON r.run_id = s.run_id WHERE {where}
        GROUP BY s.run_id ORDER BY first_ns, s.run_id""",
        parameters,
    ).to_pylist()
    return [RunCards(**row) for row in rows]


def _noted(query: Query) -> dict[int, list[str]]:
    """Run to the devices of its event pairs."""
    rows = query(
        "SELECT run_id::BIGINT AS run_id, list_sort(list(DISTINCT device)) AS cards FROM gpu_spans"
        " WHERE device IS NOT NULL GROUP BY run_id"
    ).to_pylist()
    return {row["run_id"]: row["cards"] for row in rows}


def _read(
    query: Query, runs: Sequence[RunCards]
) -> tuple[dict[int, list[str]], dict[str, set[int]]]:
    """Run to the devices that were read for it; device to the minutes in which it was read for
    nobody in particular."""
    rows = query(
        f"""SELECT device, run_id::BIGINT AS run_id, time_ns // {_MINUTE_NS} AS minute
        FROM samples WHERE device IS NOT NULL AND starts_with(metric, 'gpu.')
          AND time_ns BETWEEN ? AND ? GROUP BY ALL ORDER BY ALL""",
        [
            min(run.first_ns for run in runs) - MARGIN_NS,
            max(run.last_ns for run in runs) + MARGIN_NS,
        ],
    ).to_pylist()
    tagged: dict[int, list[str]] = {}
    minutes: dict[str, set[int]] = {}
    for row in rows:
        if row["run_id"] is None:
            minutes.setdefault(row["device"], set()).add(row["minute"])
        elif row["device"] not in tagged.setdefault(row["run_id"], []):
            tagged[row["run_id"]].append(row["device"])
    return tagged, minutes


def _only_one(
    run: RunCards, runs: Sequence[RunCards], minutes: Mapping[str, set[int]]
) -> tuple[str, ...]:
    taken = {card for other in runs if other.meets(run) for card in other.cards}
    first, last = (at // _MINUTE_NS for at in (run.first_ns - MARGIN_NS, run.last_ns + MARGIN_NS))
    found = [
        card
        for card, read in minutes.items()
        if card not in taken and any(first <= minute <= last for minute in read)
    ]
    return tuple(found) if len(found) == 1 else ()
