"""OpenAI's chat completions, and all that speak them: vLLM, Ollama, LiteLLM, Mistral, Groq."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.formats.tool_blocks import read_definition
from latprobe.tokens.json_values import as_text, list_at, mapping_at, text_at
from latprobe.tokens.reading import Piece, Reading, Turn

# An answer with these and no message says what was used, and nothing else.
_USAGE_NAMES = frozenset({"usage", "usageMetadata", "usage_metadata"})


def read(request: object, response: object) -> Reading | None:
    """A request with messages that have roles, a list of such messages, or one of them."""
    if isinstance(request, (dict, Mapping)):
        if "messages" in request:
            messages, fields = request["messages"], request
        elif "role" in request:
            messages, fields = [request], {}
        else:
            return None
    elif isinstance(request, (list, tuple)) and any(_has_role(item) for item in request):
        messages, fields = list(request), {}
    else:
        return None
    reading = Reading("openai.chat")
    if not isinstance(messages, (list, tuple)):
        reading.note("messages are no list")
    reading.input = read_messages(messages, reading)
    for tool in offered_tools(fields):
        reading.tools += read_definition(tool, reading)
    reading.output = read_choices(response, reading)
    return reading


def offered_tools(fields: Mapping[str, object]) -> list[object]:
    """The definitions of a request's tools, wherever its vendor puts them."""
    bedrocks = list_at(mapping_at(fields, "toolConfig"), "tools")
    return list_at(fields, "tools") + list_at(fields, "functions") + bedrocks


def _has_role(item: object) -> bool:
    return isinstance(item, (dict, Mapping)) and "role" in item


def read_choices(response: object, reading: Reading) -> list[Turn]:
    """The turns of an answer: its choices, Ollama's one message, a message, or a text."""
    if response is None:
        return []
    if isinstance(response, str):
        return [Turn("assistant", (Piece("text", response),))]
    if isinstance(response, (dict, Mapping)):
        choices = response.get("choices")
        if isinstance(choices, list):
            return [turn for choice in choices for turn in _read_choice(choice, reading)]
        if isinstance(response.get("message"), (dict, Mapping)):
            return _read_choice(response, reading)
        if isinstance(mapping_at(response, "output").get("message"), (dict, Mapping)):
            held = {**mapping_at(response, "output"), "finish_reason": response.get("stopReason")}
            return _read_choice(held, reading)  # Bedrock's
        if "role" in response or "content" in response:
            return read_messages(response, reading, role="assistant")
        if _USAGE_NAMES & response.keys():
            return []
    if isinstance(response, list) and any(_has_role(item) for item in response):
        return read_messages(response, reading, role="assistant")
    reading.note("the answer is in no known format")
    return [Turn("assistant", (Piece("text", as_text(response)),))]


def _read_choice(choice: object, reading: Reading) -> list[Turn]:
    if not isinstance(choice, (dict, Mapping)):
        reading.note("a choice is no object")
        return [Turn("assistant", (Piece("text", as_text(choice)),))]
    reason = text_at(choice, "finish_reason", "done_reason")
    if reason is not None:
        reading.finish_reasons.append(reason)
    message = choice.get("message", choice.get("delta"))
    if message is None:
        text = text_at(choice, "text")
        return [Turn("assistant", (Piece("text", text),))] if text else []
    return read_messages(message, reading, role="assistant")
