"""Images, sounds, videos and documents as requests carry them: data URIs, base64, addresses.

Only the header is looked into; nothing is decoded but the base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from latprobe.tokens.image_header import read_header
from latprobe.tokens.json_values import parsed
from latprobe.tokens.part import MEDIA_KINDS, Media

PLACEHOLDER = "latprobe-media:"

_SHA256_CHARACTERS = 32
_URL_STARTS = ("http://", "https://", "gs://", "s3://", "file:", "file-", "files/")
_URL_SAFE = str.maketrans("-_", "+/", " \t\r\n")


def read_media(
    payload: object, *, kind: str, mime_type: str | None = None, detail: str | None = None
) -> Media:
    """What a payload is: a data URI, bare base64, an address, bytes or an ingest's placeholder."""
    if isinstance(payload, (bytes, bytearray)):
        return _of_bytes(bytes(payload), kind, mime_type, detail)
    if not isinstance(payload, str) or not payload:
        problem = None if payload is None else "is no payload"
        return _unknown(kind, mime_type, detail, problem)
    if payload.startswith(PLACEHOLDER):
        return _of_placeholder(payload, kind, detail)
    if payload.startswith("data:"):
        return _of_data_uri(payload, kind, mime_type, detail)
    if _is_address(payload):
        guessed = mime_type or mimetypes.guess_type(payload.partition("?")[0])[0]
        return _unknown(kind, guessed, detail, None)
    return _of_base64(payload, kind, mime_type, detail)


def is_media_text(text: str) -> bool:
    """Whether a text is nothing but an embedded payload, or its placeholder."""
    return text.startswith(PLACEHOLDER) or (
        text.startswith("data:") and ";base64," in text[:128] and " " not in text[:256]
    )


def kind_of(mime_type: str | None, *, otherwise: str = "document") -> str:
    """The kind of medium that a MIME type stands for."""
    top = (mime_type or "").partition("/")[0].lower()
    return top if top in MEDIA_KINDS else otherwise


def address_of(payload: object) -> str | None:
    """Where a payload lies that is not in the request; None for one that is."""
    return payload if isinstance(payload, str) and _is_address(payload) else None


def _is_address(payload: str) -> bool:
    return payload.startswith(_URL_STARTS) or "://" in payload[:16]


def mime_of_data_uri(payload: object) -> str | None:
    """The MIME type that a data URI or a placeholder names."""
    if not isinstance(payload, str):
        return None
    if payload.startswith("data:"):
        return payload[5:133].partition(",")[0].partition(";")[0] or None
    if payload.startswith(PLACEHOLDER):
        return _of_placeholder(payload, "document", None).mime_type
    return None


def _of_data_uri(payload: str, kind: str, mime_type: str | None, detail: str | None) -> Media:
    head, comma, body = payload.partition(",")
    named = head[5:].partition(";")[0] or mime_type
    if not comma:
        return _unknown(kind, named, detail, "is a data URI without data")
    if head.endswith(";base64"):
        return _of_base64(body, kind, named, detail)
    return _of_bytes(unquote_to_bytes(body.encode("utf-8", "replace")), kind, named, detail)


def _of_base64(body: str, kind: str, mime_type: str | None, detail: str | None) -> Media:
    cleaned = body.translate(_URL_SAFE) if not body.isalnum() else body
    try:
        data = base64.b64decode(cleaned + "=" * (-len(cleaned) % 4), validate=True)
    except (binascii.Error, ValueError):
        return _unknown(kind, mime_type, detail, "is not base64")
    return _of_bytes(data, kind, mime_type, detail)


def _of_bytes(data: bytes, kind: str, mime_type: str | None, detail: str | None) -> Media:
    header = read_header(data, mime_type, is_whole=True) if kind != "document" else None
    digest = hashlib.sha256(data).hexdigest()[:_SHA256_CHARACTERS]
    bare = _unknown(kind, mime_type, detail, None if data else "is empty")
    known = replace(bare, bytes=len(data), sha256=digest)
    if header is None or not data:
        return known
    return replace(
        known,
        mime_type=header.mime_type or mime_type,
        width=header.width,
        height=header.height,
        duration_s=header.duration_s,
        problem=header.problem,
    )


def _of_placeholder(payload: str, kind: str, detail: str | None) -> Media:
    value = parsed(payload[len(PLACEHOLDER) :])
    if not isinstance(value, Mapping):
        return _unknown(kind, None, detail, "its placeholder is cut off")
    return media_from_json(value, kind=kind, detail=detail)


def media_from_json(
    value: Mapping[str, object], *, kind: str = "document", detail: str | None = None
) -> Media:
    """A medium from the fields that ingest kept of it; what is no such field is None."""
    mime_type = _text(value.get("mime_type")) or _text(value.get("mime"))
    named = _text(value.get("kind"))
    return Media(
        kind=named if named in MEDIA_KINDS else kind_of(mime_type, otherwise=kind),
        mime_type=mime_type,
        bytes=_whole(value.get("bytes")),
        sha256=_text(value.get("sha256")),
        width=_whole(value.get("width")),
        height=_whole(value.get("height")),
        duration_s=_seconds(value.get("duration_s")),
        detail=detail or _text(value.get("detail")),
        problem=_text(value.get("problem")),
        thumbnail=_text(value.get("thumbnail")),
    )


def _unknown(kind: str, mime_type: str | None, detail: str | None, problem: str | None) -> Media:
    return Media(kind, mime_type, None, None, None, None, None, detail, problem)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 62:
        return None
    return value


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < 1e9 else None
