"""How far the store was read, and what was added since: so that only that need be looked at."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.store.query import Query

# More new spans than this are read as quickly with all the others.
FOLLOWED_SPANS = 100_000


@dataclass(frozen=True, slots=True)
class Reached:
    """The last ingested `batch`, and how many spans, calls and runs there were with it; `call_row`
    is the last row of `usage`, -1 without one."""

    batch: int
    spans: int
    calls: int
    call_row: int
    runs: int


@dataclass(frozen=True, slots=True)
class Growth:
    """Where the store is now, and how many spans and calls it has beyond an earlier `Reached`."""

    now: Reached
    new_spans: int
    new_calls: int


# One row each: as columns of one row they took twice as long to plan as to answer.
_NOW = """
    SELECT 'batch' AS what, m.value::BIGINT AS found FROM meta m WHERE m.key = 'ingest_seq'
    UNION ALL SELECT 'spans', count(*) FROM spans
    UNION ALL SELECT 'calls', count(*) FROM usage
    UNION ALL SELECT 'call_row', coalesce(max(u.rowid), -1) FROM usage u
    UNION ALL SELECT 'runs', count(*) FROM runs
"""


def reach(query: Query) -> Reached:
    """Where the store is now. What is read after that has all that was counted, perhaps more."""
    return Reached(**_found(query, _NOW))


def growth(query: Query, before: Reached) -> Growth | None:
    """What was added; None where rows have left the store, or more came than is worth following:
    then everything has to be read again."""
    row = _found(
        query,
        f"""{_NOW}
    UNION ALL SELECT 'new_spans', count(*) FROM spans s WHERE s.ingest_seq > {before.batch}
    UNION ALL SELECT 'new_calls', count(*) FROM usage u WHERE u.rowid > {before.call_row}""",
    )
    new_spans, new_calls = row.pop("new_spans"), row.pop("new_calls")
    now = Reached(**row)
    has_lost = now.spans - new_spans != before.spans or now.calls - new_calls != before.calls
    if has_lost or new_spans > FOLLOWED_SPANS:
        return None
    return Growth(now, new_spans, new_calls)


def _found(query: Query, sql: str) -> dict[str, int]:
    table = query(sql)
    return dict(zip(table["what"].to_pylist(), table["found"].to_pylist(), strict=True))


def touched_since(batch: int) -> str:
    """The condition on a span `s` that its trace got spans after this batch."""
    newer = f"SELECT DISTINCT n.trace_id FROM spans n WHERE n.ingest_seq > {int(batch)}"
    return f"s.trace_id IN ({newer})"
