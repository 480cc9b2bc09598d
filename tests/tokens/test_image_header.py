"""Sizes and durations are read from the first bytes, or it is said why not."""

from __future__ import annotations

import io
import struct
import wave
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprobe.tokens.audio_header import Sound, read_audio
from latprobe.tokens.image_header import CUT_OFF, Header, read_header


def picture(form: str, width: int = 37, height: int = 23, **options: Any) -> bytes:
    image: Any = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.new("RGB", (width, height), "teal").save(out, form, **options)
    return out.getvalue()


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\0\0\0"
MOVIE = box(b"ftyp", b"isom\0\0\0\0") + box(
    b"moov",
    box(b"mvhd", bytes(12) + struct.pack(">II", 1000, 12_500) + bytes(80))
    + box(b"trak", box(b"tkhd", bytes(76) + struct.pack(">II", 1920 << 16, 1080 << 16))),
)


@pytest.mark.parametrize(
    ("form", "options", "mime_type"),
    [
        ("PNG", {}, "image/png"),
        ("JPEG", {}, "image/jpeg"),
        ("JPEG", {"progressive": True, "exif": b"Exif\0\0" + bytes(20_000)}, "image/jpeg"),
        ("GIF", {}, "image/gif"),
        ("WEBP", {}, "image/webp"),
        ("WEBP", {"lossless": True}, "image/webp"),
        ("WEBP", {"exif": b"Exif\0\0MM"}, "image/webp"),
        ("BMP", {}, "image/bmp"),
        ("TIFF", {}, "image/tiff"),
    ],
)
def test_an_images_size_is_what_its_writer_wrote(
    form: str, options: dict[str, Any], mime_type: str
) -> None:
    assert read_header(picture(form, **options)) == Header(mime_type, 37, 23)


def test_what_the_bytes_are_counts_and_not_what_they_are_called() -> None:
    assert read_header(PNG, "image/jpeg") == Header("image/png", 640, 480)


def test_a_movies_size_and_duration_are_read() -> None:
    assert read_header(MOVIE) == Header("video/mp4", 1920, 1080, 12.5)


def test_a_heic_images_largest_part_is_its_size() -> None:
    parts = b"".join(
        box(b"ispe", bytes(4) + struct.pack(">II", side, side)) for side in (512, 4032)
    )
    data = box(b"ftyp", b"heic\0\0\0\0") + box(b"meta", parts)
    assert read_header(data) == Header("image/heic", 4032, 4032)


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [
        (PNG[:18], "image/png"),
        (b"\xff\xd8\xff\xe1\x40\x00Exif", "image/jpeg"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF89a\x01", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8X", "image/webp"),
        (b"II*\0\xff\xff\0\0", "image/tiff"),
    ],
)
def test_a_header_that_ends_early_is_said(data: bytes, mime_type: str) -> None:
    assert read_header(data) == Header(mime_type, problem=CUT_OFF)


@pytest.mark.parametrize("data", [b"", b"hello", b"\0" * 100])
def test_bytes_that_are_no_image_are_said(data: bytes) -> None:
    assert read_header(data, "image/png") == Header(
        "image/png", problem="is no image that is known"
    )
    assert read_header(data) == Header(None)


def test_a_size_of_nothing_is_said() -> None:
    data = PNG.replace(struct.pack(">I", 640), bytes(4))
    assert read_header(data) == Header("image/png", problem="says it is 0 x 480 pixels")


