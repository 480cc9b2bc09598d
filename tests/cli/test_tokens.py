"""`latprobe tokens`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from latprobe.tokens.encoding import load
from tests.cli.conftest import GOLDEN, Cli

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {
                    "type": "string",
                    "description": "The city and state, e.g. San Francisco, CA",
                },
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["location"],
        },
    },
}
REQUEST = {
    "model": "gpt-4o-2024-08-06",
    "messages": [{"role": "user", "content": "What's the weather like in Boston today?"}],
    "tools": [WEATHER],
}
CALL = {"function": {"name": "get_current_weather", "arguments": '{"location":"Boston, MA"}'}}
RESPONSE = {
    "choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [CALL]}}],
    "usage": {"prompt_tokens": 80, "completion_tokens": 18},
}


@pytest.fixture
def pair(tmp_path: Path) -> str:
    """A file with a request and its answer."""
    path = tmp_path / "call.json"
    path.write_text(json.dumps({"request": REQUEST, "response": RESPONSE}), "utf-8")
    return str(path)


def test_the_table_says_where_the_tokens_are(cli: Cli, pair: str) -> None:
    assert cli("tokens", pair) == (0, (GOLDEN / "tokens.txt").read_text("utf-8"), "")


def test_json_has_the_same_with_units(cli: Cli, pair: str) -> None:
    found = json.loads(cli("tokens", pair, "--json").out)
    (call,) = found["requests"]
    parts = call.pop("parts")
    assert [(part["kind"], part["name"], part["tokens"]) for part in parts] == [
        ("tools", "get_current_weather", 50),
        ("user", None, 8),
        ("overhead", None, 22),
        ("tool_calls", "get_current_weather", 17),
    ]
    assert call == {
        "label": pair,
        "model": "gpt-4o-2024-08-06",
        "format": "openai.chat",
        "problem": None,
        "encoding": "o200k_base",
        "is_exact": True,
        "expected_error": 0.0,
        "estimated_because": None,
        "input_tokens": 80,
        "output_tokens": 17,
        "billed_input_tokens": 80,
        "billed_output_tokens": 18,
        "residual_input_tokens": 0,
        "residual_output_tokens": 1,
        "billed_problem": None,
        "service_tier": None,
        "cost_usd": pytest.approx(80 * 2.5e-6 + 18 * 1e-5),
        "cost_origin": "prices",
    }
    assert (found["input_tokens"], found["output_tokens"]) == (80, 17)


def test_an_unknown_model_is_said_and_has_no_price(cli: Cli, pair: str) -> None:
    found = cli("tokens", pair, "--model", "nobody-9b")
    assert found.code == 0
    assert "unknown model, counted as o200k" in found.out
    assert "No price is known for nobody-9b." in found.out
    assert "$" not in found.out


def test_a_text_is_counted_as_it_is(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_text("tiktoken is great!", "utf-8")
    found = json.loads(cli("tokens", str(path), "--model", "gpt-4", "--json").out)
    assert (found["input_tokens"], found["requests"][0]["encoding"]) == (6, "cl100k_base")


def test_each_line_of_jsonl_is_a_request(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text(f"{json.dumps(REQUEST)}\n\n{json.dumps(REQUEST)}\n", "utf-8")
    found = cli("tokens", str(path))
    assert found.out.count("get_current_weather") == 2
    assert "2 requests: 160 tokens in, - out, $0.0004" in found.out
    assert f"{path}:3" in found.out


def test_stdin_is_read_for_a_dash(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(REQUEST).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert json.loads(cli("tokens", "-", "--json").out)["input_tokens"] == 80


def test_broken_json_is_a_text_unless_its_name_says_json(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "request"
    path.write_text('{"messages": [', "utf-8")
    found = json.loads(cli("tokens", str(path), "--json").out)["requests"][0]
    assert (found["format"], found["problem"]) == ("plain", "its JSON is cut off or broken")
    named = path.with_suffix(".json")
    path.rename(named)
    refused = cli("tokens", str(named))
    assert (refused.code, refused.out) == (2, "")
    assert "is no JSON: Expecting value at line 1, column 15." in refused.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.json", None, "There is no file"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0", "is binary"),
        ("latin.txt", b"caf\xe9", "is not UTF-8 at byte 3"),
        ("empty.json", b" \n", "is empty"),
        ("lines.jsonl", b'{"messages": []}\n{"mess', "at line 2, column 2"),
        ("deep.json", b"[" * 100_000, "nested too deeply"),
        ("long.json", b'{"n": ' + b"9" * 5_000 + b"}", "a number of thousands of digits"),
        ("odd.txt", b"\xff\xfea", "is not UTF-16 at byte 2"),
        ("zeros.txt", bytes(100), "is binary"),
    ],
)
def test_a_file_that_cannot_be_counted_is_refused(
    cli: Cli, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    found = cli("tokens", str(path))
    assert (found.code, found.out) == (2, "")
    assert said in found.err
    assert "Traceback" not in found.err


def test_a_folder_is_refused(cli: Cli, tmp_path: Path) -> None:
    found = cli("tokens", str(tmp_path))
    assert (found.code, found.out) == (2, "")
    assert "is a folder; give a file." in found.err


@pytest.mark.parametrize("value", [None, 7, "text", [], {}, {"messages": "hello"}, [[[1]]]])
def test_any_json_is_counted_somehow(cli: Cli, tmp_path: Path, value: Any) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(value), "utf-8")
    assert cli("tokens", str(path), "--model", "gpt-4o").code == 0


def test_an_image_elsewhere_is_not_counted_and_leaves_the_call_unpriced(
    cli: Cli, tmp_path: Path
) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    path = tmp_path / "request.json"
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}]
    path.write_text(json.dumps({"model": "gpt-4o", "messages": messages}), "utf-8")
    found = cli("tokens", str(path))
    assert "input 11 tokens and a part that cannot be counted, output - tokens" in found.out
    assert "Not priced, since a part cannot be counted." in found.out
    assert json.loads(cli("tokens", str(path), "--json").out)["cost_usd"] is None


def counted(cli: Cli, path: Path, content: Any, *more: str) -> list[dict[str, Any]]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(data)
    found = cli("tokens", str(path), "--json", *more)
    assert found.code == 0, found.err
    requests: list[dict[str, Any]] = json.loads(found.out)["requests"]
    return requests


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a\0b and some more words", "a\0b and some more words"),
        (b" " * 1_000, " " * 1_000),
        (b"\n", "\n"),
        ("plain words".encode("utf-16"), "plain words"),
        (b"half a pair: \xed\xa0\x80", "half a pair: \ufffd"),
    ],
)
def test_strange_texts_are_counted(cli: Cli, tmp_path: Path, content: bytes, text: str) -> None:
    (found,) = counted(cli, tmp_path / "text.txt", content, "--model", "gpt-4o")
    assert found["input_tokens"] == len(load("o200k_base").encode_ordinary(text))


def test_requests_in_batches_lists_and_http_messages_are_found(cli: Cli, tmp_path: Path) -> None:
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": REQUEST}
    result = {"custom_id": "1", "response": {"status_code": 200, "body": RESPONSE}}
    claude = {"custom_id": "1", "params": {**REQUEST, "max_tokens": 5}}
    saved = {
        "request": {"method": "POST", "headers": {}, "body": json.dumps(REQUEST)},
        "response": {"status_code": 200, "headers": {}, "body": json.dumps(RESPONSE)},
    }
    found = counted(
        cli, tmp_path / "a.jsonl",
        "\n".join(map(json.dumps, [line, result, claude, saved])).encode(),
        "--model", "gpt-4o",
    )  # fmt: skip
    keys = ("input_tokens", "output_tokens", "billed_input_tokens", "service_tier")
    assert [tuple(map(call.get, keys)) for call in found] == [
        (80, None, None, "batch"),
        (None, 17, 80, "batch"),
        (80, None, None, "batch"),
        (80, 17, 80, None),
    ]
    (first, second) = counted(cli, tmp_path / "list.json", [REQUEST, REQUEST])
    assert (first["input_tokens"], second["label"]) == (80, f"{tmp_path / 'list.json'}[1]")


def test_usage_beside_a_request_counts_as_billed(cli: Cli, tmp_path: Path) -> None:
    usage = {"prompt_tokens": 82, "completion_tokens": 1}
    (found,) = counted(cli, tmp_path / "a.json", {"request": REQUEST, "usage": usage})
    assert (found["billed_input_tokens"], found["residual_input_tokens"]) == (82, 2)


def test_counts_that_cannot_be_meant_and_other_tiers_are_said(cli: Cli, tmp_path: Path) -> None:
    usage = {"prompt_tokens": -80, "completion_tokens": 18}
    path = tmp_path / "a.json"
    answer = {**RESPONSE, "usage": usage, "service_tier": "flex"}
    path.write_text(json.dumps({"request": REQUEST, "response": answer}), "utf-8")
    found = cli("tokens", str(path)).out
    assert "As to what was billed: prompt_tokens = -80 cannot be a count." in found
    assert "at the list price, which is not that of flex" in found


def test_a_saved_stream_without_usage_says_so(cli: Cli, tmp_path: Path) -> None:
    chunk = {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "Sunny."}}]}
    stream = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n"
    (found,) = counted(cli, tmp_path / "a.json", {"request": REQUEST, "response": stream})
    assert (found["output_tokens"], found["billed_problem"]) == (2, "the stream reported no usage")


def test_the_model_is_found_where_each_vendor_names_it(cli: Cli, tmp_path: Path) -> None:
    asked = {"contents": [{"parts": [{"text": "Hi"}]}]}
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}])
    saved = [
        {"request": asked, "response": {"candidates": [], "modelVersion": "gemini-2.5-flash"}},
        {"gen_ai.request.model": "gpt-4", "gen_ai.input.messages": messages},
        {"modelId": "us.amazon.nova-lite-v1:0", "messages": []},
    ]
    lines = "\n".join(map(json.dumps, saved)).encode()
    found = counted(cli, tmp_path / "a.jsonl", lines)
    models = ["gemini-2.5-flash", "gpt-4", "us.amazon.nova-lite-v1:0"]
    assert [call["model"] for call in found] == models
    assert found[1]["encoding"] == "cl100k_base"
