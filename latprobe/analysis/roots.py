"""The roots of requests: who asks for requests and not for stages need not read other spans."""

from __future__ import annotations

from latprobe.analysis.scope import Scope

# A span recorded here whose parent is of the same trace and process, or of one forked from it.
IS_INNER = """
    (s.parent_span_id IS NOT NULL AND s.remote_parent IS FALSE AND s.pid IS NOT NULL)
"""
# The same where there is a parent, and false where IS_INNER is true: three times as fast.
_IS_ENTRY = "(coalesce(s.remote_parent, true) OR s.pid IS NULL)"
_COLUMNS = """
    s.trace_id, s.start_ns, greatest(s.duration_ns, 0) AS duration_ns, s.name, s.status, s.run_id,
    s.model
"""
_FIRST = "row_number() OVER (PARTITION BY s.trace_id ORDER BY greatest(s.start_ns, 0)) = 1"

# Which traces are requests, and by which span, is what `requests_sql` says; there it takes a look
# at every span of a trace, here only at those that can be a root. `parentless` spans are, and of
# several in a trace (`repeated`) the earliest. `entered` were called by somebody who is not
# recorded, unless a span that began before (`begun`) shows that the caller is recorded and still
# running. Ranking only what is repeated took a third of the time of one arg_min a trace.
ROOTS = f"""
parentless AS MATERIALIZED (SELECT {_COLUMNS} FROM spans s WHERE s.parent_span_id IS NULL),
repeated AS MATERIALIZED (
    SELECT p.trace_id FROM parentless p GROUP BY p.trace_id HAVING count(*) > 1
),
entries AS MATERIALIZED (
    SELECT {_COLUMNS} FROM spans s ANTI JOIN parentless p ON p.trace_id = s.trace_id
    WHERE s.parent_span_id IS NOT NULL AND {_IS_ENTRY}
),
entered AS MATERIALIZED (SELECT * FROM entries s QUALIFY {_FIRST}),
begun AS (
    SELECT s.trace_id, min(greatest(s.start_ns, 0)) AS first_ns
    FROM spans s SEMI JOIN entered e ON e.trace_id = s.trace_id
    WHERE s.parent_span_id IS NOT NULL AND NOT {_IS_ENTRY} GROUP BY s.trace_id
),
roots AS (
    SELECT s.* FROM parentless s ANTI JOIN repeated r ON r.trace_id = s.trace_id
    UNION ALL
    SELECT s.* FROM parentless s SEMI JOIN repeated r ON r.trace_id = s.trace_id QUALIFY {_FIRST}
    UNION ALL
    SELECT e.* FROM entered e LEFT JOIN begun b ON b.trace_id = e.trace_id
    WHERE b.first_ns IS NULL OR b.first_ns >= greatest(e.start_ns, 0)
)
"""


def roots_sql(scope: Scope) -> tuple[str, list[object]]:
    """SELECT giving the root of each request in the scope: the requests of `requests_sql`.

    Its columns are trace_id, start_ns, duration_ns (not negative), name, status, run_id, model.
    """
    window, bounds = Scope(from_ns=scope.from_ns, to_ns=scope.to_ns).where()
    matches, wanted = scope.where()
    if matches == window:
        return f"WITH {ROOTS} SELECT s.* FROM roots s WHERE {window}", bounds
    # Most requests are found by their root; spans are searched for the rest only.
    sql = f"""
        WITH {ROOTS}, matching AS (SELECT s.trace_id FROM roots s WHERE {matches}),
        touched AS (
            SELECT s.trace_id FROM spans s WHERE {matches} AND s.trace_id IN (
                SELECT s.trace_id FROM roots s
                WHERE {window} AND s.trace_id NOT IN (SELECT trace_id FROM matching))
        )
        SELECT s.* FROM roots s WHERE {window} AND s.trace_id IN (
            SELECT trace_id FROM matching UNION ALL SELECT trace_id FROM touched)"""
    return sql, [*wanted, *wanted, *bounds, *bounds]
