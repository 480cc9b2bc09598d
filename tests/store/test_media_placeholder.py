"""Payloads in content become what is known of them; what a model reads as text stays."""

from __future__ import annotations

import base64
import json
import random
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprobe.otel.content_names import MEDIA_MARK
from latprobe.store.media_placeholder import may_hold_media, with_placeholders


def png(width: int, height: int) -> bytes:
    """A PNG's header, with enough noise behind it."""
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + size
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    return head + struct.pack(">I", zlib.crc32(chunk)) + random.Random(1).randbytes(2_000)


BLOB = base64.b64encode(png(640, 480)).decode()
URI = "data:image/png;base64," + BLOB


def described(text: object) -> dict[str, Any]:
    """The JSON of a placeholder."""
    assert isinstance(text, str)
    assert text.startswith(MEDIA_MARK)
    found: dict[str, Any] = json.loads(text.removeprefix(MEDIA_MARK))
    return found


KNOWN = {"mime_type": "image/png", "bytes": 2_033, "width": 640, "height": 480}


def known_of(text: object) -> dict[str, Any]:
    """Of a placeholder what KNOWN has."""
    found = described(text)
    assert len(found["sha256"]) == 32
    return {name: found.get(name) for name in KNOWN}


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"type": "image_url", "image_url": {"url": URI, "detail": "low"}}, ("image_url", "url")),
        ({"type": "input_image", "image_url": URI}, ("image_url",)),
        (
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": BLOB},
            },
            ("source", "data"),
        ),
        ({"inline_data": {"mime_type": "image/png", "data": BLOB}}, ("inline_data", "data")),
        ({"type": "blob", "mime_type": "image/png", "content": BLOB}, ("content",)),
        ({"type": "image", "data": BLOB}, ("data",)),
    ],
)
def test_each_vendors_payload_is_replaced(part: dict[str, Any], path: tuple[str, ...]) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "日本 \ud800 What?"}, part]}]
    attributes = {"gen_ai.input.messages": json.dumps(messages), "n": 1}

    found = with_placeholders(attributes)

    assert found["n"] == 1
    (message,) = json.loads(str(found["gen_ai.input.messages"]))
    text, kept = message["content"]
    assert text == {"type": "text", "text": "日本 \ud800 What?"}
    for name in path:
        kept = kept[name]
    assert known_of(kept) == KNOWN


def test_json_in_json_and_flattened_attributes_are_looked_into() -> None:
    inner = json.dumps([{"image_url": {"url": URI}}])
    found = with_placeholders(
        {
            "input.value": json.dumps({"kwargs": inner}),
            "llm.input_messages.0.message.contents.1.message_content.image.image.url": URI,
        }
    )
    first, second = found.values()
    (item,) = json.loads(json.loads(str(first))["kwargs"])
    assert known_of(item["image_url"]["url"]) == KNOWN
    assert known_of(second) == KNOWN


def test_sound_says_its_format() -> None:
    sound = base64.b64encode(random.Random(2).randbytes(3_000)).decode()
    part = {"type": "input_audio", "input_audio": {"data": sound, "format": "mp3"}}
    found = with_placeholders({"gen_ai.input.messages": json.dumps([{"content": [part]}])})
    ((message,),) = [json.loads(str(value)) for value in found.values()]
    assert described(message["content"][0]["input_audio"]["data"])["bytes"] == 3_000


@pytest.mark.parametrize(
    "value",
    [
        json.dumps([{"role": "user", "content": BLOB}]),
        json.dumps([{"type": "text", "text": f"Decode this: {URI}"}]),
        json.dumps([{"type": "text", "text": BLOB}]),
        json.dumps([{"image_url": {"url": "https://example.com/" + "a" * 2_000}}]),
        BLOB,
        "word " * 1_000,
        "漢字" * 2_000,
        "x" * 5_000,
    ],
)
def test_text_that_a_model_reads_stays(value: str) -> None:
    attributes = {"gen_ai.input.messages": value}
    assert with_placeholders(attributes) is attributes


def test_a_payload_in_json_that_was_cut_off_is_replaced_too() -> None:
    text = json.dumps([{"image_url": {"url": URI}}, {"text": "the rest"}])[:-10]
    found = str(with_placeholders({"gen_ai.input.messages": text})["gen_ai.input.messages"])
    assert BLOB not in found
    assert MEDIA_MARK in found


@given(st.binary(min_size=800, max_size=5_000), st.text(max_size=40), st.text(max_size=3_000))
def test_no_payload_is_overlooked_wherever_it_stands(
    payload: bytes, before: str, after: str
) -> None:
    text = before + base64.b64encode(payload).decode() + after
    assert may_hold_media(text)
    assert may_hold_media(text.encode("utf-8", "replace"))


@given(
    st.recursive(st.text() | st.none() | st.integers(), lambda inner: st.lists(inner), max_leaves=9)
)
def test_other_content_stays_the_same_object(value: object) -> None:
    attributes = {"gen_ai.input.messages": value, "copy": json.dumps(value)}
    assert with_placeholders(attributes) is attributes


def test_a_thumbnail_is_made_only_where_it_is_asked_for() -> None:
    image = pytest.importorskip("PIL.Image")
    import io

    written = io.BytesIO()
    noise = random.Random(3).randbytes(200 * 100 * 3)
    image.frombytes("RGB", (200, 100), noise).save(written, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()
    attributes = {"gen_ai.input.messages": json.dumps([{"image_url": {"url": uri}}])}

    def described_with(thumbnails: bool) -> dict[str, Any]:
        (value,) = with_placeholders(attributes, thumbnails=thumbnails).values()
        return described(json.loads(str(value))[0]["image_url"]["url"])

    assert "thumbnail" not in described_with(False)
    small = described_with(True)["thumbnail"]
    head, _, data = small.partition(",")
    assert head == "data:image/jpeg;base64"
    assert image.open(io.BytesIO(base64.b64decode(data))).size == (64, 32)


def test_what_is_no_image_leaves_no_thumbnail() -> None:
    (value,) = with_placeholders(
        {"gen_ai.input.messages": json.dumps([{"image_url": {"url": URI}}])}, thumbnails=True
    ).values()
    assert "thumbnail" not in described(json.loads(str(value))[0]["image_url"]["url"])
