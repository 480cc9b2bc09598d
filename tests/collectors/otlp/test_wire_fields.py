"""Requests that are small on the wire and large in memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from latprobe_collectors.otlp import wire_fields
from latprobe_collectors.otlp.wire_fields import has_too_many_fields
from tests.collectors.otlp.building import request, requests, span


def nested(body: bytes, *numbers: int) -> bytes:
    """The body as a field in a field, the last number innermost."""
    for number in reversed(numbers):
        size, length = bytearray(), len(body)
        while length > 0x7F:
            size.append(length & 0x7F | 0x80)
            length >>= 7
        size.append(length)
        body = bytes([number << 3 | 2]) + bytes(size) + body
    return body


@pytest.mark.parametrize(
    "body",
    [
        nested(b"\x12\x00" * 60_000, 1, 2),
        nested(b"\x4a\x00" * 60_000, 1, 2, 2),
        nested(b"\x0a\x00" * 60_000, 1, 2, 2, 9, 2, 5),
        b"\x0a\x00" * 60_000,
    ],
    ids=["spans", "attributes", "array items", "resources"],
)
def test_empty_messages_without_end_are_too_many(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_fields, "COUNTED_FROM_BYTES", 0)
    monkeypatch.setattr(wire_fields, "MAX_FIELDS", 50_000)

    assert has_too_many_fields(body)


def test_large_requests_of_real_spans_are_not() -> None:
    text = {"gen_ai.prompt": "x" * 6000, **{f"k{i}": i for i in range(20)}}
    spans = [span(number, attributes=text) for number in range(1, 1000)]

    assert not has_too_many_fields(request(*spans).SerializeToString())


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=100) | requests().map(ExportTraceServiceRequest.SerializeToString))
def test_no_bytes_raise(body: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire_fields, "COUNTED_FROM_BYTES", 0)

        assert not has_too_many_fields(body)
