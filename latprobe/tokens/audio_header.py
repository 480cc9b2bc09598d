"""How long a sound lasts, as its first bytes say: WAV, FLAC, MP3; OGG where all of it is there.

A WAV that was streamed and an MP3 that does not count its frames say how many bytes a second takes;
where all of the sound is there, its size gives the rest.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_MP3_RATES_HZ = (44_100, 48_000, 32_000)
# Of layer III, in kbit/s, from the index 1 on: MPEG 1, and MPEG 2 and 2.5.
_MP3_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_KBITS_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_ID3_END_BYTES = 128


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound's kind, and its duration where the header says."""

    mime_type: str
    duration_s: float | None


def read_audio(data: bytes, *, is_whole: bool = False) -> Sound | None:
    """Says what sound the bytes begin; None for other bytes. Never raises.

    `is_whole`: they are all of it.
    """
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return Sound("audio/wav", _wav_s(data, is_whole=is_whole))
    if data[:4] == b"fLaC":
        return Sound("audio/flac", _flac_s(data))
    if data[:4] == b"OggS":
        return Sound("audio/ogg", _ogg_s(data))
    start = _id3_bytes(data)
    if start or _is_mp3_frame(data[:4]):
        return Sound("audio/mpeg", _mp3_s(data[start:], is_whole=is_whole))
    return None


def _wav_s(data: bytes, *, is_whole: bool) -> float | None:
    bytes_per_second, at = 0, 12
    while at + 8 <= len(data):
        chunk, size = struct.unpack_from("<4sI", data, at)
        if chunk == b"fmt " and at + 20 <= len(data):
            (bytes_per_second,) = struct.unpack_from("<I", data, at + 16)
        elif chunk == b"data":
            # A stream's header has 0 or all ones where the size should be.
            if not 0 < size < 0xFFFFFFFF:
                size = len(data) - at - 8 if is_whole else 0
            return size / bytes_per_second if bytes_per_second and size else None
        at += 8 + size + size % 2
    return None


def _flac_s(data: bytes) -> float | None:
    if len(data) < 26:
        return None
    packed = int.from_bytes(data[18:26], "big")
    rate_hz, samples = packed >> 44, packed & 0xFFFFFFFFF
    return samples / rate_hz if rate_hz and samples else None


def _ogg_s(data: bytes) -> float | None:
    """The last page says how many samples went before it; that page is the last only if it ends
    the stream."""
    last = data.rfind(b"OggS")
    if len(data) < last + 14 or not data[last + 5] & 4:
        return None
    (samples,) = struct.unpack_from("<Q", data, last + 6)
    head = data.find(b"\x01vorbis", 0, 128)
    if head >= 0 and len(data) >= head + 16:
        (rate_hz,) = struct.unpack_from("<I", data, head + 12)
    else:
        rate_hz = 48_000 if b"OpusHead" in data[:128] else 0
    return samples / rate_hz if rate_hz and samples else None


def _id3_bytes(data: bytes) -> int:
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10


def _is_mp3_frame(head: bytes) -> bool:
    """Says whether these are a layer III frame's first bytes, with a rate that exists."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    return version != 1 and layer == 1 and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3


def _mp3_s(data: bytes, *, is_whole: bool) -> float | None:
    """The Xing header counts the frames; without it they all have the first one's rate, or the
    encoder would have to count them."""
    if not _is_mp3_frame(data[:4]):
        return None
    version = data[1] >> 3 & 3  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    rate_hz = _MP3_RATES_HZ[data[2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2}[version]
    head = max(data.find(b"Xing", 0, 64), data.find(b"Info", 0, 64))
    if head < 0:
        kbits = (_MP3_KBITS if version == 3 else _MP3_KBITS_2)[(data[2] >> 4) - 1]
        end_bytes = _ID3_END_BYTES if data[-_ID3_END_BYTES:].startswith(b"TAG") else 0
        return (len(data) - end_bytes) / (125 * kbits) if is_whole else None
    if len(data) < head + 12:
        return None
    flags, frames = struct.unpack_from(">II", data, head + 4)
    samples = 1152 if version == 3 else 576
    return frames * samples / rate_hz if flags & 1 and frames else None