def test_a_wav_says_how_long_it_is() -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((2, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(4 * 12_000))
    assert read_header(out.getvalue()[:100], "audio/wav") == Header("audio/wav", duration_s=1.5)


def test_a_streamed_wav_does_not_say_how_long_it_is() -> None:
    head = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    streamed = head + b"data\xff\xff\xff\xff"
    assert read_audio(streamed) == Sound("audio/wav", None)
    assert read_audio(streamed + bytes(24_000)) == Sound("audio/wav", None)
    assert read_audio(streamed + bytes(24_000), is_whole=True) == Sound("audio/wav", 1.5)


def test_a_flac_says_how_long_it_is() -> None:
    packed = (44_100 << 44 | 1 << 41 | 15 << 36 | 441_000).to_bytes(8, "big")
    assert read_audio(b"fLaC\0\0\0\x22" + bytes(10) + packed) == Sound("audio/flac", 10.0)


def test_an_mp3_says_how_long_it_is_where_it_counts_its_frames() -> None:
    frame = b"\xff\xfb\x90\x00" + bytes(32)
    tag = b"ID3\x04\0\0\0\0\x02\0" + bytes(256)
    counted = frame + b"Xing" + struct.pack(">II", 1, 1000)
    assert read_audio(tag + counted) == Sound("audio/mpeg", 1000 * 1152 / 44_100)
    assert read_audio(frame + bytes(400)) == Sound("audio/mpeg", None)


@pytest.mark.parametrize(
    ("head", "bytes_per_second"),
    [(b"\xff\xfb\x90\x00", 16_000), (b"\xff\xfb\xe0\x00", 40_000), (b"\xff\xf3\x80\x00", 8_000)],
)
@pytest.mark.parametrize("end", [b"", b"TAG" + bytes(125)])
def test_an_mp3_that_is_all_there_lasts_as_its_rate_says(
    head: bytes, bytes_per_second: int, end: bytes
) -> None:
    tag = b"ID3\x04\0\0\0\0\x02\0" + bytes(256)
    frames = head + bytes(2 * bytes_per_second - len(head))
    assert read_audio(tag + frames + end, is_whole=True) == Sound("audio/mpeg", 2.0)


@pytest.mark.parametrize(
    ("brands", "mime_type"),
    [
        ((b"heic",), "image/heic"),
        ((b"hevc", b"heic"), "image/heic"),
        ((b"mif1", b"heic"), "image/heic"),
        ((b"mif1", b"avif"), "image/avif"),
        ((b"avis", b"avif"), "image/avif"),
        ((b"isom", b"avif"), "video/mp4"),
    ],
)
def test_a_still_image_is_told_by_its_brands(brands: tuple[bytes, ...], mime_type: str) -> None:
    box = b"ftyp" + brands[0] + bytes(4) + b"".join(brands)
    size = b"\0\0\0\x14ispe" + bytes(4) + struct.pack(">II", 640, 480)
    data = struct.pack(">I", len(box) + 4) + box
    is_image = mime_type.startswith("image")
    assert read_header(data + size) == Header(mime_type, *((640, 480) if is_image else ()))
    assert read_header(data).problem == (CUT_OFF if is_image else None)


def test_an_ogg_says_how_long_it_is_where_its_last_page_is_there() -> None:
    first = b"OggS\0\x02" + bytes(8) + bytes(14) + b"OpusHead" + bytes(11)
    last = b"OggS\0\x04" + struct.pack("<Q", 96_000) + bytes(20)
    assert read_audio(first + last) == Sound("audio/ogg", 2.0)
    assert read_audio(first) == Sound("audio/ogg", None)


@given(
    st.sampled_from(
        [b"", PNG[:8], b"\xff\xd8\xff", b"GIF89a", b"RIFF0000WEBPVP8 ", b"BM", b"II*\0"]
    )
    | st.sampled_from([b"MM\0*", b"0000ftypisom", b"0000ftypheic", b"RIFF0000WAVEfmt ", b"fLaC"])
    | st.sampled_from([b"OggS", b"ID3", b"\xff\xfb\x90", MOVIE[:16], MOVIE[:60]]),
    st.binary(max_size=300),
    st.sampled_from([None, "image/png", "audio/x", "video/mp4"]),
)
def test_any_bytes_are_read_without_a_fault(start: bytes, rest: bytes, mime: str | None) -> None:
    found = read_header(start + rest, mime)
    assert (found.width is None) == (found.height is None)
