"""Tokens of whole requests, each model call counted once."""

from __future__ import annotations

# Instrumentations nest (an agent's span around a client's), and the outer span repeats what the
# inner one used. Rule: a span's usage counts only if no descendant of it in the same trace has
# usage too. `above_usage` are all ancestors of spans with usage, found upwards; UNION drops what
# was seen, so a cycle of parents ends; in a trace of several calls, none in a cycle counts.
# Needs a CTE `wanted(trace_id)` before it; gives `counted_usage`.
COUNTED_USAGE = """
used AS (
    SELECT u.trace_id, u.span_id, u.input_tokens, u.output_tokens, u.cost_usd
    FROM usage u WHERE u.trace_id IN (SELECT trace_id FROM wanted)
),
many AS (SELECT trace_id FROM used GROUP BY trace_id HAVING count(DISTINCT span_id) > 1),
above_usage AS (
    SELECT s.trace_id, s.parent_span_id AS span_id
    FROM spans s JOIN used u ON s.trace_id = u.trace_id AND s.span_id = u.span_id
    WHERE s.parent_span_id <> s.span_id AND s.trace_id IN (SELECT trace_id FROM many)
    UNION
    SELECT s.trace_id, s.parent_span_id
    FROM spans s JOIN above_usage a ON s.trace_id = a.trace_id AND s.span_id = a.span_id
    WHERE s.parent_span_id IS NOT NULL
),
counted_usage AS (
    SELECT * FROM used u WHERE NOT EXISTS (
        SELECT 1 FROM above_usage a WHERE a.trace_id = u.trace_id AND a.span_id = u.span_id
    )
)
"""
