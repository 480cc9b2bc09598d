"""What the Health page asks of the store beside its status."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.store.query import Query


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """Calls from one process to another, how many of them begin before their caller did, and by
    how much at most: the least that their clocks differ."""

    crossings: int
    early: int
    worst_ns: int


def read_clock_skew(query: Query) -> ClockSkew:
    """Over the whole store; spans whose caller is not recorded do not count."""
    row = query(
        """
        SELECT count(*) AS crossings, count(*) FILTER (s.start_ns < p.start_ns) AS early,
               greatest(coalesce(max(p.start_ns - s.start_ns), 0), 0)::BIGINT AS worst_ns
        FROM spans s JOIN spans p ON p.trace_id = s.trace_id AND p.span_id = s.parent_span_id
        WHERE s.remote_parent
        """
    ).to_pylist()[0]
    return ClockSkew(**row)
