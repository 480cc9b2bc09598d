"""Images, sounds, videos and documents in each vendor's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from latprobe.tokens.formats.tool_blocks import Nested
from latprobe.tokens.json_values import as_text, first_at, mapping_at, text_at
from latprobe.tokens.media_payload import address_of, kind_of, mime_of_data_uri, read_media
from latprobe.tokens.part import MEDIA_KINDS
from latprobe.tokens.reading import Piece, Reading

# The kind of a block's medium; None where its MIME type or modality says.
MEDIA_BLOCKS: dict[str, str | None] = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "computer_screenshot": "image",
    "audio": "audio",
    "audio_url": "audio",
    "input_audio": "audio",
    "output_audio": "audio",
    "video": "video",
    "video_url": "video",
    "input_video": "video",
    "document": "document",
    "input_file": None,
    "file": None,
    "media": None,
    "blob": None,
    "uri": None,
    "container_upload": "document",
}

# Names of what lies with the vendor, whatever they look like.
_IDS = ("file_id", "fileId", "id")
# Where the payload stands inside a block, or inside the object that a block wraps it in.
_PAYLOAD_NAMES = (
    "data",
    "base64",
    "content",
    "bytes",
    "file_data",
    "image_data",
    "image",
    "audio",
    "video",
    "url",
    "uri",
    "image_url",
    "file_url",
    "fileUri",
    "file_uri",
    "path",
    *_IDS,
)
_MIME_NAMES = ("media_type", "mime_type", "mimeType", "mediaType", "mimetype", "image_mimetype")
_WRAPPERS = (
    "image_url",
    "input_audio",
    "audio_url",
    "video_url",
    "source",
    "file",
    "image",
    "audio",
    "video",
    "document",
    "media",
)


def media_pieces(
    kind: str, block: Mapping[str, object], reading: Reading, nest: Nested
) -> list[Piece]:
    """The medium of a typed block; an Anthropic document of plain text is a retrieved text."""
    inner = mapping_at(block, *_WRAPPERS) or block
    nested = mapping_at(inner, "source") or inner
    if kind == "document" and nested.get("type") in ("text", "content"):
        return _text_document(nested, nest)
    payload = _payload(nested)
    if isinstance(payload, (dict, Mapping)):
        payload = _payload(payload)
    mime_type = _mime_type(nested) or _mime_type(block) or mime_of_data_uri(payload)
    named = text_at(block, "modality")
    fixed = MEDIA_BLOCKS[kind] or (named if named in MEDIA_KINDS else None)
    detail = text_at(inner, "detail") or text_at(block, "detail")
    piece = _piece(payload, fixed or kind_of(mime_type), mime_type, detail)
    if piece.media is not None and piece.media.problem is not None:
        reading.note(f"{_named(piece.kind)} {piece.media.problem}")
    return [piece]


def bare_media(block: Mapping[str, object]) -> list[Piece] | None:
    """The medium of a block of Gemini or Bedrock, which is told by its only key; else None."""
    for name in ("inlineData", "inline_data", "fileData", "file_data"):
        inner = block.get(name)
        if isinstance(inner, (dict, Mapping)):
            mime_type = _mime_type(inner)
            return [_piece(_payload(inner), kind_of(mime_type), mime_type, None)]
    for name in MEDIA_KINDS:
        inner = block.get(name)
        if isinstance(inner, (dict, Mapping)):
            source = mapping_at(inner, "source") or inner
            text = text_at(source, "text")
            if name == "document" and text is not None:
                return [Piece("retrieved", text)]
            form = text_at(inner, "format")
            mime_type = f"{name}/{form}" if form else None
            return [
                _piece(_payload(mapping_at(source, "s3Location") or source), name, mime_type, None)
            ]
    return None


@dataclass(frozen=True, slots=True)
class _Stored:
    """What lies with the vendor under a name."""

    name: str


def _payload(holder: Mapping[str, object]) -> object:
    """What a block holds of its medium: the medium, where it lies, or its name at the vendor's."""
    found = first_at(holder, *_PAYLOAD_NAMES)
    if isinstance(found, str) and any(holder.get(name) is found for name in _IDS):
        return _Stored(found)
    return found


def _piece(payload: object, kind: str, mime_type: str | None, detail: str | None) -> Piece:
    if isinstance(payload, _Stored):
        media = read_media(None, kind=kind, mime_type=mime_type, detail=detail)
        return Piece(media.kind, None, media, payload.name)
    media = read_media(payload, kind=kind, mime_type=mime_type, detail=detail)
    return Piece(media.kind, None, media, address_of(payload))


def _text_document(source: Mapping[str, object], nest: Nested) -> list[Piece]:
    """A document of text, or of blocks, pictures among them."""
    content = first_at(source, "data", "content")
    if not isinstance(content, list):
        return [Piece("retrieved", as_text(content))]
    return [
        Piece("retrieved", piece.text) if piece.text is not None else piece
        for piece in nest(content)
    ]


def _mime_type(block: Mapping[str, object]) -> str | None:
    found = text_at(block, *_MIME_NAMES)
    form = text_at(block, "format")
    if found is None and form is not None and "/" not in form:
        kind = block.get("type")
        return f"{kind if kind in MEDIA_KINDS else 'audio'}/{form}"
    return found or form


def _named(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
