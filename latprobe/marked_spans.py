"""Where marks of prompt parts are kept: as events of the current span.

Of spans of an SDK that the program set up itself they are kept here until the span has ended, so
that they go to latprobe's journal and not to wherever else the program exports its spans.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.trace import get_current_span

from latprobe import guard
from latprobe.clock import wall_ns
from latprobe.otel.content_names import PART_KINDS
from latprobe.part_event import PART_EVENT
from latprobe.recorder import Stage, current

# Spans of other tracers that carry marks and have not ended: more are forgotten, oldest first.
MAX_WAITING_SPANS = 1_000

Mark = tuple[int, dict[str, str]]
_waiting: dict[tuple[int, int], list[Mark]] = {}


def taken(trace_id: int, span_id: int) -> list[Mark]:
    """(wall clock ns, attributes) of the marks on a span of another tracer, which has ended."""
    return _waiting.pop((trace_id, span_id), []) if _waiting else []


def mark(kind: str, value: object) -> None:
    """Notes the value's text, or each one's of a list, on the current span."""
    if kind not in PART_KINDS:
        guard.warn_once(
            "latprobe.part() was given an unknown kind and marked nothing; the kinds are "
            f"{', '.join(sorted(PART_KINDS))}."
        )
        return
    span = current.get()
    if type(span) is not Stage:
        span = get_current_span()
    if isinstance(value, str):
        _note(span, kind, value)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _note(span, kind, item)
    else:
        _note(span, kind, value)


def _note(span: Any, kind: str, value: object) -> None:
    text = value if type(value) is str else _text(value)
    if not text or not span.is_recording():
        return
    attributes = {"part": kind, "text": text}
    if isinstance(span, Stage):
        span.add_event(PART_EVENT, attributes)
        return
    found = span.get_span_context()
    while len(_waiting) >= MAX_WAITING_SPANS:
        _waiting.pop(next(iter(_waiting)), None)
    _waiting.setdefault((found.trace_id, found.span_id), []).append((wall_ns(), attributes))


def _text(value: object) -> str | None:
    """The text of a value that is no plain str, None where it has none."""
    try:
        return str.__str__(value) if isinstance(value, str) else str(value)
    except Exception:  # the user's own __str__ may do anything
        return None
