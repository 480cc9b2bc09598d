"""A model call's parts, from a span's stored attributes or from a request in a vendor's format.

Nothing here raises on content: what is not understood becomes an "other" part, and `problem` says
why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from latprobe.otel.content_names import TRUNCATED_NAME
from latprobe.tokens.arrangement import arrange
from latprobe.tokens.cut_texts import with_cuts
from latprobe.tokens.formats import (
    anthropic,
    gemini,
    gen_ai_messages,
    langchain,
    llama_index,
    message_events,
    openai_chat,
    openai_responses,
    openinference,
    plain_text,
    raw_values,
    traceloop,
    vercel,
)
from latprobe.tokens.formats.streamed import is_stream, whole_answer
from latprobe.tokens.json_values import BROKEN, as_text, mapping_at, unwrapped
from latprobe.tokens.kept_parts import NAME as KEPT_PARTS
from latprobe.tokens.kept_parts import read_parts
from latprobe.tokens.part import Dissected
from latprobe.tokens.reading import Piece, Reading, Turn

# The most particular first: OpenAI's chat and the plain text take what nobody else claims.
_REQUEST_READERS = (
    gemini.read,
    langchain.read,
    llama_index.read,
    gen_ai_messages.read,
    anthropic.read,
    openai_responses.read,
    openai_chat.read,
    plain_text.read,
)
_ATTRIBUTE_READERS = (
    gen_ai_messages.read_values,
    openinference.read,
    traceloop.read,
    vercel.read,
)
# Requests of nothing, for answers that stand alone.
_UNASKED: dict[str, dict[str, object]] = {
    "candidates": {"contents": []},
    "output": {"input": []},
    "choices": {"messages": []},
}
_FINISH_REASONS = "gen_ai.response.finish_reasons"


def dissect(
    attributes: Mapping[str, object], events: Sequence[tuple[str, Mapping[str, object]]] = ()
) -> Dissected | None:
    """The parts that a span's attributes and events hold; None if they hold no content."""
    if KEPT_PARTS in attributes:
        kept = read_parts(attributes[KEPT_PARTS])
        if kept is not None:
            return kept
    found = read_call(attributes, events)
    if found is None:
        return None
    dissected = arrange(found)
    return with_cuts(dissected, attributes) if TRUNCATED_NAME in attributes else dissected


def read_call(
    attributes: Mapping[str, object], events: Sequence[tuple[str, Mapping[str, object]]] = ()
) -> Reading | None:
    """The messages that a span's attributes and events hold, as sent; None if they hold none."""
    found = _read_attributes(attributes)
    if found is None or not found.input:
        found = _merged(found, message_events.read(events) if events else None)
    if found is None or not found.input:
        found = _merged(found, _raw(attributes))
    if found is not None and not found.finish_reasons:
        found.finish_reasons += _reasons(attributes.get(_FINISH_REASONS))
    return found


def dissect_request(request: object, response: object | None = None) -> Dissected:
    """The parts of a request in any vendor's format, and of its answer; both may be JSON text."""
    value = unwrapped(request)
    answer = unwrapped(response)
    if answer is BROKEN:
        answer = response if is_stream(response) else BROKEN
    reading = _read_request(
        request if value is BROKEN else value, response if answer is BROKEN else answer
    )
    if BROKEN in (value, answer):
        reading.note("its JSON is cut off or broken")
    return arrange(reading)


def _read_attributes(attributes: Mapping[str, object]) -> Reading | None:
    """What the vocabularies give together; a later one is asked for what the first ones lack."""
    found: Reading | None = None
    for read in _ATTRIBUTE_READERS:
        found = _merged(found, read(attributes))
        if found is not None and found.input and found.output:
            break
    return found


def _read_request(request: object, response: object) -> Reading:
    answer, problem = whole_answer(response)
    reading = _read_formats(request, answer)
    if problem is not None:
        reading.note(problem)
    return reading


def _read_formats(request: object, response: object) -> Reading:
    if request is None and isinstance(response, (dict, Mapping)):
        request = next((stub for name, stub in _UNASKED.items() if name in response), None)
    request = _undumped(request)
    if isinstance(request, (dict, Mapping)) and any(
        name in request for name in gen_ai_messages.NAMES
    ):
        found = gen_ai_messages.read_values(request)
        if found is not None:
            return found
    for read in _REQUEST_READERS:
        found = read(request, response)
        if found is not None:
            return found
    reading = Reading("plain", is_chat=False)
    if request not in (None, "", [], {}):
        reading.note("the request is in no known format")
        reading.input.append(Turn(None, (Piece("other", as_text(request)),)))
    reading.output = openai_chat.read_choices(response, reading)
    return reading


def _undumped(request: object) -> object:
    """What LangChain's `dumpd` wrapped a whole prompt in."""
    if isinstance(request, (dict, Mapping)) and "lc" in request:
        held = mapping_at(request, "kwargs")
        return held if "messages" in held or "text" in held else request
    return request


def _raw(attributes: Mapping[str, object]) -> Reading | None:
    """What one JSON text of the whole request holds."""
    found = raw_values.find(attributes)
    if found is None:
        return None
    request, response, problem = found
    reading = _read_request(request, response)
    if problem is not None:
        reading.note(problem)
        reading.input = [_as_other(turn) for turn in reading.input]
    return reading


def _as_other(turn: Turn) -> Turn:
    pieces = tuple(p._replace(kind="other") if p.kind == "text" else p for p in turn.pieces)
    return turn._replace(pieces=pieces)


def _merged(first: Reading | None, second: Reading | None) -> Reading | None:
    """The one with input, the first if both have, with what only the other holds."""
    if first is None or second is None:
        return second if first is None else first
    if second.input and not first.input:
        first, second = second, first
    first.output = first.output or second.output
    first.tools = first.tools or second.tools
    first.finish_reasons = first.finish_reasons or second.finish_reasons
    return first


def _reasons(value: object) -> list[str]:
    found = unwrapped(value)
    items = found if isinstance(found, (list, tuple)) else [found]
    return [item for item in items if isinstance(item, str)]
