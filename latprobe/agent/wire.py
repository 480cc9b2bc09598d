"""The agent's protocol: u32 length and JSON, then for answers so many bytes of Arrow IPC."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

LENGTH = struct.Struct("<I")
MAX_JSON_BYTES = 64 << 20


class ConnectionLostError(ConnectionError):
    """The other side went away between or within messages."""


def send_json(peer: socket.socket, value: dict[str, Any], body: Any = b"") -> None:
    """Sends one message; `body` is any buffer and follows the JSON as it is."""
    text = json.dumps(value).encode()
    peer.sendall(LENGTH.pack(len(text)) + text)
    if len(body):
        peer.sendall(body)


def receive_json(peer: socket.socket) -> dict[str, Any]:
    """The next message. Raises ConnectionLostError at the end of the stream, ValueError for what
    is no message."""
    (length,) = LENGTH.unpack(receive_bytes(peer, LENGTH.size))
    if length > MAX_JSON_BYTES:
        raise ValueError(f"a message of {length} bytes")
    value = json.loads(bytes(receive_bytes(peer, length)))
    if not isinstance(value, dict):
        raise ValueError("a message that is no JSON object")
    return value


def receive_bytes(peer: socket.socket, count: int) -> bytearray:
    """Exactly `count` bytes."""
    data = bytearray(count)
    view = memoryview(data)
    received = 0
    while received < count:
        size = peer.recv_into(view[received:])
        if size == 0:
            raise ConnectionLostError("the connection was closed")
        received += size
    return data
