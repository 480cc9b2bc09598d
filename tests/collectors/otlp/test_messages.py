"""Bodies that are not quite what they should be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe_collectors.otlp.messages import from_json, from_protobuf
from latprobe_collectors.otlp.refusals import BadRequestError
from tests.collectors.otlp.building import request, rows_of, span


def test_text_that_is_not_utf8_is_repaired_and_the_rest_is_as_it_was() -> None:
    message = request(
        span(1, name="good", attributes={"k": "v", "raw": b"\xff\x00"}),
        span(2, name="b?d", attributes={"k": "v?"}),
    )
    body = message.SerializeToString().replace(b"b?d", b"b\xffd").replace(b"v?", b"v\xc3")
    read, repaired = from_protobuf(body)
    expected = request(
        span(1, name="good", attributes={"k": "v", "raw": b"\xff\x00"}),
        span(2, name="b\ufffdd", attributes={"k": "v\ufffd"}),
    )

    assert (read, repaired) == (expected, expected.SerializeToString())


@pytest.mark.parametrize("body", [b"\xff" * 100, request(span()).SerializeToString()[:-10]])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        from_protobuf(body)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    for read in (from_protobuf, from_json):
        try:
            read(body)
        except BadRequestError:
            continue


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"resourceSpans": 7}',
        b'{"resourceSpans": [',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": 1}]}]}]}',
        b"[" * 100_000,
    ],
)
def test_json_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        from_json(body)


def test_json_as_clients_write_it_is_read() -> None:
    found = {
        "traceId": "0102030405060708090A0B0C0D0E0F10",
        "spanId": "0000000000000001",
        "name": "stage \ud800",
        "kind": 3,
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": 1700000000005000000,
        "attributes": [{"key": "n", "value": {"intValue": "7"}}],
        "aLaterField": {"is": "ignored"},
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [found]}]}]}).encode()
    row = rows_of(from_json(body.replace(b"\\ud800", b"\xff")))["spans"][0]

    assert (row["name"], row["kind"], row["duration_ns"], row["attributes"]) == (
        "stage \ufffd",
        "client",
        5_000_000,
        '{"n":7}',
    )
