"""A request's body from its socket: bounded in bytes and in time."""

from __future__ import annotations

import time
from email.message import Message
from typing import BinaryIO

from latprobe_collectors.otlp.budget import Share
from latprobe_collectors.otlp.intake import MAX_BODY_BYTES
from latprobe_collectors.otlp.refusals import BadRequestError, TooLargeError

MAX_BODY_S = 30.0
_STEP = 256 << 10
_MAX_LINE = 1024


class GoneError(Exception):
    """The client left, or was too slow, before its request was whole."""


def read_body(stream: BinaryIO, headers: Message, share: Share) -> bytes:
    """The whole body. Raises Refusal, and GoneError when no answer is of use."""
    deadline = time.monotonic() + MAX_BODY_S
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return _read_chunks(stream, share, deadline)
    text = headers.get("Content-Length", "0").strip()
    if not text.isdecimal():
        raise BadRequestError("Content-Length is no number.")
    length = int(text)
    _check_size(length)
    share.take(length)
    return _read_exactly(stream, length, deadline)


def _read_chunks(stream: BinaryIO, share: Share, deadline: float) -> bytes:
    parts: list[bytes] = []
    total = 0
    while size := _chunk_size(stream):
        total += size
        _check_size(total)
        share.take(size)
        parts.append(_read_exactly(stream, size, deadline))
        _read_exactly(stream, 2, deadline)
    while stream.readline(_MAX_LINE) not in (b"\r\n", b"\n", b""):  # trailers
        if time.monotonic() > deadline:
            raise GoneError
    return b"".join(parts)


def _chunk_size(stream: BinaryIO) -> int:
    line = stream.readline(_MAX_LINE)
    if not line:
        raise GoneError
    try:
        size = int(line.split(b";")[0], 16)
    except ValueError:
        raise BadRequestError("A chunk's size is no number.") from None
    if size < 0:
        raise BadRequestError("A chunk's size is negative.")
    return size


def _read_exactly(stream: BinaryIO, length: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    while length:
        # read1 gives what is there; a slow client is looked at between two packets
        part = stream.read1(min(length, _STEP))  # type: ignore[attr-defined]  # a BufferedReader
        if not part or time.monotonic() > deadline:
            raise GoneError
        parts.append(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _check_size(length: int) -> None:
    if length > MAX_BODY_BYTES:
        raise TooLargeError(f"The body has more than {MAX_BODY_BYTES >> 20} MiB.")
