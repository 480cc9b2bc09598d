"""The templates that use the most tokens, and which part of their prompts does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from latprobe.analysis.counted_calls import PARTS, CallsSql, named_calls_sql, settled_calls_sql
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.stable_prefix import StablePrefix, stable_prefixes
from latprobe.store.query import Query

# Conversations are looked at over the newest calls only: their ids stand in attributes.
_GROWTH_CALLS = 20_000


@dataclass(frozen=True, slots=True)
class PartUse:
    """One kind of part in a template's calls: percentiles over the calls that have it.

    `share` (0..1) is of all counted tokens on its side. `kind` may be "overhead".
    """

    side: str
    kind: str
    calls: int
    tokens: int
    p50_tokens: float
    p95_tokens: float
    share: float | None
    is_estimated: bool


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool offered by the template's calls. `schema_tokens`: the median, None if not counted."""

    name: str
    offered: int
    called: int
    schema_tokens: float | None


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """Calls of one template. Figures are over the calls that have them, None if none has.

    `template_id` is None for calls without content. `cache_share` and `repeated_share` are 0..1:
    input read from the provider's cache, and counted input that an earlier call had sent already.
    `residual_input_tokens` is billed less counted. `growth_tokens_per_turn` is the median slope of
    the input over the turns of a conversation, or of a trace, over `conversations` of them.
    `stopped_calls` ran into their token limit.
    """

    template_id: str | None
    name: str | None
    source: str | None
    stages: tuple[str, ...]
    models: tuple[str, ...]
    calls: int
    input_tokens: int | None
    input_p50: float | None
    input_p95: float | None
    output_tokens: int | None
    output_p50: float | None
    output_p95: float | None
    cost_usd: float | None
    unpriced_calls: int
    cache_share: float | None
    residual_input_tokens: int | None
    is_exact: bool | None
    expected_error: float | None
    stopped_calls: int | None
    parts: tuple[PartUse, ...]
    stable_prefix: StablePrefix | None
    repeated_tokens: int | None
    repeated_share: float | None
    growth_tokens_per_turn: float | None
    conversations: int
    tools: tuple[ToolUse, ...]

    @property
    def unused_tools(self) -> tuple[str, ...]:
        """Tools that were offered and never called."""
        return tuple(tool.name for tool in self.tools if tool.offered and not tool.called)


_CALLS = """
    SELECT template::VARCHAR AS template_id,
           list_sort(list(DISTINCT stage)) AS stages,
           list_sort(list(DISTINCT model) FILTER (model IS NOT NULL)) AS models,
           count(*) AS calls,
           sum(input_tokens)::BIGINT AS input_tokens,
           quantile_cont(input_tokens, 0.5) AS input_p50,
           quantile_cont(input_tokens, 0.95) AS input_p95,
           sum(output_tokens)::BIGINT AS output_tokens,
           quantile_cont(output_tokens, 0.5) AS output_p50,
           quantile_cont(output_tokens, 0.95) AS output_p95,
           sum(cost_usd) AS cost_usd,
           count(*) FILTER (cost_usd IS NULL
               AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)) AS unpriced_calls,
           sum(cache_read_tokens) FILTER (input_tokens IS NOT NULL)
               / nullif(sum(input_tokens) FILTER (cache_read_tokens IS NOT NULL), 0) AS cache_share,
           sum(residual_input_tokens)::BIGINT AS residual_input_tokens,
           bool_and(is_exact) AS is_exact,
           max(expected_error) AS expected_error,
           sum(stops_early::INTEGER)::BIGINT AS stopped_calls
    FROM calls GROUP BY template
"""


def heaviest_templates(
    query: Query, scope: Scope = EVERYTHING, *, limit: int = 20, template_id: str | None = None
) -> list[TemplateUse]:
    """The templates with the most tokens, in and out; of one template alone if its id is given.

    An id's first digits are enough. Calls whose prompt is not known are one row, without an id.
    """
    return _heaviest(query, settled_calls_sql(query, scope, template_id=template_id), limit)


def templates_of_calls(query: Query, calls: Sequence[tuple[str, str]]) -> list[TemplateUse]:
    """The templates of these calls only, the most tokens first.

    `calls` are trace and span ids of calls that count, as `prompts.heaviest_calls` gives them.
    """
    return _heaviest(query, named_calls_sql(calls), len(calls))


def _heaviest(query: Query, calls: CallsSql, limit: int) -> list[TemplateUse]:
    before, parameters = calls
    rows = query(
        f"""{before}
        SELECT u.*, t.name, t.source
        FROM ({_CALLS}) u LEFT JOIN templates t ON t.template_id::VARCHAR = u.template_id
        ORDER BY coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0) DESC, u.template_id
        LIMIT {int(limit)}""",
        parameters,
    ).to_pylist()
    ids = [row["template_id"] for row in rows if row["template_id"] is not None]
    details = _Details(query, calls, ids)
    return [_template(row, details) for row in rows]


