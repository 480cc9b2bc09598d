"""Events of a Chrome trace as rows of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from latprobe.otel.semconv import promote
from latprobe.store.json_text import attributes_json

INFERRED = "from the file's first event to its last"
_PROMOTED = (
    "error_type", "operation", "provider", "model", "input_tokens", "output_tokens", "cost_usd",
    "ttft_ns",
)  # fmt: skip
# What latprobe's own files say of a span besides its attributes.
_OWN_TEXT = ("status", "modality", "status_message", "error_type", "operation", "provider")
_OWN_COUNTS = ("cpu_ns", "chunks", "ttft_ns", "queue_ns", "prefill_ns", "decode_ns")
_IDS = ("trace_id", "span_id", "parent_span_id")


@dataclass(slots=True, eq=False)
class Interval:
    """An X event or a matched pair; times in ns as the file counts them. `number` is its place in
    the file."""

    number: int
    name: str
    category: str
    track: tuple[str, str]
    process: str | None
    pid: int | None
    thread: str
    start_ns: int
    duration_ns: int
    arguments: Mapping[str, Any]
    parent: Interval | None = None

    @property
    def end_ns(self) -> int:
        return self.start_ns + self.duration_ns


def span_row(each: Interval, digest: bytes, epoch_ns: int) -> dict[str, Any]:
    """A row of `spans`."""
    ids = _own_ids(each.arguments) or {
        "trace_id": digest.hex(),
        "span_id": _span_id(digest, each.number),
        "parent_span_id": None if each.parent is None else _span_id(digest, each.parent.number),
    }
    row: dict[str, Any] = {
        **ids,
        "run_id": 1,
        "name": each.name,
        "kind": "internal",
        "status": "unset",
        "start_ns": epoch_ns + each.start_ns,
        "duration_ns": each.duration_ns,
        "pid": each.pid,
        "thread": each.thread,
    }
    rest = dict(each.arguments)
    if _own_ids(each.arguments):
        for name in (*_IDS, *_OWN_TEXT, *_OWN_COUNTS):
            value = rest.pop(name, None)
            if isinstance(value, int if name in _OWN_COUNTS else str):
                row.setdefault(name, value)
        row["status"] = each.arguments.get("status", "unset")
    else:
        rest |= {
            name: value
            for name, value in (("cat", each.category), ("process.name", each.process))
            if value
        }
    said = promote(rest)
    for name in _PROMOTED:
        if row.get(name) is None:
            row[name] = getattr(said, name)
    row["attributes"] = attributes_json(said.rest)
    return row


def _own_ids(arguments: Mapping[str, Any]) -> dict[str, str | None] | None:
    """The ids that latprobe's own export wrote; None for other programs' events."""
    trace_id, span_id = arguments.get("trace_id"), arguments.get("span_id")
    if not _is_hex(trace_id, 32) or not _is_hex(span_id, 16):
        return None
    parent = arguments.get("parent_span_id")
    return {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": parent if _is_hex(parent, 16) else None,
    }


def _is_hex(value: object, digits: int) -> bool:
    return isinstance(value, str) and len(value) == digits and not value.strip("0123456789abcdef")


def _span_id(digest: bytes, number: int) -> str:
    """The same for the same event of the same file."""
    return blake2b(number.to_bytes(8, "big"), digest_size=8, key=digest).hexdigest()
