"""The model calls that a token question is about: each counted once, with the template it is of."""

from __future__ import annotations

from collections.abc import Sequence

from latprobe.analysis.scope import Scope
from latprobe.store.counted_usage import COUNTED_USAGE

# A template that turned out to be a special case of another counts for that one.
_TEMPLATE_NAMES = """
template_names AS (
    SELECT t.template_id,
           coalesce(try_cast(t.state ->> 'merged_into' AS UUID), t.template_id) AS template
    FROM templates t
)
"""


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
        calls = "starts_with(replace(coalesce(n.template, s.template_id)::VARCHAR, '-', ''), ?)"
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
