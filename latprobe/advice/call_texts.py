"""Recorded prompts and outputs, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from latprobe.analysis.counted_calls import calls_sql
from latprobe.analysis.scope import Scope
from latprobe.store.query import Query

# The newest calls of each template that are read, and of how many templates.
CALLS_A_TEMPLATE = 60
TEMPLATES = 50


@dataclass(frozen=True, slots=True)
class TextPart:
    """One part of a call in its order. `text` is None where content was not kept; `tokens` is what
    the store counted, None where it could not, and `is_estimated` whether that is no exact count.
    """

    side: str
    kind: str
    role: str | None
    name: str | None
    text: str | None
    is_truncated: bool
    tokens: int | None
    is_estimated: bool
    hash: str | None


@dataclass(frozen=True, slots=True)
class CallText:
    """One model call: ids as hexadecimal digits, times in ns, tokens None where not known."""

    trace_id: str
    span_id: str
    start_ns: int
    stage: str
    provider: str | None
    model: str | None
    template: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cost_usd: float | None
    stops_early: bool | None
    parts: tuple[TextPart, ...]

    @property
    def has_text(self) -> bool:
        """False with content off: parts are then known by hash and length only."""
        return any(part.text is not None for part in self.parts)

    def side(self, side: str) -> tuple[TextPart, ...]:
        """The parts of "input" or "output"."""
        return tuple(part for part in self.parts if part.side == side)


_CALL = (
    "trace_id",
    "span_id",
    "start_ns",
    "stage",
    "provider",
    "model",
    "template",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cost_usd",
    "stops_early",
)
_PART = (
    "side", "kind", "role", "part_name", "text", "is_truncated", "tokens", "is_estimated", "hash",
)  # fmt: skip


def fetch_call_texts(
    query: Query, scope: Scope, *, calls_a_template: int = CALLS_A_TEMPLATE
) -> tuple[CallText, ...]:
    """The newest calls of the templates with the most tokens, the newest call last."""
    before, parameters = calls_sql(scope)
    rows = query(
        f"""{before},
        heavy AS (
            SELECT template FROM calls GROUP BY template
            ORDER BY sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) DESC
            LIMIT {TEMPLATES}
        ),
        newest AS (
            SELECT c.* FROM calls c JOIN heavy h ON h.template IS NOT DISTINCT FROM c.template
            QUALIFY row_number() OVER (
                PARTITION BY c.template ORDER BY c.start_ns DESC, c.span_id) <= {calls_a_template}
        )
        SELECT replace(n.trace_id::VARCHAR, '-', '') AS trace_id,
               format('{{:016x}}', n.span_id) AS span_id, n.start_ns, n.stage, n.provider, n.model,
               replace(n.template::VARCHAR, '-', '') AS template, n.input_tokens, n.output_tokens,
               n.cache_read_tokens, n.cost_usd, n.stops_early,
               p.position, p.side, p.part AS kind, p.role, p.name AS part_name, t.text,
               coalesce(t.truncated, FALSE) AS is_truncated, p.tokens,
               coalesce(p.tokens_estimated, FALSE) AS is_estimated,
               replace(p.hash::VARCHAR, '-', '') AS hash
        FROM newest n
        LEFT JOIN call_parts p ON p.trace_id = n.trace_id AND p.span_id = n.span_id
        LEFT JOIN prompts t ON t.hash = p.hash
        ORDER BY n.start_ns, n.trace_id, n.span_id, p.side, p.position
        """,
        parameters,
    ).to_pylist()
    found = []
    for _, group in groupby(rows, key=lambda row: (row["trace_id"], row["span_id"])):
        members = list(group)
        parts = tuple(
            TextPart(**{("name" if key == "part_name" else key): row[key] for key in _PART})
            for row in members
            if row["side"] is not None
        )
        found.append(CallText(**{key: members[0][key] for key in _CALL}, parts=parts))
    return tuple(found)
