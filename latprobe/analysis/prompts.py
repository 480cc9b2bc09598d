"""The heaviest model calls, and one call taken apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from latprobe.analysis.counted_calls import settled_calls_sql
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.errors import NoDataError, UsageError
from latprobe.store.query import Query

CallOrder = Literal["tokens", "cost"]
_ORDERS = {
    "tokens": "coalesce(c.input_tokens, 0) + coalesce(c.output_tokens, 0)",
    "cost": "coalesce(c.cost_usd, -1)",
}


@dataclass(frozen=True, slots=True)
class CallRow:
    """One model call. `heaviest_part` is the kind with the most input tokens.

    `is_exact` and `expected_error` are those of what was counted; `residual_input_tokens` is billed
    less counted. `origin` says where the tokens come from: "provider", "counted", "estimated".
    """

    trace_id: str
    span_id: str
    start_ns: int
    stage: str
    provider: str | None
    model: str | None
    template_id: str | None
    template_name: str | None
    input_tokens: int | None
    cache_read_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    cost_origin: str | None
    input_origin: str | None
    output_origin: str | None
    residual_input_tokens: int | None
    residual_output_tokens: int | None
    is_exact: bool | None
    expected_error: float | None
    stops_early: bool | None
    problem: str | None
    content_problem: str | None
    heaviest_part: str | None
    heaviest_part_tokens: int | None


@dataclass(frozen=True, slots=True)
class AnatomyPart:
    """One part of a call. `tokens` is None if it could not be counted, `text` if not kept.

    `is_truncated`: the text is the beginning only; the other figures are of the whole.
    `sent_before` counts the earlier calls in the store that sent the same.
    """

    position: int
    side: str
    kind: str
    role: str | None
    name: str | None
    tokens: int | None
    is_estimated: bool
    bytes: int | None
    characters: int | None
    hash: str | None
    text: str | None
    is_truncated: bool
    media: dict[str, object] | None
    sent_before: int


@dataclass(frozen=True, slots=True)
class CallAnatomy:
    """A call and its parts in prompt order, overhead and output included."""

    call: CallRow
    parts: tuple[AnatomyPart, ...]


_ROWS = """
    SELECT replace(c.trace_id::VARCHAR, '-', '') AS trace_id,
           format('{:016x}', c.span_id) AS span_id, c.start_ns, c.stage, c.provider, c.model,
           replace(c.template::VARCHAR, '-', '') AS template_id, t.name AS template_name,
           c.input_tokens, c.cache_read_tokens, c.output_tokens, c.reasoning_tokens,
           c.cost_usd, c.cost_origin, c.input_origin, c.output_origin,
           c.residual_input_tokens, c.residual_output_tokens, c.is_exact, c.expected_error,
           c.stops_early, c.problem, c.content_problem,
           h.part AS heaviest_part, h.tokens AS heaviest_part_tokens
"""
_JOINS = """
    LEFT JOIN templates t ON t.template_id = c.template
    LEFT JOIN (
        SELECT trace_id, span_id, part, sum(tokens)::BIGINT AS tokens FROM call_parts
        WHERE side = 'input' AND (trace_id, span_id) IN (SELECT (trace_id, span_id) FROM chosen)
        GROUP BY trace_id, span_id, part
        QUALIFY row_number() OVER (
            PARTITION BY trace_id, span_id ORDER BY sum(tokens) DESC NULLS LAST, part) = 1
    ) h ON h.trace_id = c.trace_id AND h.span_id = c.span_id
"""


def heaviest_calls(
    query: Query,
    scope: Scope = EVERYTHING,
    *,
    limit: int = 20,
    order: CallOrder = "tokens",
    template_id: str | None = None,
) -> list[CallRow]:
    """The calls with the most tokens, or the dearest; of one template if its id is given."""
    before, parameters = settled_calls_sql(query, scope, template_id=template_id)
    weight = f"{_ORDERS[order]} DESC, c.start_ns, c.trace_id, c.span_id"
    rows = query(
        f"""{before}, chosen AS (
            SELECT * FROM calls c ORDER BY {weight} LIMIT {int(limit)})
        {_ROWS} FROM chosen c {_JOINS} ORDER BY {weight}""",
        parameters,
    ).to_pylist()
    return [CallRow(**row) for row in rows]


def call_anatomy(query: Query, trace_id: str, span_id: str) -> CallAnatomy:
    """A call's parts with their texts. A trace id's first digits are enough.

    Raises UsageError for ids that are none, NoDataError for a call that is not there.
    """
    trace, span = _trace_digits(trace_id), _span_number(span_id)
    rows = query(
        f"""WITH chosen AS (
            SELECT u.*, coalesce(try_cast(n.state ->> 'merged_into' AS UUID), u.template_id)
                   AS template
            FROM usage u LEFT JOIN templates n ON n.template_id = u.template_id
            WHERE starts_with(replace(u.trace_id::VARCHAR, '-', ''), ?) AND u.span_id = ?)
        {_ROWS} FROM chosen c {_JOINS} ORDER BY c.start_ns, c.trace_id LIMIT 1""",
        [trace, span],
    ).to_pylist()
    if not rows:
        raise NoDataError(
            f"No model call {trace_id}/{span_id} is recorded; `latprobe prompts` lists calls."
        )
    call = CallRow(**rows[0])
    return CallAnatomy(call, _parts(query, call))


def _parts(query: Query, call: CallRow) -> tuple[AnatomyPart, ...]:
    rows = query(
        """
        SELECT p.position, p.side, p.part AS kind, p.role, p.name, p.tokens,
               coalesce(p.tokens_estimated, FALSE) AS is_estimated, t.bytes, t.characters,
               replace(p.hash::VARCHAR, '-', '') AS hash, t.text,
               coalesce(t.truncated, FALSE) AS is_truncated, t.media,
               (SELECT count(*) FROM call_parts o JOIN usage u
                    ON u.trace_id = o.trace_id AND u.span_id = o.span_id
                WHERE o.hash = p.hash AND u.start_ns < ?) AS sent_before
        FROM call_parts p LEFT JOIN prompts t ON t.hash = p.hash
        WHERE p.trace_id = ?::UUID AND p.span_id = ?
        ORDER BY p.position
        """,
        [call.start_ns, call.trace_id, int(call.span_id, 16)],
    ).to_pylist()
    return tuple(AnatomyPart(**{**row, "media": _media(row["media"])}) for row in rows)


def _media(text: Any) -> dict[str, object] | None:
    found = json.loads(text) if text is not None else None
    return found if isinstance(found, dict) else None


def _trace_digits(text: str) -> str:
    digits = text.replace("-", "").lower()
    if not digits or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        raise UsageError(f"{text!r} is not a trace id; write its first hexadecimal digits.")
    return digits


def _span_number(text: str) -> int:
    try:
        number = int(text, 16)
    except ValueError:
        number = -1
    if not 0 <= number < 2**64:
        raise UsageError(f"{text!r} is not a span id; write its 16 hexadecimal digits.")
    return number
