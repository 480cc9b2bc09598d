"""Which spans of a request the store can keep; the others are named in `partial_success`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from latprobe_collectors.otlp.messages import Request

# Times are stored as signed 64-bit ns since 1970: until the year 2262.
MAX_TIME_NS = (1 << 63) - 1
_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many spans are kept, how many not, and why not in one sentence ("" for none)."""

    kept: int
    rejected: int
    reason: str


def drop_unusable(request: Request) -> Verdict:
    """Takes the spans out of `request` that cannot be stored."""
    kept = 0
    reasons: Counter[str] = Counter()
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            spans = scope_spans.spans
            bad = [span for span in spans if not _is_usable(span)]
            kept += len(spans) - len(bad)
            if bad:
                reasons.update(map(_fault, bad))
                _keep_usable(spans)
    return Verdict(kept, sum(reasons.values()), _sentence(reasons))


def _keep_usable(spans: Any) -> None:
    """One copy of the good ones: deleting one by one would take quadratic time."""
    good = [span for span in spans if _is_usable(span)]
    fresh = ScopeSpans(spans=good)
    del spans[:]
    spans.MergeFrom(fresh.spans)


def _is_usable(span: Any) -> bool:
    trace_id, span_id = span.trace_id, span.span_id
    return (
        len(trace_id) == 16
        and len(span_id) == 8
        and len(span.parent_span_id) in (0, 8)
        and 0 < span.start_time_unix_nano <= MAX_TIME_NS
        and span.end_time_unix_nano <= MAX_TIME_NS
        and trace_id != _NO_TRACE
        and span_id != _NO_SPAN
    )


def _fault(span: Any) -> str:
    for name, value, size in (
        ("trace_id", span.trace_id, 16),
        ("span_id", span.span_id, 8),
        ("parent_span_id", span.parent_span_id, 8),
    ):
        if name == "parent_span_id" and not value:
            continue
        if len(value) != size:
            return f"{name} has {len(value)} bytes, not {size}"
        if not any(value) and name != "parent_span_id":
            return f"{name} is zero"
    if not span.start_time_unix_nano:
        return "start_time_unix_nano is missing"
    return "a time is after the year 2262"


def _sentence(reasons: Counter[str]) -> str:
    return "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(8))
