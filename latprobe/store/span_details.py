"""What the SPAN frames of a batch say: columns of their spans, and their events.

Only spans with a frame come here; each costs some Python work, lean spans cost none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from latprobe.journal.heap import decode
from latprobe.otel.names import CHUNK_EVENTS
from latprobe.otel.semconv import MAX_NS, promote
from latprobe.store.content_policy import ContentPolicy, Event
from latprobe.store.json_text import attributes_json, json_text

_Event = tuple[str, int, dict[str, Any]]

# Columns of `spans` that only frames fill, in the order of `Details.columns`.
DETAIL_COLUMNS = (
    "status_message",
    "error_type",
    "operation",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "ttft_ns",
    "chunks",
    "gap_p50_ns",
    "gap_p95_ns",
    "attributes",
    "links",
    "queue_ns",
    "prefill_ns",
    "decode_ns",
)


# Puts what cutting took off a gap, 0 to 0.78 %, back on average.
CENTRE = 1 + 1 / 384


@dataclass(slots=True)
class Details:
    """Values of a batch's framed spans. `rows[i]` is the batch row of `columns[...][i]`.

    `start_wall_ns` and `duration_ns` map a batch row to what the caller gave; `events` are
    (row, offset ns, name, attributes); `damaged` frames did not decode.
    `first_chunk_at_ns` maps a position in the columns to a time since the epoch.
    """

    rows: list[int] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=lambda: {c: [] for c in DETAIL_COLUMNS})
    start_wall_ns: dict[int, int] = field(default_factory=dict)
    duration_ns: dict[int, int] = field(default_factory=dict)
    events: list[tuple[int, int, str, str | None]] = field(default_factory=list)
    first_chunk_at_ns: dict[int, int] = field(default_factory=dict)
    damaged: int = 0


def read_details(
    payloads: dict[int, bytes],
    *,
    policy: ContentPolicy,
    ids: Callable[[int], tuple[int, int]],
) -> Details:
    """The decoded frames; `payloads` maps a batch row to a SPAN payload.

    `policy` says what of content is stored; `ids` gives a row's trace and span id.
    """
    details = Details()
    for row, payload in payloads.items():
        attributes, events, links, extra = _parts(decode(payload))
        if attributes is None:
            details.damaged += 1
            continue
        kept = _kept_events(events)
        stored, held = policy.stored(
            attributes, [(name, said) for name, _, said in kept], ids=partial(ids, row)
        )
        _add(details, row, stored, extra)
        _add_stream(details, kept, extra)
        details.columns["links"].append(_links_json(links))
        error_type = _add_events(details, row, kept, held)
        if details.columns["error_type"][-1] is None:
            details.columns["error_type"][-1] = error_type
    return details


def _parts(value: Any) -> tuple[dict[str, Any] | None, list[Any], list[Any], dict[str, Any]]:
    """(attributes, events, links, extra); attributes None when it is no SPAN value."""
    if isinstance(value, dict):
        return value, [], [], {}
    if not isinstance(value, tuple) or len(value) != 4:
        return None, [], [], {}
    attributes, events, links, extra = value
    return (
        attributes if isinstance(attributes, dict) else {},
        events if isinstance(events, list) else [],
        links if isinstance(links, list) else [],
        extra if isinstance(extra, dict) else {},
    )


def _add(
    details: Details, row: int, attributes: Mapping[str, object], extra: dict[str, Any]
) -> None:
    said = promote(attributes)
    columns = details.columns
    details.rows.append(row)
    columns["error_type"].append(said.error_type)
    columns["operation"].append(said.operation)
    columns["provider"].append(said.provider)
    columns["model"].append(said.model)
    columns["input_tokens"].append(said.input_tokens)
    columns["output_tokens"].append(said.output_tokens)
    columns["cost_usd"].append(said.cost_usd)
    rest = said.rest
    if extra:
        tracestate = extra.get("tracestate")
        if tracestate:
            rest = {**rest, "tracestate": tracestate}
        _note_times(details, row, extra)
    columns["attributes"].append(attributes_json(rest))
    columns["status_message"].append(_text(extra.get("status_message")))
    columns["ttft_ns"].append(said.ttft_ns)
    if said.ttft_ns is None and said.first_chunk_at_ns is not None:
        details.first_chunk_at_ns[len(details.rows) - 1] = said.first_chunk_at_ns
    columns["queue_ns"].append(said.queue_ns)
    columns["prefill_ns"].append(said.prefill_ns)
    columns["decode_ns"].append(said.decode_ns)


def _note_times(details: Details, row: int, extra: dict[str, Any]) -> None:
    start = _count(extra.get("start_wall_ns"))
    duration = _count(extra.get("duration_ns"))
    if start is not None:
        details.start_wall_ns[row] = start
    if duration is not None:
        details.duration_ns[row] = duration


def _add_stream(details: Details, events: list[_Event], extra: dict[str, Any]) -> None:
    """Chunk times as the recorder took them, else from the events that mark chunks. A time to the
    first chunk that an attribute said stays."""
    columns = details.columns
    if not events and not extra:
        for name in ("chunks", "gap_p50_ns", "gap_p95_ns"):
            columns[name].append(None)
        return
    moments = [offset for name, offset, _ in events if name in CHUNK_EVENTS and offset >= 0]
    chunks = _count(extra.get("chunks"), 0xFFFF_FFFF)
    first_ns = _count(extra.get("first_chunk_ns"))
    gaps = _unpacked(extra.get("gaps"))
    if chunks is None and moments:
        first_ns = moments[0]
        if len(moments) > 1:
            chunks = len(moments)
            gaps = np.diff(np.array(moments, np.float64))
    columns["chunks"].append(chunks)
    median, p95 = _percentiles(gaps)
    columns["gap_p50_ns"].append(median)
    columns["gap_p95_ns"].append(p95)
    if columns["ttft_ns"][-1] is None:
        columns["ttft_ns"][-1] = first_ns


def _kept_events(events: list[Any]) -> list[_Event]:
    """(name, offset ns, attributes) of those that are events."""
    kept: list[_Event] = []
    for event in events:
        if not isinstance(event, tuple) or len(event) != 3 or not isinstance(event[1], int):
            continue
        name, offset_ns, attributes = event
        if abs(offset_ns) <= MAX_NS:
            attributes = attributes if isinstance(attributes, dict) else {}
            kept.append((_text(name) or "", offset_ns, attributes))
    return kept


def _add_events(
    details: Details, row: int, events: list[_Event], stored: Sequence[Event]
) -> str | None:
    """Keeps the events as they are stored; gives back the type of the last exception among them."""
    error_type = None
    for (name, offset_ns, attributes), (_, kept) in zip(events, stored, strict=True):
        if name == "exception":
            error_type = _text(attributes.get("exception.type"))
        details.events.append((row, offset_ns, name, attributes_json(kept)))
    return error_type


def _links_json(links: list[Any]) -> str | None:
    found = []
    for link in links:
        if not isinstance(link, tuple) or len(link) != 4:
            continue
        high, low, span_id, attributes = link
        if not all(isinstance(part, int) and 0 <= part < 1 << 64 for part in (high, low, span_id)):
            continue
        found.append(
            {
                "trace_id": f"{high:016x}{low:016x}",
                "span_id": f"{span_id:016x}",
                "attributes": attributes or {},
            }
        )
    return json_text(found) if found else None


def _unpacked(gaps: object) -> npt.NDArray[np.float64]:
    """Gaps in ns, from bfloat16: floats cut to their upper half, which are up to 0.8 % too low."""
    if not isinstance(gaps, bytes):
        return np.empty(0)
    halves = np.frombuffer(gaps[: len(gaps) & ~1], "<u2").astype(np.uint32)
    return (halves << 16).view(np.float32).astype(np.float64) * CENTRE


def _percentiles(gaps: npt.NDArray[np.float64]) -> tuple[int | None, int | None]:
    """Median and 95th percentile, ns."""
    gaps = gaps[np.isfinite(gaps) & (gaps >= 0) & (gaps < 2.0**62)]
    if not len(gaps):
        return None, None
    median, p95 = np.percentile(gaps, (50, 95))
    return int(median), int(p95)


def _text(value: object) -> str | None:
    return None if value is None else str(value).encode("utf-8", "replace").decode()


def _count(value: object, most: int = MAX_NS) -> int | None:
    return value if type(value) is int and 0 <= value <= most else None
