"""A call's parts with their counts and without their texts, as `latprobe.tokens.kept_parts` reads
them: a list, whose first item says what the call's chat template needs.

Imported only where content is switched off: it brings the counters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from latprobe.otel.semconv import promote
from latprobe.store.content_memory import ContentMemory
from latprobe.tokens.counting import TokenCounter
from latprobe.tokens.dissect import dissect
from latprobe.tokens.models import resolve
from latprobe.tokens.part import Dissected, Part, part_hash

COMMON_ENCODING = "o200k_base"
counter = TokenCounter()

_HEAD = ("format", "messages", "named_messages", "problem", "stops_early")


def counted_parts(
    attributes: Mapping[str, object],
    events: Sequence[tuple[str, Mapping[str, object]]],
    *,
    trace_id: int,
    span_id: int,
    memory: ContentMemory,
) -> str | None:
    """The parts that a span's content has, as JSON; None where there are none, or none are found.

    The texts go into `memory`.
    """
    try:
        found = dissect(attributes, events)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None  # the content has to go either way
    if found is None or not found.parts:
        return None
    memory.note_call(trace_id, span_id, found)
    for part in found.parts:
        if part.kind == "retrieved" and part.text:
            memory.note_text(trace_id, "retrieved", part.text)
    said = promote(attributes)
    encodings = sorted({COMMON_ENCODING, resolve(said.model, said.provider).encoding})
    return parts_text(
        found, lambda text: {encoding: counter.count(text, encoding) for encoding in encodings}
    )


def parts_text(dissected: Dissected, count: Callable[[str], Mapping[str, int]]) -> str:
    """The JSON of a call's parts; `count` gives a text's tokens by encoding."""
    head: dict[str, Any] = {name: getattr(dissected, name) for name in _HEAD}
    head["tools_called"] = list(dissected.tools_called)
    head["tools_offered"] = list(dissected.tools_offered)
    items = [head, *(_kept(part, count) for part in dissected.parts)]
    return json.dumps([_said(item) for item in items], ensure_ascii=False, separators=(",", ":"))


def _kept(part: Part, count: Callable[[str], Mapping[str, int]]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "side": part.side,
        "kind": part.kind,
        "role": part.role,
        "hash": part_hash(part).hex(),
    }
    if part.media is not None:
        kept["media"] = _said({**asdict(part.media), "thumbnail": None})
        return kept  # its name may be an address with a key in it
    kept["name"] = part.name
    if part.is_cut:
        kept["is_cut"] = True
    text = part.text
    if text is None:
        kept |= {"bytes": part.bytes, "characters": part.characters, "counts": part.counts}
        return kept
    return kept | {
        "bytes": len(text.encode("utf-8", "surrogatepass")),
        "characters": len(text),
        "counts": dict(count(text)),
    }


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