class _Details:
    """What the templates' parts, tools and conversations say; by template id."""

    def __init__(self, query: Query, calls: CallsSql, ids: list[str]) -> None:
        self.parts: dict[str | None, list[PartUse]] = defaultdict(list)
        self.tools: dict[str | None, list[ToolUse]] = defaultdict(list)
        self.repeated: dict[str | None, tuple[int, float | None]] = {}
        self.growth: dict[str | None, tuple[float | None, int]] = {}
        self.prefixes: dict[str, StablePrefix] = {}
        if ids:
            self._fill(query, calls, ids)

    def _fill(self, query: Query, calls: CallsSql, ids: list[str]) -> None:
        before, parameters = calls
        marks = ", ".join("?" for _ in ids)

        def rows(sql: str) -> list[dict[str, Any]]:
            table = query(f"{before} {PARTS} {sql.replace('$IDS', marks)}", [*parameters, *ids])
            return [dict(row) for row in table.to_pylist()]

        for row in rows(_PARTS_SQL):
            self.parts[row.pop("template")].append(PartUse(**row))
        for row in rows(_TOOLS_SQL):
            self.tools[row.pop("template")].append(ToolUse(**row))
        for row in rows(_REPEATED_SQL):
            self.repeated[row["template"]] = (row["repeated"], row["share"])
        for row in rows(_GROWTH_SQL):
            self.growth[row["template"]] = (row["slope"], row["conversations"])
        self.prefixes = stable_prefixes(query, calls, ids)


def _template(row: dict[str, Any], details: _Details) -> TemplateUse:
    key = row["template_id"]
    repeated, repeated_share = details.repeated.get(key, (None, None))
    slope, conversations = details.growth.get(key, (None, 0))
    return TemplateUse(
        **{
            **row,
            "template_id": key.replace("-", "") if key else None,
            "stages": tuple(row["stages"]),
            "models": tuple(row["models"] or ()),
        },
        parts=tuple(details.parts.get(key, ())),
        stable_prefix=details.prefixes.get(key) if key else None,
        repeated_tokens=repeated,
        repeated_share=repeated_share,
        growth_tokens_per_turn=slope,
        conversations=conversations,
        tools=tuple(details.tools.get(key, ())),
    )


_PARTS_SQL = """
SELECT template::VARCHAR AS template, side, part AS kind, count(*) AS calls,
       sum(tokens)::BIGINT AS tokens, quantile_cont(tokens, 0.5) AS p50_tokens,
       quantile_cont(tokens, 0.95) AS p95_tokens,
       sum(tokens) / nullif(sum(sum(tokens)) OVER (PARTITION BY template, side), 0) AS share,
       bool_or(is_estimated) AS is_estimated
FROM (SELECT template, side, part, sum(tokens) AS tokens, bool_or(is_estimated) AS is_estimated
      FROM parts WHERE template::VARCHAR IN ($IDS) AND tokens IS NOT NULL
      GROUP BY template, side, part, trace_id, span_id)
GROUP BY template, side, part
ORDER BY side, sum(tokens) DESC, part
"""

# The first time a text is sent is no repetition.
_REPEATED_SQL = """
SELECT template::VARCHAR AS template, sum(tokens - first)::BIGINT AS repeated,
       sum(tokens - first) / nullif(sum(tokens), 0) AS share
FROM (SELECT template, sum(tokens) AS tokens, any_value(tokens) AS first
      FROM parts WHERE template::VARCHAR IN ($IDS) AND side = 'input' AND tokens IS NOT NULL
                   AND hash IS NOT NULL
      GROUP BY template, hash)
GROUP BY template
"""

_TOOLS_SQL = """
SELECT c.template::VARCHAR AS template, u.name,
       count(*) FILTER (u.offered) AS offered, count(*) FILTER (u.called) AS called,
       (SELECT median(p.tokens) FROM parts p
        WHERE p.template = c.template AND p.part = 'tools' AND p.name = u.name) AS schema_tokens
FROM tool_use u
JOIN (SELECT DISTINCT trace_id, span_id, template FROM calls) c
  ON c.trace_id = u.trace_id AND c.span_id = u.span_id
WHERE c.template::VARCHAR IN ($IDS)
GROUP BY c.template, u.name ORDER BY called, schema_tokens DESC NULLS LAST, u.name
"""

_GROWTH_SQL = f"""
, newest AS (
    SELECT c.template, c.trace_id, c.start_ns, c.input_tokens,
           coalesce(s.attributes ->> '$."gen_ai.conversation.id"',
                    s.attributes ->> '$."session.id"', c.trace_id::VARCHAR) AS conversation
    FROM (SELECT * FROM calls WHERE input_tokens IS NOT NULL
          ORDER BY start_ns DESC LIMIT {_GROWTH_CALLS}) c
    LEFT JOIN spans s ON s.trace_id = c.trace_id AND s.span_id = c.span_id
    WHERE c.template::VARCHAR IN ($IDS)
),
turns AS (
    SELECT template, conversation, input_tokens,
           row_number() OVER (PARTITION BY template, conversation ORDER BY start_ns) AS turn
    FROM newest
),
slopes AS (
    SELECT template, conversation, regr_slope(input_tokens, turn) AS slope
    FROM turns GROUP BY template, conversation HAVING count(*) >= 2
)
SELECT template::VARCHAR AS template, median(slope) AS slope, count(*) AS conversations
FROM slopes GROUP BY template
"""


def template_text(query: Query, template_id: str) -> str | None:
    """The template's stable text, with {…} where it changes; None if texts are not kept."""
    rows = query(
        "SELECT text FROM templates WHERE replace(template_id::VARCHAR, '-', '') = ?",
        [template_id.replace("-", "")],
    ).to_pylist()
    return rows[0]["text"] if rows else None
