"""A streamed answer's chunks as the one answer that they make.

Read are server-sent events as text, lines of JSON, and lists of chunks, of OpenAI (chat, responses
and completions), Anthropic, Gemini and Ollama.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from latprobe.tokens.json_values import BROKEN, list_at, mapping_at, parsed, text_at

Chunk = Mapping[str, Any]

CUT_OFF = "the stream is cut off or broken"
_TEXTS = ("content", "reasoning_content", "reasoning", "thinking", "refusal")
_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_ENDS = ("response.completed", "response.incomplete", "response.failed")


def whole_answer(response: object) -> tuple[object, str | None]:
    """(the answer that the chunks make, what of them is no JSON); what is no stream as it is."""
    problem = None
    if isinstance(response, str):
        found = _chunks_of_text(response)
        if found is None:
            return response, None
        chunks, problem = found
    elif isinstance(response, (list, tuple)):
        chunks = list(response)
    else:
        return response, None
    maps = [chunk for chunk in chunks if isinstance(chunk, Mapping)]
    for is_chunk, join in _VENDORS:
        if maps and all(map(is_chunk, maps)):
            return join(maps), problem
    return response, None


def is_stream(response: object) -> bool:
    """Whether it is the chunks of a stream, or their text."""
    return whole_answer(response)[0] is not response


def _chunks_of_text(text: str) -> tuple[list[object], str | None] | None:
    """(the values, what is no JSON), None for a text that is no stream's."""
    start = text[:256].lstrip("\ufeff \t\r\n")
    if start.startswith(("data:", "event:", "id:", ":")) and "data:" in text:
        lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
        lines = [line for line in lines if line and line != "[DONE]"]
    elif start.startswith("{") and "}\n{" in text:
        lines = [line for line in text.splitlines() if line.strip()]
    else:
        return None
    values = [parsed(line) for line in lines]
    known = [value for value in values if value is not BROKEN]
    return known, CUT_OFF if len(known) < len(values) else None


def _place(chunk: Chunk, name: str = "index") -> int:
    """Which of several a piece belongs to; a chunk that does not say is of the first."""
    place = chunk.get(name)
    return place if isinstance(place, int) else 0


def _is_choices(chunk: Chunk) -> bool:
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return False
    return (
        not choices
        or chunk.get("object") in ("chat.completion.chunk", "text_completion")
        or any(isinstance(choice, Mapping) and "delta" in choice for choice in choices)
    )


def _join_choices(chunks: Sequence[Chunk]) -> Chunk:
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        whole |= {name: value for name, value in chunk.items() if value is not None}
        for choice in list_at(chunk, "choices"):
            if isinstance(choice, Mapping):
                one = choices.setdefault(_place(choice), {"message": {"role": "assistant"}})
                _add_choice(one, choice)
    return {**whole, "choices": list(choices.values())}


def _add_choice(one: dict[str, Any], choice: Chunk) -> None:
    message = one["message"]
    delta = mapping_at(choice, "delta", "message")
    text = choice.get("text")
    _add_texts(message, {"content": text} if isinstance(text, str) else delta)
    for call in list_at(delta, "tool_calls"):
        if isinstance(call, Mapping):
            _add_call(message.setdefault("tool_calls", []), call)
    if isinstance(choice.get("finish_reason"), str):
        one["finish_reason"] = choice["finish_reason"]


def _add_texts(message: dict[str, Any], delta: Chunk) -> None:
    for name in _TEXTS:
        text = delta.get(name)
        if isinstance(text, str) and text:
            message[name] = message.get(name, "") + text


def _add_call(calls: list[dict[str, Any]], call: Chunk) -> None:
    """A call comes in pieces, which its index holds together; without one each is whole."""
    index = call.get("index")
    known = next((one for one in calls if index is not None and one["index"] == index), None)
    if known is None:
        known = {"index": index, "function": {"arguments": ""}}
        calls.append(known)
    function = mapping_at(call, "function")
    if text_at(call, "id"):
        known["id"] = call["id"]
    if text_at(function, "name"):
        known["function"]["name"] = function["name"]
    known["function"]["arguments"] += text_at(function, "arguments") or ""


def _is_event(*starts: str) -> Callable[[Chunk], bool]:
    return lambda chunk: isinstance(chunk.get("type"), str) and chunk["type"].startswith(starts)


