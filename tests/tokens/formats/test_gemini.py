"""Gemini's generateContent."""

from __future__ import annotations

import pytest

from latprobe.tokens.dissect import dissect_request
from tests.tokens.showing import shown

CAMEL = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "tools": [{"functionDeclarations": [{"name": "due"}, {"name": "paid"}]}, {"googleSearch": {}}],
    "contents": [
        {"role": "user", "parts": [{"text": "What is due?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "due", "args": {"of": "May"}}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "due", "response": {"is": "rent"}}}],
        },
    ],
}
SNAKE = {
    "config": {"system_instruction": "Be brief.", "tools": CAMEL["tools"]},
    "contents": [
        {"role": "user", "parts": [{"text": "What is due?"}]},
        {"role": "model", "parts": [{"function_call": {"name": "due", "args": {"of": "May"}}}]},
        {
            "role": "user",
            "parts": [{"function_response": {"name": "due", "response": {"is": "rent"}}}],
        },
    ],
}


@pytest.mark.parametrize("request_", [CAMEL, SNAKE], ids=["camel", "snake"])
def test_both_spellings_come_apart_alike(request_: object) -> None:
    response = {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [{"text": "Look.", "thought": True}, {"text": "Rent."}],
                },
                "finishReason": "MAX_TOKENS",
            }
        ]
    }
    found = dissect_request(request_, response)
    assert shown(found) == [
        ("system", None, "Be brief."),
        ("tools", "due", '{"name":"due"}'),
        ("tools", "paid", '{"name":"paid"}'),
        ("tools", "googleSearch", '{"googleSearch":{}}'),
        ("user", None, "What is due?"),
        ("history", "due", '{"of":"May"}'),
        ("history", "due", '{"is":"rent"}'),
        ("reasoning", None, "Look."),
        ("output", None, "Rent."),
    ]
    assert (found.format, found.problem, found.stops_early) == ("gemini", None, True)


def test_contents_may_be_one_text() -> None:
    assert shown(dissect_request({"contents": "Hi"})) == [("user", None, "Hi")]
