"""`LATPROBE_CONTENT=off`: content is taken out before a request is written anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latprobe.otel.content_names import event_without_content, without_content
from latprobe_collectors.otlp.messages import Request
from latprobe_collectors.otlp.values import key_values, mapping


def drop_content(request: Request) -> None:
    """Leaves size and digest of each prompt, answer and the like in `request`."""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                before = mapping(span.attributes)
                _replace(span, before, without_content(before))
                for event in span.events:
                    before = mapping(event.attributes)
                    _replace(event, before, event_without_content(event.name, before))


def _replace(holder: Any, before: Mapping[str, object], after: Mapping[str, object]) -> None:
    if after is before:
        return
    del holder.attributes[:]
    holder.attributes.extend(key_values(after))
