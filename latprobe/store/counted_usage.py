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
# What was only counted from the content (`is_guess`) does not stand in for what the provider
# reported: where none below a provider's figure is reported, that figure counts, and
# `reported_above` are those below it. Traces without both have none.
#
# Some instrumentations (OpenInference's of langchain) do not make their span current, so that the
# client's span stands beside it. `repeated_beside` are those outer ones: the span of another scope
# ran within theirs, with the same tokens and model, whose name one of them may say more of, or not
# at all. Where one of the two has no usage, its tokens were counted and are about the same; the
# reported one counts. They read main.spans, since readers put a CTE of fewer columns in the place
# of `spans`.
COUNTED_USAGE = """
used AS (
    SELECT u.trace_id, u.span_id, u.operation IS NOT DISTINCT FROM 'embeddings' AS is_embedding,
           coalesce(u.origin IN ('counted', 'estimated'), FALSE) AS is_guess,
           coalesce(u.origin = 'provider', FALSE) AS is_provider
    FROM usage u
    WHERE u.trace_id IN (SELECT trace_id FROM wanted)
      AND (u.input_tokens IS NOT NULL OR u.output_tokens IS NOT NULL)
),
many AS (SELECT trace_id FROM used GROUP BY trace_id HAVING count(DISTINCT span_id) > 1),
mixed AS (
    SELECT trace_id FROM used GROUP BY trace_id HAVING bool_or(is_guess) AND bool_or(is_provider)
),
above_usage AS (
    SELECT s.trace_id, s.parent_span_id AS span_id, u.is_embedding, u.is_guess
    FROM spans s JOIN used u ON s.trace_id = u.trace_id AND s.span_id = u.span_id
    WHERE s.parent_span_id <> s.span_id AND s.trace_id IN (SELECT trace_id FROM many)
    UNION
    SELECT s.trace_id, s.parent_span_id, a.is_embedding, a.is_guess
    FROM spans s JOIN above_usage a ON s.trace_id = a.trace_id AND s.span_id = a.span_id
    WHERE s.parent_span_id IS NOT NULL
),
above_guess AS (
    SELECT s.trace_id, s.parent_span_id AS span_id, u.span_id AS guess_id, u.is_embedding
    FROM spans s JOIN used u ON s.trace_id = u.trace_id AND s.span_id = u.span_id
    WHERE s.parent_span_id <> s.span_id AND u.is_guess
      AND s.trace_id IN (SELECT trace_id FROM mixed)
    UNION
    SELECT s.trace_id, s.parent_span_id, a.guess_id, a.is_embedding
    FROM spans s JOIN above_guess a ON s.trace_id = a.trace_id AND s.span_id = a.span_id
    WHERE s.parent_span_id IS NOT NULL
),
reported_above AS (
    SELECT DISTINCT g.trace_id, g.guess_id AS span_id, g.is_embedding FROM above_guess g
    JOIN used u ON u.trace_id = g.trace_id AND u.span_id = g.span_id
        AND u.is_embedding = g.is_embedding AND u.is_provider
    WHERE NOT EXISTS (
        SELECT 1 FROM above_usage a WHERE a.trace_id = u.trace_id AND a.span_id = u.span_id
        AND a.is_embedding = u.is_embedding AND NOT a.is_guess
    )
),
alike AS (
    SELECT o.trace_id, o.span_id, i.span_id AS other_id, FALSE AS is_guess
    FROM usage o JOIN usage i
    ON i.trace_id = o.trace_id AND i.span_id <> o.span_id AND i.input_tokens = o.input_tokens
       AND i.output_tokens IS NOT DISTINCT FROM o.output_tokens
    WHERE o.trace_id IN (SELECT trace_id FROM many)
      AND coalesce(contains(i.model, o.model) OR contains(o.model, i.model), TRUE)
      AND NOT coalesce(o.origin = 'provider' AND i.origin IN ('counted', 'estimated'), FALSE)
    UNION ALL
    SELECT o.trace_id, o.span_id, i.span_id, TRUE FROM usage o JOIN usage i
    ON i.trace_id = o.trace_id AND i.span_id <> o.span_id
       AND o.origin IN ('counted', 'estimated') AND i.origin = 'provider'
       AND abs(i.input_tokens - o.input_tokens) <= 20 + i.input_tokens / 4
       AND i.operation IS NOT DISTINCT FROM o.operation
    WHERE o.trace_id IN (SELECT trace_id FROM mixed)
      AND (contains(i.model, o.model) OR contains(o.model, i.model))
      AND NOT EXISTS (
          SELECT 1 FROM above_usage a WHERE a.trace_id = i.trace_id AND a.span_id = i.span_id
          AND NOT a.is_guess
      )
),
repeated_beside AS (
    SELECT DISTINCT a.trace_id, a.span_id FROM alike a
    JOIN main.spans o ON o.trace_id = a.trace_id AND o.span_id = a.span_id
    JOIN main.spans i ON i.trace_id = a.trace_id AND i.span_id = a.other_id
    WHERE i.scope IS DISTINCT FROM o.scope AND (
        (i.start_ns >= o.start_ns AND i.duration_ns < o.duration_ns
         AND i.start_ns + i.duration_ns <= o.start_ns + o.duration_ns)
        OR (a.is_guess AND o.start_ns >= i.start_ns
            AND o.start_ns + o.duration_ns <= i.start_ns + i.duration_ns)
    )
),
counted_usage AS (
    SELECT u.* FROM usage u
    WHERE u.trace_id IN (SELECT trace_id FROM wanted) AND NOT EXISTS (
        SELECT 1 FROM above_usage a WHERE a.trace_id = u.trace_id AND a.span_id = u.span_id
        AND a.is_embedding = (u.operation IS NOT DISTINCT FROM 'embeddings')
        AND (NOT a.is_guess OR u.origin IS DISTINCT FROM 'provider')
    ) AND NOT EXISTS (
        SELECT 1 FROM reported_above r WHERE r.trace_id = u.trace_id AND r.span_id = u.span_id
        AND r.is_embedding = (u.operation IS NOT DISTINCT FROM 'embeddings')
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
