"""Images, sounds and documents inside content, replaced by what is known of them.

A payload becomes `latprobe-media:{json}` with its MIME type, bytes, sha256, width, height and
duration, from its header. What a model reads as text stays text, base64 in it included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from latprobe.otel.content_names import MEDIA_MARK

MIN_CHARACTERS = 1_024
MAX_DEPTH = 32
_PROBE = 64
_TEXT_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{_PROBE}}}").match
_BYTES_RUN = re.compile(rb"[A-Za-z0-9+/_-]{%d}" % _PROBE).match
_BLOB = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*").fullmatch
_DATA_URI = re.compile(r"data:[\w.+-]+/[\w.+-]+(;[\w=.+-]+)*;base64,")
_ESCAPED_BLOB = re.compile(
    rf'(?<=")(?:data:[^",\\]{{1,120}},)?[A-Za-z0-9+/_-]{{{MIN_CHARACTERS},}}={{0,2}}'
)

# Keys whose value is text to the model, whatever it looks like.
_TEXT_KEYS = frozenset(
    {"text", "input_text", "output_text", "reasoning", "arguments", "name", "id"}
)
_MIME_KEYS = ("mime_type", "mimeType", "media_type", "mediaType")
_MEDIA_KEYS = (*_MIME_KEYS, "modality", "format")
# What an attribute that holds one payload is called, at its end.
_MEDIA_NAMES = (".url", ".data", ".image", ".audio", ".video", ".images", ".documents", "_url")


def may_hold_media(text: str | bytes) -> bool:
    """False where there is surely no run of 1,024 base64 characters: looked at one place in
    1,024, about 0.1 us a kB."""
    run: Any = _TEXT_RUN if isinstance(text, str) else _BYTES_RUN
    for place in range(MIN_CHARACTERS - 1, len(text), MIN_CHARACTERS):
        if run(text, place) or run(text, place - _PROBE):
            return True
    return False


def with_placeholders(
    attributes: Mapping[str, object], *, thumbnails: bool = False
) -> Mapping[str, object]:
    """The attributes with each payload replaced; themselves where there is none."""
    changed: dict[str, object] = {}
    for name, value in attributes.items():
        if type(value) is str:
            if len(value) < MIN_CHARACTERS or not may_hold_media(value):
                continue
        elif not isinstance(value, (list, dict, bytes)):
            continue
        found = _replaced(name, value, thumbnails)
        if found is not value:
            changed[name] = found
    return {**attributes, **changed} if changed else attributes


def _replaced(name: str, value: object, thumbnails: bool) -> object:
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        return _in_json(value, thumbnails)
    siblings = {name: value, "modality": None} if name.endswith(_MEDIA_NAMES) else {}
    return _walked(value, "", siblings, 0, thumbnails)


def _in_json(text: str, thumbnails: bool) -> str:
    """The same JSON with placeholders in it; in JSON that was cut off, by its quotes."""
    try:
        value = json.loads(text)
        found = _walked(value, "", {}, 0, thumbnails)
    except (ValueError, RecursionError):
        return _ESCAPED_BLOB.sub(lambda match: _escaped(match.group(), thumbnails), text)
    if found is value:
        return text
    written = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return written if written.isprintable() else json.dumps(found, separators=(",", ":"))


def _escaped(payload: str, thumbnails: bool) -> str:
    return json.dumps(_described(payload, {}, thumbnails) or payload)[1:-1]


def _walked(value: Any, key: str, siblings: Mapping[str, Any], depth: int, thumbnails: bool) -> Any:
    """`value` with its payloads replaced; itself where it has none."""
    if isinstance(value, str):
        if len(value) < MIN_CHARACTERS:
            return value
        return _text_replaced(value, key, siblings, thumbnails)
    if depth >= MAX_DEPTH:
        return value
    if isinstance(value, bytes) and len(value) >= MIN_CHARACTERS:
        return _described(value, siblings, thumbnails) or value
    if isinstance(value, dict):
        items = {k: _walked(v, str(k), value, depth + 1, thumbnails) for k, v in value.items()}
        return items if any(items[k] is not v for k, v in value.items()) else value
    if isinstance(value, list):
        parts = [_walked(item, key, siblings, depth + 1, thumbnails) for item in value]
        return parts if any(a is not b for a, b in zip(parts, value, strict=True)) else value
    return value


def _text_replaced(text: str, key: str, siblings: Mapping[str, Any], thumbnails: bool) -> str:
    if key in _TEXT_KEYS:
        return text
    if text[0] in "[{" and may_hold_media(text):
        return _in_json(text, thumbnails)
    if not _is_payload(text, key, siblings):
        return text
    return _described(text, siblings, thumbnails) or text


def _is_payload(text: str, key: str, siblings: Mapping[str, Any]) -> bool:
    """Whether the whole text is one payload, where its message says that it is none to read."""
    is_uri = _DATA_URI.match(text) is not None
    body = text.partition(",")[2] if is_uri else text
    if not is_uri and not may_hold_media(text):
        return False
    says_media = siblings.get("type") == "blob" or any(name in siblings for name in _MEDIA_KEYS)
    if key in ("content", "value", "") and not says_media:
        return False  # a message's own text
    return _BLOB(body) is not None


def _described(payload: str | bytes, siblings: Mapping[str, Any], thumbnails: bool) -> str | None:
    """The placeholder, None where the payload cannot be decoded."""
    from latprobe.tokens.media_payload import kind_of, mime_of_data_uri, read_media

    mime = mime_of_data_uri(payload) or _mime(siblings)
    kind = kind_of(mime, otherwise="document" if mime else "image")
    media = read_media(payload, kind=kind, mime_type=mime)
    if media.bytes is None:
        return None
    known: dict[str, object] = {
        "mime_type": media.mime_type,
        "bytes": media.bytes,
        "sha256": media.sha256,
        "width": media.width,
        "height": media.height,
        "duration_s": media.duration_s,
        "problem": media.problem if mime else None,
    }
    if thumbnails and kind == "image":
        from latprobe.store.thumbnail import thumbnail

        known["thumbnail"] = thumbnail(payload)
    said = {name: value for name, value in known.items() if value is not None}
    return MEDIA_MARK + json.dumps(said, separators=(",", ":"))


def _mime(siblings: Mapping[str, Any]) -> str | None:
    for name in _MIME_KEYS:
        if isinstance(siblings.get(name), str):
            return str(siblings[name])
    form = siblings.get("format")  # OpenAI's input_audio
    return f"audio/{form}" if isinstance(form, str) and form.isalnum() else None