def _join_response(events: Sequence[Chunk]) -> Chunk:
    """The answer that the last event holds; of a stream that ended early, what had come."""
    for event in reversed(events):
        if event["type"] in _ENDS and isinstance(event.get("response"), Mapping):
            return dict(event["response"])
    items = {
        _place(event, "output_index"): event["item"]
        for event in events
        if event["type"] == "response.output_item.done" and isinstance(event.get("item"), Mapping)
    }
    texts: dict[int, str] = {}
    for event in events:
        place, delta = _place(event, "output_index"), event.get("delta")
        if event["type"] == "response.output_text.delta" and isinstance(delta, str):
            texts[place] = texts.get(place, "") + delta
    for place, text in texts.items():
        block = {"type": "output_text", "text": text}
        items.setdefault(place, {"type": "message", "role": "assistant", "content": [block]})
    return {"object": "response", "output": [items[place] for place in sorted(items)]}


def _join_message(events: Sequence[Chunk]) -> Chunk:
    """Anthropic's message: its start, its blocks piece by piece, and what it used in the end."""
    message: dict[str, Any] = {"type": "message", "role": "assistant"}
    usage: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        started = mapping_at(event, "message")
        message |= started
        usage |= {**mapping_at(started, "usage"), **mapping_at(event, "usage")}
        delta = mapping_at(event, "delta")
        if text_at(delta, "stop_reason"):
            message["stop_reason"] = delta["stop_reason"]
        if event["type"] == "content_block_start":
            blocks[_place(event)] = dict(mapping_at(event, "content_block"))
        elif event["type"] == "content_block_delta":
            _add_block_delta(blocks.setdefault(_place(event), {"type": "text"}), delta)
    for block in blocks.values():
        if "partial_json" in block:
            block["input"] = block.pop("partial_json")
    return {**message, "content": list(blocks.values()), "usage": usage}


def _add_block_delta(block: dict[str, Any], delta: Chunk) -> None:
    name = _DELTAS.get(str(delta.get("type")))
    text = None if name is None else text_at(delta, name)
    if name is not None and text is not None:
        block[name] = (block.get(name) or "") + text


def _is_candidates(chunk: Chunk) -> bool:
    return isinstance(chunk.get("candidates"), list) or "usageMetadata" in chunk


def _join_candidates(chunks: Sequence[Chunk]) -> Chunk:
    whole: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        whole |= chunk
        for candidate in list_at(chunk, "candidates"):
            if isinstance(candidate, Mapping):
                one = candidates.setdefault(_place(candidate), {"parts": []})
                _add_parts(one["parts"], list_at(mapping_at(candidate, "content"), "parts"))
                reason = text_at(candidate, "finishReason", "finish_reason")
                one |= {} if reason is None else {"reason": reason}
    return {
        **whole,
        "candidates": [
            {"content": {"role": "model", "parts": one["parts"]}, "finishReason": one.get("reason")}
            for one in candidates.values()
        ],
    }


def _add_parts(known: list[Any], parts: Sequence[object]) -> None:
    """Texts that follow one another are one."""
    for part in parts:
        last = known[-1] if known else None
        if isinstance(last, dict) and isinstance(part, Mapping) and _is_same_text(last, part):
            last["text"] += part["text"]
        else:
            known.append(dict(part) if isinstance(part, Mapping) else part)


def _is_same_text(last: Chunk, part: Chunk) -> bool:
    has_texts = isinstance(last.get("text"), str) and isinstance(part.get("text"), str)
    return has_texts and last.get("thought") == part.get("thought")


def _is_ollamas(chunk: Chunk) -> bool:
    return isinstance(chunk.get("done"), bool) and ("message" in chunk or "response" in chunk)


def _join_ollama(chunks: Sequence[Chunk]) -> Chunk:
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant"}
    text = ""
    for chunk in chunks:
        whole |= chunk
        said = mapping_at(chunk, "message")
        _add_texts(message, said)
        message.setdefault("tool_calls", []).extend(list_at(said, "tool_calls"))
        text += text_at(chunk, "response") or ""
    if "message" in whole:
        return {**whole, "message": message}
    return {**whole, "response": text}


_VENDORS: tuple[tuple[Callable[[Chunk], bool], Callable[[Sequence[Chunk]], Chunk]], ...] = (
    (_is_choices, _join_choices),
    (_is_event("response.", "error", "keepalive"), _join_response),
    (_is_event("message_", "content_block_", "ping", "error"), _join_message),
    (_is_candidates, _join_candidates),
    (_is_ollamas, _join_ollama),
)
