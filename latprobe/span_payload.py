"""A finished stage's attributes, events, links and stream as the payload of one journal frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latprobe import guard
from latprobe.journal.long_texts import pack
from latprobe.journal.plain import MAX_PAYLOAD_BYTES, all_plain, encode, plain_dict

if TYPE_CHECKING:
    from latprobe.redaction import Redactor

_EXTRA_KEYS = ("status_message", "tracestate", "duration_ns", "start_wall_ns")


class SpanPayload:
    """Reads the stage's slots; docs/journal-format.md has the form."""

    __slots__ = ()

    _attributes: dict[str, Any] | None
    _more: dict[str, Any] | None
    _start: int

    def _encoded(self) -> bytes | None:
        """`journal_payload`, or None where that fails: a fault costs the attributes only."""
        try:
            if self._more is None:
                attributes = self._attributes
                if attributes is None:
                    return None
                if all_plain(map(type, attributes.values())):
                    payload = pack(attributes, None)
                    if len(payload) <= MAX_PAYLOAD_BYTES:
                        return payload
            return self.journal_payload()
        except Exception as fault:
            if not guard.is_ours(fault):
                raise  # a signal handler's
            guard.report("encoding attributes", fault)
            return None

    def redact(self, redactor: Redactor) -> None:
        """Replaces what was noted by what the user's redaction leaves of it."""
        if self._attributes:
            self._attributes = redactor.attributes(self._attributes)  # type: ignore[misc]  # a slot of SpanApi's
        more = self._more
        if not more:
            return
        if "status_message" in more:
            more["status_message"] = redactor.message(more["status_message"])
        if "events" in more:
            more["events"] = [
                (name, offset, redactor.event(name, attributes))
                for name, offset, attributes in more["events"]
            ]
        if "links" in more:
            more["links"] = [
                (high, low, span_id, attributes and redactor.attributes(attributes))
                for high, low, span_id, attributes in more["links"]
            ]

    def journal_payload(self) -> bytes | None:
        """Attributes, events, links and the rest as one SPAN frame; None when there is nothing."""
        more = self._more
        if more is None:
            return None if self._attributes is None else encode(self._attributes, None)
        extra = {key: more[key] for key in _EXTRA_KEYS if key in more}
        times = more.get("chunk_times")
        if times is not None:
            extra.update(times.summary(self._start))
        events = [
            (name, offset, attributes and plain_dict(attributes))
            for name, offset, attributes in more.get("events", ())
        ]
        return encode(self._attributes, (events or None, more.get("links"), extra or None))
