"""What is taken out of a request before it is written anywhere: what the user redacts, content
where it is switched off, the bytes of media in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latprobe.redaction import Redactor
from latprobe.store.content_policy import ContentPolicy
from latprobe.store.media_placeholder import may_hold_media
from latprobe_collectors.otlp.messages import Request
from latprobe_collectors.otlp.values import key_values, mapping


@dataclass(frozen=True, slots=True)
class SpoolPolicy:
    """What of a request may be written. `redactor` None: the user redacts nothing."""

    content: ContentPolicy = field(default_factory=ContentPolicy)
    redactor: Redactor | None = None

    def apply(self, request: Request, body: bytes) -> bool:
        """Takes out of `request` what must not stay; True if anything may have changed.

        `body` is the request as protobuf: most hold nothing to look at twice.
        """
        is_due = not self.content.keeps_content or may_hold_media(body)
        if not is_due and self.redactor is None:
            return False
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    if self.redactor is not None:
                        _redact(span, self.redactor)
                    if is_due:
                        self._reduce(span)
        return True

    def _reduce(self, span: Any) -> None:
        before = mapping(span.attributes)
        events = [(event.name, mapping(event.attributes)) for event in span.events]

        def ids() -> tuple[int, int]:
            return int.from_bytes(span.trace_id), int.from_bytes(span.span_id)

        after, kept = self.content.stored(before, events, ids=ids)
        _replace(span, before, after)
        for event, (_, was), (_, now) in zip(span.events, events, kept, strict=True):
            _replace(event, was, now)


def _redact(span: Any, redactor: Redactor) -> None:
    before = mapping(span.attributes)
    _replace(span, before, redactor.attributes(before))
    for event in span.events:
        before = mapping(event.attributes)
        _replace(event, before, redactor.event(event.name, before) or before)
    for link in span.links:
        before = mapping(link.attributes)
        _replace(link, before, redactor.attributes(before))
    if span.status.message:
        span.status.message = redactor.message(span.status.message)


def _replace(holder: Any, before: Mapping[str, object], after: Mapping[str, object]) -> None:
    if after is before or after == before:
        return
    del holder.attributes[:]
    holder.attributes.extend(key_values(after))
