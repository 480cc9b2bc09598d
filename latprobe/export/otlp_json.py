"""OTLP as a JSON file: one ExportTraceServiceRequest a line, as the Collector's file exporter."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from latprobe.export.otlp import to_request
from latprobe.export.stored_spans import Run, StoredSpan

SPANS_A_LINE = 1000


def json_lines(
    pages: Iterable[list[StoredSpan]], runs: Mapping[int, Run], *, content: bool = False
) -> Iterator[str]:
    """The file's lines, each with its line end."""
    for page in pages:
        for first in range(0, len(page), SPANS_A_LINE):
            request = to_request(page[first : first + SPANS_A_LINE], runs, content=content)
            yield request_json(request) + "\n"


def request_json(request: Message) -> str:
    """A request in OTLP's JSON: ids in hex (protobuf writes base64), enums as numbers."""
    message = MessageToDict(request, use_integers_for_enums=True)
    for resource in message.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                _hex_ids(span)
                for link in span.get("links", ()):
                    _hex_ids(link)
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _hex_ids(message: dict[str, Any]) -> None:
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in message:
            message[name] = base64.b64decode(message[name]).hex()
