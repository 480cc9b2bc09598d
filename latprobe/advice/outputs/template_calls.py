"""A template's calls in one stage: what they use on average, and their newest texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from latprobe.advice.call_texts import CallText, TextPart
from latprobe.analysis.counted_calls import calls_sql
from latprobe.analysis.scope import Scope
from latprobe.store.query import Query


@dataclass(frozen=True, slots=True)
class TemplateCalls:
    """Tokens and cost are a call's, on average; None where not known.

    `stage_` figures are sums over all calls of the stage, whatever their template. `cut_calls` are
    those that ended at their limit, None where ends were not recorded. `answering_share`, 0..1, of
    the calls answered with a text: others asked for tools, or failed. `members` are the templates
    that count as this one. `texts`: the newest calls.
    """

    template: str | None
    name: str
    stage: str
    model: str | None
    provider: str | None
    calls: int
    per_request: float
    input_tokens: float
    uncached_tokens: float
    cached_tokens: float
    output_tokens: float
    cost_usd: float | None
    cut_calls: int | None
    newest_ns: int
    stage_calls: int
    stage_uncached_tokens: float
    stage_output_tokens: float
    answering_share: float
    members: tuple[str | None, ...]
    texts: tuple[CallText, ...]

    @property
    def subject(self) -> str:
        """What the suggestions are about: the stage, and the template where it has another name."""
        return self.stage if self.name == self.stage else f"{self.stage} ({self.name})"

    @property
    def claim(self) -> str:
        """What names it in claims."""
        return self.template or self.stage

    @property
    def answers(self) -> tuple[str, ...]:
        """Whole texts of the answers, of the calls that have one."""
        return tuple(text for _, text in self.answered)

    @property
    def answered(self) -> tuple[tuple[CallText, str], ...]:
        """The calls with the whole text of their answer."""
        found = ((call, answer_text(call)) for call in self.texts)
        return tuple((call, text) for call, text in found if text)

    @property
    def hides_text(self) -> bool:
        """Whether answers were recorded without their text, so that nothing can be read in them."""
        parts = [part for call in self.texts for part in call.side("output")]
        return bool(parts) and all(part.text is None for part in parts)


# Questions put to one long system text are found as templates of their own where their words
# recur. What it says of the answer holds for all of them, so they count as one.
_LONG_SYSTEM_TOKENS = 100

_SUMS = f"""
, systems AS (
    SELECT c.template, c.stage, mode(p.hash ORDER BY p.hash) AS system
    FROM calls c JOIN call_parts p ON p.trace_id = c.trace_id AND p.span_id = c.span_id
    WHERE p.part = 'system' AND p.tokens >= {_LONG_SYSTEM_TOKENS} GROUP BY 1, 2
), families AS (
    SELECT n.template, n.stage, first_value(n.template) OVER (
        PARTITION BY n.stage, coalesce(s.system::VARCHAR, n.template::VARCHAR, '')
        ORDER BY n.calls DESC, n.template) AS family
    FROM (SELECT template, stage, count(*) AS calls FROM calls GROUP BY 1, 2) n
    LEFT JOIN systems s ON s.template IS NOT DISTINCT FROM n.template AND s.stage = n.stage
), written AS (
    SELECT p.trace_id, p.span_id, bool_or(p.part = 'output') AS answers
    FROM call_parts p SEMI JOIN calls c ON c.trace_id = p.trace_id AND c.span_id = p.span_id
    WHERE p.side = 'output' GROUP BY 1, 2
), facts AS (
    SELECT replace(f.family::VARCHAR, '-', '') AS template, c.stage,
           list(DISTINCT replace(c.template::VARCHAR, '-', '')) AS members,
           mode(c.model ORDER BY c.model) AS model,
           mode(c.provider ORDER BY c.provider) AS provider, count(*) AS calls,
           avg(c.input_tokens) AS input_tokens, avg(c.output_tokens) AS output_tokens,
           avg(coalesce(c.uncached_input_tokens, c.input_tokens)) AS uncached_tokens,
           avg(coalesce(c.cache_read_tokens, 0)) AS cached_tokens,
           CASE WHEN count(c.cost_usd) = count(*) THEN avg(c.cost_usd) END AS cost_usd,
           CASE WHEN count(c.stops_early) > 0
                THEN count(*) FILTER (c.stops_early) END AS cut_calls,
           -- What wrote nothing gave no answer; what wrote unseen may have given one.
           coalesce(avg(CASE WHEN w.answers IS NOT NULL THEN w.answers::INTEGER
                             WHEN coalesce(c.output_tokens, 0) = 0 THEN 0 END),
                    1.0) AS answering_share,
           max(c.start_ns) AS newest_ns
    FROM calls c
    LEFT JOIN written w ON w.trace_id = c.trace_id AND w.span_id = c.span_id
    JOIN families f ON f.template IS NOT DISTINCT FROM c.template AND f.stage = c.stage
    WHERE coalesce(c.operation, 'chat') <> 'embeddings' GROUP BY 1, 2
)
SELECT f.*, sum(f.calls) OVER w AS stage_calls,
       sum(f.calls * f.uncached_tokens) OVER w AS stage_uncached_tokens,
       sum(f.calls * f.output_tokens) OVER w AS stage_output_tokens, t.name AS template_name
FROM facts f LEFT JOIN templates t ON replace(t.template_id::VARCHAR, '-', '') = f.template
WINDOW w AS (PARTITION BY f.stage)
ORDER BY f.calls * (coalesce(f.input_tokens, 0) + coalesce(f.output_tokens, 0)) DESC, f.stage,
         f.template
"""


def fetch_template_calls(
    query: Query, scope: Scope, *, texts: Sequence[CallText], requests: int
) -> tuple[TemplateCalls, ...]:
    """Each template in each stage, the one with the most tokens first; embeddings are left out."""
    newest: dict[tuple[str | None, str], list[CallText]] = defaultdict(list)
    for call in texts:
        newest[call.template, call.stage].append(call)
    before, parameters = calls_sql(scope)
    found = []
    named: set[tuple[str, str]] = set()
    for row in query(before + _SUMS, parameters).to_pylist():
        members = row.pop("members") or [row["template"]]
        known_name = row.pop("template_name")
        name = known_name if known_name and len(members) == 1 else row["stage"]
        if (row["stage"], name) in named:
            # Another prompt of the stage has the name: suggestions are told apart by their subject.
            name = f"prompt {(row['template'] or '')[:8]}"
        named.add((row["stage"], name))
        known: dict[str, Any] = {
            key: (value or 0.0) if key.endswith("_tokens") else value for key, value in row.items()
        }
        found.append(
            TemplateCalls(
                **known,
                name=name,
                members=tuple(members),
                per_request=row["calls"] / max(requests, 1),
                texts=tuple(
                    sorted(
                        (call for each in members for call in newest[each, row["stage"]]),
                        key=lambda call: call.start_ns,
                    )
                ),
            )
        )
    return tuple(found)


def answer_text(call: CallText) -> str:
    """The call's whole answer as text; empty where it was not kept, or was cut."""
    parts = [part for part in call.side("output") if part.kind == "output"]
    if any(part.text is None or part.is_truncated for part in parts):
        return ""
    return "\n".join(part.text or "" for part in parts)


def whole_parts(call: CallText) -> tuple[TextPart, ...]:
    """The parts of the prompt whose whole text is known."""
    return tuple(p for p in call.side("input") if p.text and not p.is_truncated)
