"""The name that a person or a library gave to a call's prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROMPT_NAMES = (
    "gen_ai.prompt.name",
    "latprobe.prompt.name",
    "langfuse.observation.prompt.name",
    "traceloop.prompt.key",
    "prompt_name",
)


def prompt_name(attributes: Mapping[str, Any]) -> str | None:
    """The first name that a call's attributes give; None without one."""
    for name in PROMPT_NAMES:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value
    return None
