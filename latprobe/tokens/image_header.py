"""Sizes and durations as the first bytes of an image, a sound or a video say them.

Nothing is decoded: a header of 64 KiB is enough for all but a JPEG with a long EXIF part.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from latprobe.tokens.audio_header import read_audio

Size = tuple[int, int]
CUT_OFF = "header is cut off"
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"miaf", b"MiHE",
     b"avif", b"avis"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """What a payload's first bytes say; None where they do not. `mime_type` is what they are."""

    mime_type: str | None
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    problem: str | None = None


def read_header(data: bytes, mime_type: str | None = None, *, is_whole: bool = False) -> Header:
    """Reads a payload's first bytes, whatever they are said to be; never raises.

    `is_whole`: they are all of it, which says how long some sounds last. `problem` says that an
    image's header ends early, or that the bytes are not of the kind that `mime_type` names.
    """
    for is_format, found_type, read in _IMAGES:
        if is_format(data):
            try:
                width, height = read(data)
            except (struct.error, IndexError):
                return Header(found_type, problem=CUT_OFF)
            if width <= 0 or height <= 0:
                return Header(found_type, problem=f"says it is {width} x {height} pixels")
            return Header(found_type, width, height)
    if data[4:8] == b"ftyp":
        return _read_boxes(data)
    sound = read_audio(data, is_whole=is_whole)
    if sound is not None:
        return Header(sound.mime_type, duration_s=sound.duration_s)
    return Header(mime_type, problem=_problem(mime_type))


def _problem(mime_type: str | None) -> str | None:
    kind = (mime_type or "").partition("/")[0].lower()
    return f"is no {kind} that is known" if kind in ("image", "audio", "video") else None


def _png(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp(data: bytes) -> Size:
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    # The oldest header has 16-bit sizes; a negative height means rows from the top.
    width, height = struct.unpack_from("<HH" if header_bytes == 12 else "<ii", data, 18)
    return width, abs(height)


def _webp(data: bytes) -> Size:
    chunk = data[12:16]
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    widths, heights = struct.unpack_from("<3s3s", data, 24)
    return int.from_bytes(widths, "little") + 1, int.from_bytes(heights, "little") + 1


def _jpeg(data: bytes) -> Size:
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == 0xFFFF:  # a fill byte
            at += 1
        elif 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker < 0xFF02 or length < 2:
            raise IndexError
        else:
            at += 2 + length


def _tiff(data: bytes) -> Size:
    order = "<" if data[:2] == b"II" else ">"
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, directory)
    found = {}
    for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in (256, 257):
            found[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, entry + 8)[0]
    if len(found) < 2:
        raise IndexError
    return found[256], found[257]


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Gives (type, start and end of the body) of ISO media boxes; ends where one is broken."""
    at = start
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        if length < 8:
            return
        yield kind, at + 8, min(at + length, end)
        at += length


def _read_boxes(data: bytes) -> Header:
    """Reads MP4, QuickTime, HEIC and AVIF. What comes after the media is not in the header."""
    brand = data[8:12]
    still = _still_type(data)
    if still is not None:
        return _still(data, still)
    mime_type = "audio/mp4" if brand == b"M4A " else "video/mp4"
    size, duration_s = None, None
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind != b"moov":
            continue
        for inner, body, stop in _boxes(data, start, end):
            if inner == b"mvhd":
                duration_s = _movie_duration_s(data[body:stop])
            elif inner == b"trak":
                size = size or _track_size(data, body, stop)
    width, height = size or (None, None)
    return Header(mime_type, width, height, duration_s)


def _still_type(data: bytes) -> str | None:
    """The type of a still image: its first box names what can read it, the most fitting first."""
    (length,) = struct.unpack_from(">I", data, 0)
    brands = (data[8:12], *(data[at : at + 4] for at in range(16, min(length, len(data), 256), 4)))
    if brands[0] in _HEIF_BRANDS:
        return "image/avif" if b"avif" in brands or b"avis" in brands else "image/heic"
    return None


def _still(data: bytes, mime_type: str) -> Header:
    sizes = []
    at = data.find(b"ispe")
    while at >= 0 and at + 16 <= len(data):
        sizes.append(struct.unpack_from(">II", data, at + 8))
        at = data.find(b"ispe", at + 4)
    if not sizes:
        return Header(mime_type, problem=CUT_OFF)
    width, height = max(sizes, key=lambda size: size[0] * size[1])  # the tiles are smaller
    return Header(mime_type, width, height)


def _movie_duration_s(body: bytes) -> float | None:
    form, at = (">IQ", 20) if body[:1] == b"\x01" else (">II", 12)
    if len(body) < at + struct.calcsize(form):
        return None
    scale, duration = struct.unpack_from(form, body, at)
    return duration / scale if scale and duration else None


def _track_size(data: bytes, start: int, end: int) -> Size | None:
    for kind, body, stop in _boxes(data, start, end):
        if kind == b"tkhd" and stop - body >= 84:
            width, height = struct.unpack_from(">II", data, stop - 8)  # 16.16 fixed point
            if width >> 16 and height >> 16:  # a sound's track has none
                return width >> 16, height >> 16
    return None


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(magics)


_IMAGES: tuple[tuple[Callable[[bytes], bool], str, Callable[[bytes], Size]], ...] = (
    (_starts(b"\x89PNG\r\n\x1a\n"), "image/png", _png),
    (_starts(b"\xff\xd8\xff"), "image/jpeg", _jpeg),
    (_starts(b"GIF87a", b"GIF89a"), "image/gif", _gif),
    (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", "image/webp", _webp),
    (lambda data: data[:2] == b"BM" and data[6:10] == b"\0\0\0\0", "image/bmp", _bmp),
    (_starts(b"II*\0", b"MM\0*"), "image/tiff", _tiff),
)
