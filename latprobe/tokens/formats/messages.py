"""Messages with a role, as every chat format has them: one message, or a list."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.content import of_text, read_content
from latprobe.tokens.formats.tool_blocks import as_result, read_calls
from latprobe.tokens.json_values import as_text, compact, first_at, mapping_at, text_at
from latprobe.tokens.reading import Piece, Reading, Turn

TOOL_ROLES = frozenset({"tool", "function", "ipython", "toolResult"})
# Items of a Responses input stand for a message without saying a role.
_MODELS_ITEMS = frozenset(
    {"reasoning", "output_text", "compaction", "mcp_list_tools", "mcp_approval_request"}
)

_PLAIN = frozenset({"role", "content", "parts", "finish_reason"})


def read_messages(messages: object, reading: Reading, *, role: str | None = None) -> list[Turn]:
    """The turns of a list of messages; one message or one text counts as a list of it."""
    if messages is None:
        return []
    if isinstance(messages, (list, tuple)):
        return [read_message(message, reading, role=role) for message in messages]
    return [read_message(messages, reading, role=role)]


def read_message(message: object, reading: Reading, *, role: str | None = None) -> Turn:
    """One turn; `role` is for messages that say none. What is no message is "other"."""
    if type(message) is dict:
        plain = _plain(message)
        if plain is not None:
            return plain
    if isinstance(message, str):
        return Turn(role or "user", tuple(read_content(message, reading)))
    if not isinstance(message, (dict, Mapping)):
        reading.note("a message is no object")
        return Turn(role, (Piece("other", as_text(message)),))
    said = first_at(message, "role", "author")
    if isinstance(said, (dict, Mapping)):
        said = said.get("role")
    kind = message.get("type")
    if said is None and isinstance(kind, str):
        said = _role_of_item(kind)
    if said is not None and not isinstance(said, str):
        reading.note("a role is no text")
        said = as_text(said)
    found_role = said or role
    pieces = _pieces(message, found_role, reading)
    return Turn(found_role, tuple(pieces), name=_name(message, found_role))


def _role_of_item(kind: str) -> str | None:
    """Who an item of that type is from, None where the type does not say."""
    if kind in _MODELS_ITEMS or kind.endswith("_call"):
        return "assistant"
    return "tool" if kind.endswith("_call_output") else None


def _plain(message: dict[str, object]) -> Turn | None:
    """A message of texts alone, as nearly all are, in a fifth of the time; None for any other."""
    role = message.get("role")
    if type(role) is not str or not role or role in TOOL_ROLES or not message.keys() <= _PLAIN:
        return None
    content = message.get("content")
    if type(content) is str:
        return None if "parts" in message else Turn(role, (of_text(content),))
    parts = message.get("parts")
    if content is not None or type(parts) is not list:
        return None
    found = []
    for part in parts:
        if type(part) is not dict or len(part) != 2 or part.get("type") != "text":
            return None
        text = part.get("content")
        if type(text) is not str:
            return None
        found.append(of_text(text))
    return Turn(role, tuple(found))


def _name(message: Mapping[str, object], role: str | None) -> str | None:
    """The author's name; a tool message's is its tool's and stands at its pieces."""
    is_item = isinstance(message.get("type"), str) and "content" not in message
    return None if role in TOOL_ROLES or is_item else text_at(message, "name")


def _pieces(message: Mapping[str, object], role: str | None, reading: Reading) -> list[Piece]:
    kind = message.get("type")
    if (
        isinstance(kind, str)
        and kind != "message"
        and not any(name in message for name in ("content", "parts", "tool_calls"))
    ):
        return read_content(message, reading)
    content = first_at(message, "content", "parts", "blocks", "text")
    if role in TOOL_ROLES:
        return _tool_result(message, content, reading)
    found = [
        Piece("reasoning", text)
        for name in ("reasoning_content", "reasoning", "thinking")
        if (text := text_at(message, name))
    ]
    found += read_content(content, reading)
    found += read_calls(first_at(message, "tool_calls", "toolCalls"), reading)
    found += read_calls(message.get("function_call"), reading)
    for name in ("refusal", "audio"):
        found += _extra(message.get(name), reading)
    if not found and content is None and not _is_known(message):
        reading.note("a message holds no content")
        found = [Piece("other", compact(message))]
    return found


def _tool_result(message: Mapping[str, object], content: object, reading: Reading) -> list[Piece]:
    identity = text_at(message, "tool_call_id", "toolCallId", "id")
    name = text_at(message, "name", "tool_name") or text_at(
        mapping_at(message, "additional_kwargs"), "name"
    )
    if name is None and identity is not None:
        name = reading.call_names.get(identity)
    if isinstance(content, (list, tuple)):
        content = [{"type": "text", "text": i} if isinstance(i, str) else i for i in content]
    return as_result(content, name, lambda inner: read_content(inner, reading), reading)


def _extra(value: object, reading: Reading) -> list[Piece]:
    if isinstance(value, str) and value:
        return [Piece("text", value)]
    if isinstance(value, (dict, Mapping)) and text_at(value, "transcript"):
        return [Piece("text", text_at(value, "transcript"))]
    return []


def _is_known(message: Mapping[str, object]) -> bool:
    """Whether an empty message is an ordinary one: an assistant's without text, say."""
    return "role" in message or "content" in message
