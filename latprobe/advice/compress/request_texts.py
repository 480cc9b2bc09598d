"""A request's texts: where they stand in any vendor's format, each replaced by a shorter one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

# Under these keys vendors keep what the model reads as text.
_TEXT_KEYS = {"content", "text", "system", "instructions", "input", "prompt", "output", "parts"}
_TEXT_KEYS |= {"system_instruction", "systemInstruction", "page_content"}
_REQUEST_KEYS = ("messages", "input", "contents", "prompt", "system", "instructions")
_ROLES = {"system": "system", "developer": "system", "tool": "retrieved", "function": "retrieved"}
_MAX_DEPTH = 12

Change = Callable[["Place"], str]


class Place(NamedTuple):
    """A text in a request: the prompt's part it belongs to, and itself."""

    kind: str
    text: str


def is_request(value: object) -> bool:
    """Whether it is a request in a vendor's format, or a list of messages."""
    if isinstance(value, list):
        return bool(value) and all(
            isinstance(item, Mapping) and isinstance(item.get("role"), str) for item in value
        )
    if not isinstance(value, Mapping):
        return False
    if is_request(value.get("messages")) or is_request(value.get("contents")):
        return True
    return isinstance(value.get("model"), str) and any(key in value for key in _REQUEST_KEYS)


def rewrite(request: Any, change: Change) -> Any:
    """The request with `change` of each text the model reads, in the order they stand; a new
    object. Schemas, tool calls' arguments, names and media stay as they are."""
    if isinstance(request, list):
        return [_message(item, change) for item in request]
    return {key: _top(key, item, change) for key, item in request.items()}


def _top(key: str, value: Any, change: Change) -> Any:
    if key in ("system", "instructions", "system_instruction", "systemInstruction"):
        return _content(value, "system", change, 0)
    if key in ("messages", "contents", "input") and isinstance(value, list):
        return [_message(item, change) for item in value]
    if key in ("prompt", "input"):
        return _content(value, "user", change, 0)
    return value


def _message(message: Any, change: Change) -> Any:
    if not isinstance(message, Mapping):
        return _content(message, "user", change, 0)
    role = message.get("role")
    kind = _ROLES.get(role, "user") if isinstance(role, str) else "other"
    return {
        key: _content(item, kind, change, 0) if key in _TEXT_KEYS else item
        for key, item in message.items()
    }


def _content(value: Any, kind: str, change: Change, depth: int) -> Any:
    if isinstance(value, str):
        return change(Place(kind, value)) if value else value
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [_content(item, kind, change, depth + 1) for item in value]
    if not isinstance(value, Mapping) or _is_foreign(value):
        return value
    return {
        key: _content(item, kind, change, depth + 1) if key in _TEXT_KEYS else item
        for key, item in value.items()
    }


def _is_foreign(block: Mapping[str, Any]) -> bool:
    """Whether the block is a medium, a tool's call or something signed, of which no text may
    change."""
    found = block.get("type")
    return isinstance(found, str) and found not in (
        "text",
        "input_text",
        "output_text",
        "tool_result",
        "function_call_output",
        "message",
    )


def last_question(request: Any) -> str | None:
    """The last user's text; None where there is none."""
    found: list[str] = []

    def see(place: Place) -> str:
        if place.kind == "user":
            found.append(place.text)
        return place.text

    rewrite(request, see)
    return found[-1] if found else None


def has_tools(request: object) -> bool:
    """Whether the request offers tools."""
    return isinstance(request, Mapping) and bool(request.get("tools") or request.get("functions"))


def texts_of(request: Any) -> Sequence[str]:
    """All texts that `rewrite` would change, in order."""
    found: list[str] = []

    def see(place: Place) -> str:
        found.append(place.text)
        return place.text

    rewrite(request, see)
    return found
