"""Recorded model calls that can be asked again: messages, settings, and what was answered."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from latprobe.advice.call_texts import CallText
from latprobe.advice.outputs.template_calls import answer_text
from latprobe.otel.content_names import TRUNCATED_NAME
from latprobe.store.query import Query
from latprobe.tokens.dissect import read_call
from latprobe.tokens.reading import Reading

# Settings of a request by the names that an OpenAI-compatible server takes.
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_tokens",
    "seed": "seed",
    "stop_sequences": "stop",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
_PREFIX = "gen_ai.request."
_ROLES = frozenset({"system", "developer", "user", "assistant"})


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: str
    text: str

    def to_json(self) -> dict[str, str]:
        """As a chat completion takes it."""
        return {"role": self.role, "content": self.text}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call that can be asked again. `settings` are those of the request that were recorded."""

    call: CallText
    messages: tuple[Message, ...]
    settings: Mapping[str, object]
    answer: str


@dataclass(frozen=True, slots=True)
class Found:
    """Different recorded requests, the newest last; `left_out` counts the others by reason."""

    calls: tuple[Recorded, ...]
    left_out: Mapping[str, int]


def fetch_recorded(query: Query, calls: Sequence[CallText]) -> Found:
    """Those of the calls that are texts and were kept whole; of equal requests the newest."""
    kept: dict[tuple[Message, ...], Recorded] = {}
    left_out: Counter[str] = Counter()
    attributes, events = _attributes(query, calls), _events(query, calls)
    for call in calls:
        key = call.trace_id, call.span_id
        found = _recorded(call, attributes.get(key, {}), events.get(key, []))
        if isinstance(found, str):
            left_out[found] += 1
            continue
        if kept.pop(found.messages, None) is not None:
            left_out["the same request as another"] += 1
        kept[found.messages] = found
    return Found(tuple(kept.values()), dict(left_out))


_Key = tuple[str, str]
_Values = Mapping[str, object]


def _recorded(
    call: CallText, attributes: _Values, events: Sequence[tuple[str, _Values]]
) -> Recorded | str:
    """The call, or why it cannot be asked again."""
    answer = answer_text(call)
    if not answer:
        return "no text was kept"
    if call.stops_early:
        return "the answer was cut at its limit"
    if TRUNCATED_NAME in attributes or any(part.is_truncated for part in call.parts):
        return "its text was too long to be kept whole"
    reading = read_call(attributes, events)
    messages = None if reading is None else _messages(reading)
    if isinstance(messages, str):
        return messages
    if not messages:
        return "no text was kept"
    return Recorded(call, messages, _settings(attributes), answer)


def _messages(reading: Reading) -> tuple[Message, ...] | str:
    if reading.problems:
        return "its messages could not be read"
    if reading.tools:
        return "it offers tools"
    found = []
    for turn in reading.input:
        if turn.role not in _ROLES or any(each.kind != "text" for each in turn.pieces):
            return "it holds more than text"
        found.append(Message(turn.role or "user", "".join(p.text or "" for p in turn.pieces)))
    return tuple(found)


def _settings(attributes: _Values) -> dict[str, object]:
    found = {}
    for name, theirs in _SETTINGS.items():
        value = attributes.get(_PREFIX + name)
        if value is not None:
            found[theirs] = value
    return found


def _attributes(query: Query, calls: Sequence[CallText]) -> dict[_Key, _Values]:
    """The attributes of the calls' spans."""
    table = query(
        f"""{_WANTED}
        SELECT w.trace, w.span, s.attributes FROM spans s
        JOIN wanted w ON s.trace_id = w.trace_id AND s.span_id = w.span_id
        WHERE s.attributes IS NOT NULL""",
        [_words(calls)],
    )
    return {(row["trace"], row["span"]): _object(row["attributes"]) for row in table.to_pylist()}


def _events(query: Query, calls: Sequence[CallText]) -> dict[_Key, list[tuple[str, _Values]]]:
    """Messages that were recorded as events."""
    table = query(
        f"""{_WANTED}
        SELECT w.trace, w.span, e.name, e.attributes FROM events e
        JOIN wanted w ON e.trace_id = w.trace_id AND e.span_id = w.span_id
        WHERE starts_with(e.name, 'gen_ai.') ORDER BY e.time_ns""",
        [_words(calls)],
    )
    found: dict[_Key, list[tuple[str, _Values]]] = defaultdict(list)
    for row in table.to_pylist():
        found[row["trace"], row["span"]].append((row["name"], _object(row["attributes"])))
    return found


_WANTED = """
WITH wanted AS (
    SELECT split_part(word, '/', 1) AS trace, split_part(word, '/', 2) AS span,
           split_part(word, '/', 1)::UUID AS trace_id,
           ('0x' || split_part(word, '/', 2))::UBIGINT AS span_id
    FROM (SELECT unnest(string_split(?, ',')) AS word) WHERE word <> ''
)"""


def _words(calls: Sequence[CallText]) -> str:
    return ",".join(f"{each.trace_id}/{each.span_id}" for each in calls)


def _object(text: str | None) -> _Values:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}
