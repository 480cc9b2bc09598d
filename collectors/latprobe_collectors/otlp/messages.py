"""Bodies of requests as protobuf messages: from protobuf, and from OTLP's JSON."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from latprobe_collectors.otlp.refusals import BadRequestError

Request = ExportTraceServiceRequest


def from_protobuf(body: bytes) -> tuple[Request, bytes]:
    """The request, and the body that says it: the same, or one with its text repaired to UTF-8.

    Raises BadRequestError.
    """
    try:
        return Request.FromString(body), body
    except DecodeError:
        return _repaired(body)


def _repaired(body: bytes) -> tuple[Request, bytes]:
    from latprobe_collectors.otlp.lenient_text import repair

    try:
        body = repair(body)
        return Request.FromString(body), body
    except DecodeError as error:
        raise BadRequestError(
            f"The body is no ExportTraceServiceRequest in protobuf: {error}"
        ) from error


def from_json(body: bytes) -> Request:
    """The request. JSON's ids are hexadecimal where protobuf's own mapping has base64.

    An id that is not hexadecimal becomes empty, which its span is then refused for. Raises
    BadRequestError.
    """
    try:
        found = json.loads(body.decode("utf-8", "replace"))
        if not isinstance(found, dict):
            raise BadRequestError("The body is JSON, but no object.")
        for holder in _id_holders(found):
            _hex_to_base64(holder)
        return ParseDict(found, Request(), ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadRequestError(
            f"The body is no ExportTraceServiceRequest in JSON: {str(error)[:200]}"
        ) from error


_IDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")


def _id_holders(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in _parts(request, "resourceSpans", "resource_spans"):
        for scope in _parts(resource, "scopeSpans", "scope_spans"):
            for span in _parts(scope, "spans"):
                yield span
                yield from _parts(span, "links")


def _parts(holder: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        parts = holder.get(name)
        if isinstance(parts, list):
            yield from (part for part in parts if isinstance(part, dict))


def _hex_to_base64(holder: dict[str, Any]) -> None:
    for name in _IDS:
        text = holder.get(name)
        if isinstance(text, str):
            try:
                holder[name] = b64encode(bytes.fromhex(text)).decode()
            except ValueError:
                holder[name] = ""
