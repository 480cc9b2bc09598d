"""Model calls as the token pass needs them: columns, content, what was retrieved before them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from latprobe.otel.semconv import Promoted, promote
from latprobe.part_event import PART_EVENT
from latprobe.store.query import Query
from latprobe.store.token_candidates import Ready
from latprobe.tokens.documents import document_texts
from latprobe.tokens.json_values import read_json

# How long before a call its trace may have started; texts from before are not looked for.
_TRACE_NS = 3_600_000_000_000
_RETRIEVING = ("retrieval", "rerank")

_SPANS = """
SELECT trace_id, span_id, run_id, name, status, start_ns, provider, model, operation, input_tokens,
       output_tokens, cost_usd, ttft_ns, chunks, attributes
FROM spans
WHERE ingest_seq BETWEEN ? AND ? AND span_id IN (SELECT unnest(?::UBIGINT[]))
"""
# What there is at all beside the calls: most often nothing, and the queries for it take long.
_BESIDE = f"""
SELECT true AS is_known FROM spans
WHERE operation IN {_RETRIEVING} AND start_ns BETWEEN $1 AND $3
UNION
SELECT name = '{PART_EVENT}' FROM events
WHERE (name = '{PART_EVENT}' AND time_ns BETWEEN $1 AND $3)
   OR (starts_with(name, 'gen_ai.') AND time_ns BETWEEN $2 AND $3)
"""
_EVENTS = f"""
SELECT trace_id, span_id, name, attributes FROM events
WHERE time_ns BETWEEN ? AND ? AND starts_with(name, 'gen_ai.') AND name <> '{PART_EVENT}'
  AND span_id IN (SELECT unnest(?::UBIGINT[]))
ORDER BY time_ns
"""
# What was retrieved, then what was marked.
_KNOWN = f"""
WITH wanted AS MATERIALIZED (SELECT unnest($1::UUID[]) AS trace_id)
SELECT trace_id, start_ns AS at_ns, attributes, false AS is_mark FROM spans
WHERE operation IN {_RETRIEVING} AND start_ns BETWEEN $2 AND $3 AND attributes IS NOT NULL
  AND trace_id IN (FROM wanted)
UNION ALL
SELECT trace_id, time_ns, attributes, true FROM events
WHERE name = '{PART_EVENT}' AND time_ns BETWEEN $2 AND $3 AND trace_id IN (FROM wanted)
ORDER BY is_mark, at_ns
"""


class _Row(NamedTuple):
    """What `_SPANS` gives."""

    trace_id: str
    span_id: int
    run_id: int
    name: str
    status: str
    start_ns: int
    provider: str | None
    model: str | None
    operation: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    ttft_ns: int | None
    chunks: int | None
    attributes: str | None


Key = tuple[str, int]
Event = tuple[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Known:
    """Attributes of what a trace retrieved or marked, at a time."""

    at_ns: int
    attributes: Mapping[str, object]
    is_mark: bool


class Call(NamedTuple):
    """A model's call. `said` are its counts as reported; `known` came before it in its trace."""

    key: Key
    run_id: int
    stage: str
    start_ns: int
    is_error: bool
    is_stream: bool
    operation: str | None
    reported_cost_usd: float | None
    said: Promoted
    attributes: Mapping[str, object]
    events: Sequence[Event] = ()
    known: Sequence[Known] = ()

    @property
    def trace_number(self) -> int:
        """The trace id as a number."""
        return int(self.key[0].replace("-", ""), 16)


def read_calls(query: Query, ready: Ready) -> list[Call]:
    """The calls that are in the store still, in the order of `ready`."""
    spans = _list_text([span for _, span in ready.keys])
    table = query(_SPANS, [ready.first_seq, ready.last_seq, spans])
    columns = [column.to_pylist() for column in table.columns]
    rows = map(_Row._make, zip(*columns, strict=True))
    found = {(row.trace_id, row.span_id): row for row in rows}
    since_ns = max(ready.first_ns - _TRACE_NS, 0)
    beside = query(_BESIDE, [since_ns, ready.first_ns, ready.last_ns])
    kinds = set(beside.column("is_known").to_pylist())
    events = _events(query, ready, spans) if False in kinds else {}
    known = _known(query, ready, since_ns) if True in kinds else {}
    return [
        _call(key, found[key], events.get(key, ()), known.get(key[0], ()))
        for key in ready.keys
        if key in found
    ]


def known_texts(call: Call) -> list[tuple[str, str]]:
    """(kind, text) of what the call's trace retrieved and what it marked, before the call."""
    found: list[tuple[str, str]] = []
    for each in call.known:
        if not each.is_mark:
            found.extend(("retrieved", text) for text in document_texts(each.attributes))
            continue
        kind, text = each.attributes.get("part"), each.attributes.get("text")
        if isinstance(kind, str) and isinstance(text, str):
            found.append((kind, text))
    return found


def _list_text(values: Iterable[object]) -> str:
    """A list as a parameter: DuckDB reads it from a text in half the time."""
    return f"[{','.join(map(str, values))}]"


def _events(query: Query, ready: Ready, spans: str) -> dict[Key, list[Event]]:
    found: dict[Key, list[Event]] = defaultdict(list)
    for row in query(_EVENTS, [ready.first_ns, ready.last_ns, spans]).to_pylist():
        found[row["trace_id"], row["span_id"]].append((row["name"], _object(row["attributes"])))
    return found


def _known(query: Query, ready: Ready, since_ns: int) -> dict[str, list[Known]]:
    found: dict[str, list[Known]] = defaultdict(list)
    traces = _list_text({trace for trace, _ in ready.keys})
    for row in query(_KNOWN, [traces, since_ns, ready.last_ns]).to_pylist():
        known = Known(row["at_ns"], _object(row["attributes"]), row["is_mark"])
        found[row["trace_id"]].append(known)
    return found


def _call(key: Key, row: _Row, events: Sequence[Event], known: Sequence[Known]) -> Call:
    attributes = _object(row.attributes)
    return Call(
        key=key,
        run_id=row.run_id,
        stage=row.name,
        start_ns=row.start_ns,
        is_error=row.status == "error",
        is_stream=row.chunks is not None or row.ttft_ns is not None,
        operation=row.operation,
        reported_cost_usd=row.cost_usd,
        said=_said(row, attributes),
        attributes=attributes,
        events=events,
        known=[each for each in known if each.at_ns <= row.start_ns],
    )


def _said(row: _Row, attributes: Mapping[str, object]) -> Promoted:
    """What the call's attributes said at ingest.

    latprobe's short names have left the attributes and stand in the span's columns alone; they are
    put back, so that counts of kinds that stayed are settled with them.
    """
    said = promote(attributes)
    columns = (row.input_tokens, row.output_tokens, row.model)
    if columns != (said.input_tokens, said.output_tokens, said.model):
        gone = {
            name: value
            for name, value in zip(("input_tokens", "output_tokens", "model"), columns, strict=True)
            if value is not None and value != getattr(said, name)
        }
        if gone:
            said = promote({**attributes, **gone})
    named = (said.provider, said.model, said.operation, said.input_tokens, said.output_tokens)
    if named == (row.provider, row.model, row.operation, row.input_tokens, row.output_tokens):
        return said
    return said._replace(
        provider=row.provider,
        model=row.model,
        operation=row.operation,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
    )


def _object(text: str | None) -> dict[str, object]:
    value = read_json(text) if text else None
    return value if isinstance(value, dict) else {}
