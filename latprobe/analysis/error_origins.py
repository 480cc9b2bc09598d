"""Where errors begin: an error travels up to every parent, and its place is the innermost span."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.analysis.scope import Scope
from latprobe.store.query import Query


@dataclass(frozen=True, slots=True)
class ErrorOrigin:
    """A stage and how many of its failed spans have no failed child."""

    name: str
    errors: int


def error_origins(query: Query, scope: Scope) -> list[ErrorOrigin]:
    """The stages in which errors begin, the commonest first."""
    where, parameters = scope.where()
    rows = query(
        f"""
        WITH failed AS MATERIALIZED (
            SELECT s.trace_id, s.span_id, s.parent_span_id, s.name
            FROM failed_spans s WHERE {where}
        )
        SELECT f.name, count(*) AS errors FROM failed f
        ANTI JOIN failed c ON c.trace_id = f.trace_id AND c.parent_span_id = f.span_id
            AND c.span_id <> f.span_id
        GROUP BY f.name ORDER BY errors DESC, f.name
        """,
        parameters,
    ).to_pylist()
    return [ErrorOrigin(**row) for row in rows]
