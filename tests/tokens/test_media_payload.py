"""Payloads of images, sounds and documents, as requests carry them."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib

import pytest

from latprobe.tokens.dissect import dissect_request
from latprobe.tokens.media_payload import read_media
from latprobe.tokens.part import Media


def png(width: int, height: int) -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\7" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PNG = png(30, 20)
BASE64 = base64.b64encode(PNG).decode()
DIGEST = hashlib.sha256(PNG).hexdigest()[:32]
KNOWN = Media("image", "image/png", len(PNG), DIGEST, 30, 20, None, None, None)
UNKNOWN = Media("image", "image/png", None, None, None, None, None, None, None)

CONTENTS = {
    "openai chat": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}"}},
    "openai responses": {"type": "input_image", "image_url": f"data:image/png;base64,{BASE64}"},
    "anthropic": {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": BASE64},
    },
    "gemini": {"inlineData": {"mimeType": "image/png", "data": BASE64}},
    "bedrock": {"image": {"format": "png", "source": {"bytes": BASE64}}},
    "gen_ai": {"type": "blob", "modality": "image", "mime_type": "image/png", "content": BASE64},
    "langchain": {
        "type": "image",
        "source_type": "base64",
        "mime_type": "image/png",
        "data": BASE64,
    },
    "llama_index": {"block_type": "image", "image": BASE64, "image_mimetype": "image/png"},
    "vercel": {"type": "file", "mediaType": "image/png", "data": BASE64},
    "a text": f"data:image/png;base64,{BASE64}",
    "url-safe": {
        "inline_data": {
            "mime_type": "image/png",
            "data": BASE64.replace("+", "-").replace("/", "_").rstrip("="),
        }
    },
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_each_vendors_image_is_known_by_its_header(content: object) -> None:
    found = dissect_request([{"role": "user", "content": [content]}])
    assert [(part.kind, part.text, part.media) for part in found.parts] == [("image", None, KNOWN)]
    assert found.problem is None


def test_the_detail_is_kept() -> None:
    image = {"url": f"data:image/png;base64,{BASE64}", "detail": "low"}
    content = [{"type": "image_url", "image_url": image}]
    media = dissect_request([{"role": "user", "content": content}]).parts[0].media
    assert media is not None
    assert media.detail == "low"


def test_an_ingests_placeholder_says_what_was_known() -> None:
    kept = {"mime": "image/png", "bytes": 71, "sha256": "ab" * 16, "width": 30, "height": 20}
    text = f"latprobe-media:{json.dumps(kept)}"
    expected = Media("image", "image/png", 71, "ab" * 16, 30, 20, None, None, None)
    for content in (text, {"type": "image_url", "image_url": {"url": text}}):
        found = dissect_request([{"role": "user", "content": [content]}])
        assert [part.media for part in found.parts] == [expected]


def test_a_thumbnail_that_ingest_made_comes_along() -> None:
    kept = {"mime_type": "image/png", "bytes": 71, "thumbnail": "data:image/jpeg;base64,AAAA"}
    media = read_media(f"latprobe-media:{json.dumps(kept)}", kind="image")
    assert (media.bytes, media.thumbnail) == (71, "data:image/jpeg;base64,AAAA")


@pytest.mark.parametrize("payload", [None, "https://x.org/a.png?size=1", "file-abc123"])
def test_a_payload_elsewhere_is_not_measured(payload: object) -> None:
    assert read_media(payload, kind="image", mime_type="image/png") == UNKNOWN


@pytest.mark.parametrize("payload", [7, [], ""])
def test_what_is_no_payload_says_so(payload: object) -> None:
    assert read_media(payload, kind="image").problem == "is no payload"


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ("data:image/png;base64,%%%", "an image is not base64"),
        ("data:image/png;base64", "an image is a data URI without data"),
        (f"data:image/png;base64,{BASE64[:24]}", "an image header is cut off"),
        ("latprobe-media:{", "an image its placeholder is cut off"),
        ("data:image/png;base64,", "an image is empty"),
    ],
)
def test_a_broken_payload_is_said_and_stays_a_part(payload: str, problem: str) -> None:
    content = [{"type": "image_url", "image_url": {"url": payload}}, {"type": "text", "text": "?"}]
    found = dissect_request([{"role": "user", "content": content}])
    assert [part.kind for part in found.parts] == ["image", "user"]
    assert found.problem == problem


def test_base64_that_is_no_image_says_so() -> None:
    data = base64.b64encode(b"this is a text, whatever they say").decode()
    content = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}]
    found = dissect_request([{"role": "user", "content": content}])
    (part,) = found.parts
    assert part.media is not None
    assert (part.media.bytes, part.media.width) == (33, None)
    assert part.media.problem is not None
    assert found.problem is not None


def test_a_document_is_known_by_its_size_and_digest() -> None:
    data = base64.b64encode(b"%PDF-1.7").decode()
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    found = dissect_request([{"role": "user", "content": [{"type": "document", "source": source}]}])
    (part,) = found.parts
    digest = hashlib.sha256(b"%PDF-1.7").hexdigest()[:32]
    assert part.media == Media(
        "document", "application/pdf", 8, digest, None, None, None, None, None
    )


def test_a_sound_says_how_long_it_is() -> None:
    seconds, rate = 2, 8_000
    samples = b"\0\0" * rate * seconds
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1,
                       rate, rate * 2, 2, 16)  # fmt: skip
    wav = head + struct.pack("<4sI", b"data", len(samples)) + samples
    block = {"data": base64.b64encode(wav).decode(), "format": "wav"}
    content = [{"type": "input_audio", "input_audio": block}]
    (part,) = dissect_request([{"role": "user", "content": content}]).parts
    assert part.media is not None
    assert (part.kind, part.media.duration_s) == ("audio", 2.0)
