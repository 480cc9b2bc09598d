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
    s.trace_id, s.span_id, s.start_ns, greatest(s.duration_ns, 0) AS duration_ns, s.name, s.status,
    s.run_id, s.model
"""
# Of those that began in the same tick the longest, which holds the others; then the lowest id, so
# that every question gets the same one. Times before 1970 count as 1970.
_SAME_TICK = ("-greatest(s.duration_ns, 0)", "s.span_id")
# All spans of a trace in the order in which they come into question for its root: those without a
# parent (2^62 ns are 146 years), the earliest, and one that was called from elsewhere before what
# began inside in the same tick. A trace is a request if the first of them is not inside.
ROOT_ORDER = (
    "greatest(s.start_ns, 0) - CASE WHEN s.parent_span_id IS NULL THEN 1::BIGINT << 62 ELSE 0 END",
    IS_INNER,
    *_SAME_TICK,
)
_FIRST = f"""
    row_number() OVER (
        PARTITION BY s.trace_id ORDER BY greatest(s.start_ns, 0), {", ".join(_SAME_TICK)}) = 1
"""

# The roots of all requests: the first span of each trace by ROOT_ORDER, found by a look at those
# only that can be one. `parentless` spans are, and of several in a trace (`repeated`) the first.
# `entered` were called by somebody who is not recorded, unless a span that began before (`begun`)
# shows that the caller is recorded and still running. Ranking only what is repeated took a third of
# the time of one arg_min a trace.
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
    """SELECT giving the root of each request in the scope: of each trace that has a span in the
    scope and starts in its window.

    A trace's root is its earliest span without a parent, else its earliest span. A trace that this
    machine recorded without its root (the request is still running, or its process was killed) is
    no request yet: its earliest span would pass for one; see `count_unfinished`. Columns:
    trace_id, span_id, start_ns, duration_ns (not negative), name, status, run_id, model.
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
