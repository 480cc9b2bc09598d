"""What of a span's content goes into the store: all but media, or nothing but sizes and counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from latprobe.otel.content_names import (
    PARTS_NAME,
    event_without_content,
    is_content,
    is_event_content,
    without_content,
)
from latprobe.part_event import PART_EVENT
from latprobe.store.content_memory import ContentMemory, memory
from latprobe.store.media_placeholder import with_placeholders

Attributes = Mapping[str, object]
# An event's name and attributes.
Event = tuple[str, Attributes]


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """What is kept, and where texts are remembered that are not. For any thread."""

    keeps_content: bool = True
    thumbnails: bool = False
    memory: ContentMemory = field(default_factory=lambda: memory)

    def stored(
        self,
        attributes: Attributes,
        events: Sequence[Event],
        *,
        ids: Callable[[], tuple[int, int]],
    ) -> tuple[Attributes, Sequence[Event]]:
        """A span's attributes and events as they are stored; `ids` gives its trace and span id."""
        if self.keeps_content:
            kept = with_placeholders(attributes, thumbnails=self.thumbnails)
            return kept, self._with_placeholders(events)
        if not any(map(is_content, attributes)) and not _has_content(events):
            return attributes, events
        parts = self._counted(attributes, events, *ids())
        kept = without_content(attributes)
        if parts is not None:
            kept = {**kept, PARTS_NAME: parts}
        return kept, [(name, event_without_content(name, held)) for name, held in events]

    def _with_placeholders(self, events: Sequence[Event]) -> Sequence[Event]:
        if not events:
            return events
        return [
            (name, with_placeholders(held, thumbnails=self.thumbnails)) for name, held in events
        ]

    def _counted(
        self, attributes: Attributes, events: Sequence[Event], trace_id: int, span_id: int
    ) -> str | None:
        """The parts without their texts, None where there are none."""
        from latprobe.store.counted_parts import counted_parts  # the counters, which take 100 ms

        for name, held in events:
            if name == PART_EVENT and isinstance(held.get("text"), str):
                self.memory.note_text(trace_id, str(held.get("part")), str(held["text"]))
        return counted_parts(
            attributes, events, trace_id=trace_id, span_id=span_id, memory=self.memory
        )


def _has_content(events: Sequence[Event]) -> bool:
    return any(is_event_content(name, key) for name, held in events for key in held)
