"""How much of a template's prompt is the same from its start: what a provider's cache can keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latprobe.analysis.counted_calls import PARTS, CallsSql
from latprobe.store.query import Query

# A part is stable if so many of the calls send the same one there: one changed prompt in a window
# does not make everything after it new to the cache.
STABLE_SHARE = 0.9
_TEXTS = 32


@dataclass(frozen=True, slots=True)
class StablePrefix:
    """Tokens from the start, tools and system text included, that the template's calls share.

    `tokens` are those of whole parts, plus `partial_tokens` of the first part that differs: its
    common beginning, by the part's tokens a character (estimated), over its newest 32 texts; None
    where texts are not kept. `share` (0..1) is of the median prompt, `stopped_by` the kind of the
    part that differs, None if all are the same.
    """

    tokens: int
    partial_tokens_estimated: int | None
    share: float | None
    stopped_by: str | None
    calls: int


_POSITIONS = """
, inputs AS (
    SELECT template, trace_id, span_id, hash, part, tokens,
           row_number() OVER (PARTITION BY trace_id, span_id ORDER BY position) AS place,
           count(*) OVER (PARTITION BY trace_id, span_id) AS places
    FROM parts
    WHERE template::VARCHAR IN ($IDS) AND side = 'input' AND hash IS NOT NULL
),
prompts_of AS (
    SELECT template, count(*) AS calls, median(tokens) AS typical FROM (
        SELECT template, sum(tokens) AS tokens FROM inputs GROUP BY template, trace_id, span_id)
    GROUP BY template
),
same AS (
    SELECT template, place, hash, any_value(part) AS part, any_value(tokens) AS tokens,
           count(*) AS calls
    FROM inputs GROUP BY template, place, hash
    QUALIFY row_number() OVER (PARTITION BY template, place ORDER BY count(*) DESC, hash) = 1
)
SELECT s.template::VARCHAR AS template, s.place, s.part, s.tokens, s.calls,
       p.calls AS all_calls, p.typical
FROM same s JOIN prompts_of p ON p.template = s.template
ORDER BY 1, s.place
"""


def stable_prefixes(query: Query, calls: CallsSql, ids: Sequence[str]) -> dict[str, StablePrefix]:
    """By template id, as text with dashes; a template without parts is left out."""
    before, parameters = calls
    sql = _POSITIONS.replace("$IDS", ", ".join("?" for _ in ids))
    places: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in query(f"{before} {PARTS} {sql}", [*parameters, *ids]).to_pylist():
        places[row["template"]].append(row)
    ends = {
        template: row["place"] for template, rows in places.items() if (row := _first_other(rows))
    }
    partial = _common_beginnings(query, calls, ends)
    return {template: _prefix(rows, partial.get(template)) for template, rows in places.items()}


def _first_other(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first place where calls differ; None where they do not."""
    return next((row for row in rows if row["calls"] < STABLE_SHARE * row["all_calls"]), None)


def _prefix(rows: list[dict[str, Any]], partial: int | None) -> StablePrefix:
    other = _first_other(rows)
    whole = rows if other is None else rows[: rows.index(other)]
    tokens = sum(row["tokens"] or 0 for row in whole)
    stopped_by = None if other is None else other["part"]
    typical = rows[0]["typical"]
    share = min(1.0, (tokens + (partial or 0)) / typical) if typical else None
    return StablePrefix(tokens, partial, share, stopped_by, rows[0]["all_calls"])


# `ends` are templates and places. The newest texts there.
_BEGINNINGS = f"""
, ends AS (
    SELECT split_part(word, '/', 1)::UUID AS template, split_part(word, '/', 2)::BIGINT AS place
    FROM (SELECT unnest(string_split(?, ',')) AS word)
),
inputs AS (
    SELECT p.template, p.hash, p.tokens, c.start_ns,
           row_number() OVER (PARTITION BY p.trace_id, p.span_id ORDER BY p.position) AS place
    FROM parts p JOIN calls c ON c.trace_id = p.trace_id AND c.span_id = p.span_id
    WHERE p.template IN (SELECT template FROM ends) AND p.side = 'input' AND p.hash IS NOT NULL
)
SELECT i.template::VARCHAR AS template, t.text, i.tokens, t.characters
FROM (SELECT template, hash, any_value(tokens) AS tokens, max(start_ns) AS start_ns
      FROM inputs SEMI JOIN ends USING (template, place) GROUP BY template, hash
      QUALIFY row_number() OVER (PARTITION BY template ORDER BY max(start_ns) DESC, hash)
              <= {_TEXTS}) i
LEFT JOIN prompts t ON t.hash = i.hash
"""


def _common_beginnings(
    query: Query, calls: CallsSql, ends: Mapping[str, int]
) -> dict[str, int | None]:
    """By template, `_common_beginning` of its newest texts at the place given."""
    if not ends:
        return {}
    before, parameters = calls
    words = ",".join(f"{template}/{place}" for template, place in ends.items())
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in query(f"{before} {PARTS} {_BEGINNINGS}", [*parameters, words]).to_pylist():
        found[row["template"]].append(row)
    return {template: _common_beginning(rows) for template, rows in found.items()}


def _common_beginning(rows: list[dict[str, Any]]) -> int | None:
    """Estimated tokens that the texts begin with alike; None if not known."""
    texts = [row["text"] for row in rows]
    if not texts or any(text is None for text in texts):
        return None
    tokens = sum(row["tokens"] or 0 for row in rows)
    characters = sum(row["characters"] or len(row["text"]) for row in rows)
    return round(_shared_start(texts) * tokens / characters) if characters else 0


def _shared_start(texts: list[str]) -> int:
    """Characters that all texts begin with alike."""
    first, last = min(texts), max(texts)
    for at, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return at
    return min(len(first), len(last))
