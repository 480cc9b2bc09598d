"""The model calls that a token question is about: each counted once, with the template it is of."""

from __future__ import annotations

from collections.abc import Sequence

from latprobe.analysis.scope import Scope
from latprobe.store.counted_usage import COUNTED_USAGE
from latprobe.store.query import Query

# A template that turned out to be a special case of another counts for that one.
_TEMPLATE_NAMES = """
template_names AS (
    SELECT t.template_id,
           coalesce(try_cast(t.state ->> 'merged_into' AS UUID), t.template_id) AS template
    FROM templates t
)
"""
_OF_TEMPLATE = "starts_with(replace(coalesce(n.template, s.template_id)::VARCHAR, '-', ''), ?)"
# More rows than this that do not count are found anew by each question.
_MOST_REPEATED = 50_000

# CTEs that end with `calls`, and their parameters.
CallsSql = tuple[str, list[object]]


def calls_sql(scope: Scope, *, template_id: str | None = None) -> CallsSql:
    """CTEs that end with `calls`: the rows of `usage` in the scope that count, with `template`.

    To be followed by a SELECT or `, name AS (...)`. The scope's stage and model are the call's own.
    `template_id`, or its first digits, leaves only calls of such templates.
    """
    where, parameters = scope.where()
    traces = calls = "TRUE"
    if template_id is not None:
        parameters = [*parameters, template_id.replace("-", "").lower()]
        calls = _OF_TEMPLATE
        traces = f"""s.trace_id IN (
            SELECT s.trace_id FROM usage s
            LEFT JOIN template_names n ON n.template_id = s.template_id WHERE {calls})"""
    return (
        f"""
        WITH RECURSIVE {_TEMPLATE_NAMES}, wanted AS (
            SELECT DISTINCT s.trace_id FROM (SELECT *, stage AS name FROM usage) s
            WHERE {where} AND {traces}
        ), {COUNTED_USAGE},
        calls AS (
            SELECT s.*, coalesce(n.template, s.template_id) AS template
            FROM (SELECT *, stage AS name FROM counted_usage) s
            LEFT JOIN template_names n ON n.template_id = s.template_id
            WHERE {where} AND {calls}
        )""",
        [*parameters, *parameters],
    )


def settled_calls_sql(query: Query, scope: Scope, *, template_id: str | None = None) -> CallsSql:
    """What `calls_sql` gives, for several questions about the same calls.

    Which rows do not count is asked once: they are few, and finding them takes 0.2 s each time.
    Only traces of several calls have any.
    """
    where, parameters = scope.where()
    rows = query(
        f"""
        WITH RECURSIVE wanted AS (
            SELECT trace_id FROM usage WHERE trace_id IN (
                SELECT s.trace_id FROM (SELECT *, stage AS name FROM usage) s WHERE {where})
            GROUP BY trace_id HAVING count(DISTINCT span_id) > 1
        ), {COUNTED_USAGE}
        SELECT DISTINCT u.trace_id::VARCHAR AS trace, u.span_id AS span,
               u.operation IS NOT DISTINCT FROM 'embeddings' AS is_embedding
        FROM usage u SEMI JOIN wanted USING (trace_id)
        ANTI JOIN counted_usage c ON c.trace_id = u.trace_id AND c.span_id = u.span_id
            AND (c.operation IS NOT DISTINCT FROM 'embeddings')
                = (u.operation IS NOT DISTINCT FROM 'embeddings')
        LIMIT {_MOST_REPEATED + 1}""",
        parameters,
    )
    if rows.num_rows > _MOST_REPEATED:
        return calls_sql(scope, template_id=template_id)
    repeated = ",".join(
        f"{row['trace']}/{row['span']}/{int(row['is_embedding'])}" for row in rows.to_pylist()
    )
    calls = "TRUE"
    if template_id is not None:
        parameters = [*parameters, template_id.replace("-", "").lower()]
        calls = _OF_TEMPLATE
    return (
        f"""
        WITH repeated AS (
            SELECT split_part(word, '/', 1)::UUID AS trace_id,
                   split_part(word, '/', 2)::UBIGINT AS span_id,
                   split_part(word, '/', 3) = '1' AS is_embedding
            FROM (SELECT unnest(string_split(?, ',')) AS word) WHERE word <> ''
        ), {_TEMPLATE_NAMES},
        calls AS (
            SELECT s.*, coalesce(n.template, s.template_id) AS template
            FROM (SELECT *, stage AS name FROM usage) s
            LEFT JOIN template_names n ON n.template_id = s.template_id
            WHERE {where} AND {calls} AND NOT EXISTS (
                SELECT 1 FROM repeated r WHERE r.trace_id = s.trace_id AND r.span_id = s.span_id
                AND r.is_embedding = (s.operation IS NOT DISTINCT FROM 'embeddings'))
        )""",
        [repeated, *parameters],
    )


def named_calls_sql(calls: Sequence[tuple[str, str]]) -> CallsSql:
    """The same for calls that are known to count, by their trace's and span's ids in hexadecimal.

    Which calls count takes 0.2 s to find out, half of it planning.
    """
    words = ",".join(f"{trace}/{int(span, 16)}" for trace, span in calls)
    return (
        f"""
        WITH named AS (
            SELECT split_part(word, '/', 1)::UUID AS trace_id,
                   split_part(word, '/', 2)::UBIGINT AS span_id
            FROM (SELECT unnest(string_split(?, ',')) AS word) WHERE word <> ''
        ), {_TEMPLATE_NAMES},
        calls AS (
            SELECT s.*, s.stage AS name, coalesce(n.template, s.template_id) AS template
            FROM usage s JOIN named USING (trace_id, span_id)
            LEFT JOIN template_names n ON n.template_id = s.template_id
        )""",
        [words],
    )


# Parts of the calls, for after `calls`. A span with two usage rows has its parts once.
PARTS = """
, parts AS (
    SELECT c.template, c.stage, c.model, p.trace_id, p.span_id, p.position, p.side, p.part, p.name,
           p.hash, p.tokens,
           coalesce(p.tokens_estimated, FALSE) OR NOT coalesce(c.is_exact, FALSE) AS is_estimated
    FROM call_parts p
    JOIN (SELECT DISTINCT ON (trace_id, span_id) * FROM calls) c
      ON c.trace_id = p.trace_id AND c.span_id = p.span_id
)
"""
