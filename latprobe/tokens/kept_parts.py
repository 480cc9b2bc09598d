"""A call's parts without their texts, as JSON: what `LATPROBE_CONTENT=off` leaves in a store.

A list. Its first item says what the call's chat template needs; each other item is a part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from latprobe.tokens.media_payload import media_from_json
from latprobe.tokens.part import Dissected, Part

NAME = "latprobe.parts"
_MAX_PARTS = 100_000


def read_parts(text: object) -> Dissected | None:
    """The parts that `parts_text` wrote; None for anything else."""
    try:
        items = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return None
    if not isinstance(items, list) or not 0 < len(items) <= _MAX_PARTS:
        return None
    maps = [item for item in items if isinstance(item, Mapping)]
    head = next((item for item in maps if "side" not in item), {})
    return Dissected(
        parts=tuple(_part(item) for item in maps if "side" in item),
        messages=_whole(head.get("messages")) or 0,
        named_messages=_whole(head.get("named_messages")) or 0,
        format=_text(head.get("format")) or "plain",
        problem=_text(head.get("problem")),
        tools_called=_texts(head.get("tools_called")),
        tools_offered=_texts(head.get("tools_offered")),
        stops_early=head.get("stops_early") is True,
    )


def _part(item: Mapping[str, Any]) -> Part:
    kind = _text(item.get("kind")) or "other"
    media = item.get("media")
    counts = item.get("counts")
    return Part(
        side="output" if item.get("side") == "output" else "input",
        kind=kind,
        role=_text(item.get("role")),
        text=None,
        media=media_from_json(media, kind=kind) if isinstance(media, Mapping) else None,
        name=_text(item.get("name")),
        hash=_text(item.get("hash")),
        bytes=_whole(item.get("bytes")),
        characters=_whole(item.get("characters")),
        counts=_counts(counts) if isinstance(counts, Mapping) else None,
        is_cut=item.get("is_cut") is True,
    )


def _counts(values: Mapping[Any, Any]) -> dict[str, int]:
    found = {str(name): _whole(value) for name, value in values.items()}
    return {name: value for name, value in found.items() if value is not None}


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 62 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(values: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_text, values))) if isinstance(values, list) else ()
