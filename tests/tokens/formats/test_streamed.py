"""Streams are read as the answers that they make."""

from __future__ import annotations

import json
from typing import Any

import pytest

from latprobe.tokens.dissect import dissect_request
from latprobe.tokens.formats.streamed import CUT_OFF, whole_answer

Shown = list[tuple[str, str | None, str | None]]


def chat_chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def call_piece(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    name = more.pop("name", None)
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return chat_chunk({"tool_calls": [{"index": index, "function": function, **more}]})


CHAT = [
    chat_chunk({"role": "assistant", "content": ""}),
    chat_chunk({"reasoning_content": "hm"}),
    chat_chunk({"content": "Hel"}),
    chat_chunk({"content": "lo"}),
    call_piece(0, '{"a"', id="c1", name="look"),
    call_piece(1, "{}", id="c2", name="wait"),
    call_piece(0, ":1}"),
    chat_chunk({}, "length"),
    {"object": "chat.completion.chunk", "choices": [], "usage": {"prompt_tokens": 8}},
]
CLAUDE = [
    {"type": "message_start", "message": {"role": "assistant", "usage": {"input_tokens": 8}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta",
                                                          "thinking": "hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta",
                                                          "signature": "xyz"}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "lo"}},
    {"type": "content_block_start", "index": 2,
     "content_block": {"type": "tool_use", "name": "look", "input": {}}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta",
                                                          "partial_json": '{"a"'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta",
                                                          "partial_json": ":1}"}},
    {"type": "message_delta", "delta": {"stop_reason": "max_tokens"},
     "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
]  # fmt: skip
GEMINI = [
    {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}]}}]},
    {"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]},
    {"candidates": [{"content": {"parts": [{"text": "lo"}]}, "finishReason": "MAX_TOKENS"}],
     "usageMetadata": {"promptTokenCount": 8}},
]  # fmt: skip
OLLAMA = [
    {"message": {"role": "assistant", "thinking": "hm", "content": "Hel"}, "done": False},
    {"message": {"content": "lo"}, "done": True, "done_reason": "length", "eval_count": 9},
]
RESPONSES = [
    {"type": "response.created", "response": {"output": []}},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "Hel"},
    {"type": "response.output_item.done", "output_index": 0,
     "item": {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "lo"},
]  # fmt: skip
TEXTS: Shown = [("reasoning", None, "hm"), ("output", None, "Hello")]
CALL: Shown = [("tool_calls", "look", '{"a":1}')]


def shown(request: object, response: object) -> tuple[Shown, bool, str | None]:
    found = dissect_request(request, response)
    parts = [(part.kind, part.name, part.text) for part in found.parts if part.side == "output"]
    return parts, found.stops_early, found.problem


def events(chunks: list[Any]) -> str:
    return "".join(f"event: x\ndata: {json.dumps(chunk)}\n\n" for chunk in chunks)


REQUESTS: dict[str, Any] = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    "claude": {"model": "claude-x", "messages": [{"role": "user", "content": "Hi"}]},
    "gemini": {"contents": [{"parts": [{"text": "Hi"}]}]},
    "ollama": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    "responses": {"model": "m", "instructions": "x", "input": "Hi"},
}
STREAMS: dict[str, tuple[list[Any], Shown]] = {
    "chat": (CHAT, [*TEXTS, *CALL, ("tool_calls", "wait", "{}")]),
    "claude": (CLAUDE, [*TEXTS, *CALL]),
    "gemini": (GEMINI, TEXTS),
    "ollama": (OLLAMA, TEXTS),
}


@pytest.mark.parametrize("vendor", STREAMS)
def test_a_stream_is_one_answer_however_it_was_saved(vendor: str) -> None:
    chunks, expected = STREAMS[vendor]
    lines = "\n".join(json.dumps(chunk) for chunk in chunks)
    for saved in (chunks, events(chunks) + "data: [DONE]\n", lines):
        assert shown(REQUESTS[vendor], saved) == (expected, True, None)


def test_a_stream_of_responses_is_its_last_event_or_what_had_come() -> None:
    request = REQUESTS["responses"]
    assert shown(request, RESPONSES) == (TEXTS, False, None)
    answer = {
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Whole"}]}],
        "incomplete_details": {"reason": "max_output_tokens"},
    }
    ended = [*RESPONSES, {"type": "response.incomplete", "response": answer}]
    assert shown(request, ended) == ([("output", None, "Whole")], True, None)


def test_a_stream_that_is_cut_off_says_so() -> None:
    text = events(CHAT[:4])[:-8]
    assert shown(REQUESTS["chat"], text) == (
        [("reasoning", None, "hm"), ("output", None, "Hel")], False, CUT_OFF
    )  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [None, "", "data", "data: I like data: it is great", "{}", [], [1], [[]], {"choices": []},
     [{"role": "assistant", "content": "Hi"}], [{"type": "message", "content": []}],
     [{"type": "human", "content": "Hi"}], "{\n}\n{", [{"done": "no"}]],
)  # fmt: skip
def test_what_is_no_stream_stays_as_it_is(answer: object) -> None:
    assert whole_answer(answer) == (answer, None)


@pytest.mark.parametrize(
    "chunks",
    [
        [
            chat_chunk({"tool_calls": ["x", {"index": {}, "function": 3}]}),
            chat_chunk({"content": 7}),
        ],
        [{"choices": [None, {"delta": None, "index": []}]}],
        [{"type": "content_block_delta", "index": [1], "delta": "x"}],
        [{"type": "message_start", "message": 5}, {"type": "content_block_start", "index": None}],
        [{"candidates": [{"content": {"parts": [3, {"text": 4}]}, "index": {}}]}],
        [{"done": True, "message": {"content": 5, "tool_calls": 3}}],
        [{"type": "response.output_text.delta", "output_index": {}, "delta": "x"}],
    ],
)
def test_broken_chunks_cost_no_other_part(chunks: list[Any]) -> None:
    found = dissect_request(REQUESTS["chat"], chunks)
    assert [part.text for part in found.parts if part.kind == "user"] == ["Hi"]
    assert all(isinstance(part.text, str) for part in found.parts)
