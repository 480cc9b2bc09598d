"""Bodies of answers, in the content type of the request."""

from __future__ import annotations

import json

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from latprobe_collectors.otlp.acceptance import Verdict
from latprobe_collectors.otlp.intake import JSON


def protobuf_success(verdict: Verdict) -> bytes:
    """ExportTraceServiceResponse; empty when everything was kept."""
    if not verdict.rejected:
        return b""
    partial = ExportTracePartialSuccess(
        rejected_spans=verdict.rejected, error_message=verdict.reason
    )
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


def success(verdict: Verdict, kind: str) -> bytes:
    """The body of a 200."""
    if kind != JSON:
        return protobuf_success(verdict)
    if not verdict.rejected:
        return b"{}"
    partial = {"rejectedSpans": str(verdict.rejected), "errorMessage": verdict.reason}
    return json.dumps({"partialSuccess": partial}).encode()


def failure(message: str, kind: str) -> bytes:
    """A google.rpc.Status that carries the message only: its code is HTTP's, says OTLP."""
    if kind == JSON:
        return json.dumps({"message": message}).encode()
    text = message.encode("utf-8", "replace")[:2000]
    return b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
