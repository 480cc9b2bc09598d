"""What leaves the machine without being asked for: attributes without prompts, answers, tool calls.

Which names those are says latprobe.otel.content_names. Digests of parts stay (`latprobe.parts`),
pictures made of them do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latprobe.otel.content_names import is_content, is_event_content


def without_content(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A span's or a link's attributes without those that hold content."""
    return {name: value for name, value in attributes.items() if not is_content(name)}


def event_without_content(event: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The same for an event's attributes."""
    return {name: value for name, value in attributes.items() if not is_event_content(event, name)}
