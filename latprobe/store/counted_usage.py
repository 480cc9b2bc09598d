"""The rule for totals, as SQL: each model call's usage once, however many spans repeat it.

docs/token-ledger.md, "Totals", says it in words.
"""

from __future__ import annotations

# Needs a CTE `wanted(trace_id)` before it and WITH RECURSIVE; gives `counted_usage`, the rows of
# `usage` that count, with all their columns.
#
# Instrumentations nest (an agent's span around a client's, a gateway's around a provider's), and
# the outer span repeats what the inner one used. Rule: a row counts only if no descendant of its
# span in the same trace has counts of the same kind; embeddings are a kind of their own, so that a
# chat that looks something up in a vector store keeps its own tokens. `above_usage` are all
# ancestors of spans with counts, found upwards; UNION drops what was seen, so a cycle of parents
# ends; in a trace of several calls, none in a cycle counts.
#
# Some instrumentations (OpenInference's of langchain) do not make their span current, so that the
# client's span stands beside it. `repeated_beside` are those outer ones: the span of another scope
# ran within theirs, with the same tokens and model, whose name one of them may say more of. They
# read main.spans, since readers put a CTE of fewer columns in the place of `spans`.
COUNTED_USAGE = """
used AS (
    SELECT u.trace_id, u.span_id, u.operation IS NOT DISTINCT FROM 'embeddings' AS is_embedding
    FROM usage u
    WHERE u.trace_id IN (SELECT trace_id FROM wanted)
      AND (u.input_tokens IS NOT NULL OR u.output_tokens IS NOT NULL)
),
many AS (SELECT trace_id FROM used GROUP BY trace_id HAVING count(DISTINCT span_id) > 1),
above_usage AS (
    SELECT s.trace_id, s.parent_span_id AS span_id, u.is_embedding
    FROM spans s JOIN used u ON s.trace_id = u.trace_id AND s.span_id = u.span_id
    WHERE s.parent_span_id <> s.span_id AND s.trace_id IN (SELECT trace_id FROM many)
    UNION
    SELECT s.trace_id, s.parent_span_id, a.is_embedding
    FROM spans s JOIN above_usage a ON s.trace_id = a.trace_id AND s.span_id = a.span_id
    WHERE s.parent_span_id IS NOT NULL
),
alike AS (
    SELECT o.trace_id, o.span_id, i.span_id AS other_id FROM usage o JOIN usage i
    ON i.trace_id = o.trace_id AND i.span_id <> o.span_id AND i.input_tokens = o.input_tokens
       AND i.output_tokens IS NOT DISTINCT FROM o.output_tokens
    WHERE o.trace_id IN (SELECT trace_id FROM many)
      AND (contains(i.model, o.model) OR contains(o.model, i.model))
),
repeated_beside AS (
    SELECT DISTINCT a.trace_id, a.span_id FROM alike a
    JOIN main.spans o ON o.trace_id = a.trace_id AND o.span_id = a.span_id
    JOIN main.spans i ON i.trace_id = a.trace_id AND i.span_id = a.other_id
    WHERE i.scope IS DISTINCT FROM o.scope AND i.start_ns >= o.start_ns
      AND i.start_ns + i.duration_ns <= o.start_ns + o.duration_ns
      AND i.duration_ns < o.duration_ns
),
counted_usage AS (
    SELECT u.* FROM usage u
    WHERE u.trace_id IN (SELECT trace_id FROM wanted) AND NOT EXISTS (
        SELECT 1 FROM above_usage a WHERE a.trace_id = u.trace_id AND a.span_id = u.span_id
        AND a.is_embedding = (u.operation IS NOT DISTINCT FROM 'embeddings')
    ) AND NOT EXISTS (
        SELECT 1 FROM repeated_beside b WHERE b.trace_id = u.trace_id AND b.span_id = u.span_id
    )
)
"""

# The same over the whole store, for SQL by hand.
COUNTED_USAGE_VIEW = f"""
CREATE VIEW counted_usage AS
WITH RECURSIVE wanted AS (SELECT DISTINCT trace_id FROM usage), {COUNTED_USAGE}
SELECT * FROM counted_usage;
"""
