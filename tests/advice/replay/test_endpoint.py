"""One call of an OpenAI-compatible server: retries, and what is never shown."""

from __future__ import annotations

import json

import pytest

from latprobe.advice.replay.endpoint import (
    LONGEST_WAIT_S,
    TRIES,
    Endpoint,
    Failure,
    Reply,
    ServerRefusedError,
    checked_url,
)
from latprobe.advice.replay.recorded import Message
from latprobe.errors import UsageError
from tests.advice.replay.live_model import LiveModel, Said, completion, failing, serving

KEY = "sk-secret"
MESSAGES = (Message("system", "Be short."), Message("user", "Grüße?"))


def asked(server: LiveModel, waits: list[float] | None = None) -> Reply | Failure:
    waits = [] if waits is None else waits
    endpoint = Endpoint(server.url, "m", KEY, timeout_s=30)
    return endpoint.ask(MESSAGES, {"temperature": 0.0}, pause=waits.append)


def test_a_call_sends_messages_settings_and_the_key_and_reads_answer_and_usage() -> None:
    with serving(lambda _: completion("hello", given=7, made=3)) as server:
        found = asked(server)
    assert isinstance(found, Reply)
    assert (found.text, found.input_tokens, found.output_tokens) == ("hello", 7, 3)
    assert found.took_ns > 0
    assert server.bodies == [
        {
            "path": "/v1/chat/completions",
            "temperature": 0.0,
            "model": "m",
            "messages": [{"role": "system", "content": "Be short."},
                         {"role": "user", "content": "Grüße?"}],
            "stream": False,
        }
    ]  # fmt: skip
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_server_without_usage_gives_no_tokens() -> None:
    with serving(lambda _: completion("x", given=None)) as server:
        found = asked(server)
    assert isinstance(found, Reply)
    assert (found.input_tokens, found.output_tokens) == (None, None)


def test_too_many_requests_are_tried_again_after_the_wait_that_is_asked_for() -> None:
    said = iter([failing(429, retry_after="7"), failing(503, retry_after_ms="20"), completion("x")])
    waits: list[float] = []
    with serving(lambda _: next(said)) as server:
        assert isinstance(asked(server, waits), Reply)
    assert waits == [7.0, 0.02]


def test_a_server_that_stays_down_is_tried_so_often_and_named_by_its_status_alone() -> None:
    waits: list[float] = []
    with serving(lambda _: failing(500)) as server:
        assert asked(server, waits) == Failure("answered HTTP 500")
    assert len(server.bodies) == TRIES
    assert len(waits) == TRIES - 1
    assert waits == sorted(waits)


def test_a_longer_wait_than_anybody_waits_for_is_a_failure() -> None:
    waits: list[float] = []
    with serving(lambda _: failing(429, retry_after=str(LONGEST_WAIT_S + 1))) as server:
        assert asked(server, waits) == Failure("answered HTTP 429")
    assert waits == []


def test_a_request_that_the_server_finds_wrong_is_not_tried_again() -> None:
    with serving(lambda _: failing(400)) as server:
        assert asked(server) == Failure("answered HTTP 400")
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_or_address_ends_it(status: int) -> None:
    with serving(lambda _: failing(status)) as server, pytest.raises(ServerRefusedError) as caught:
        asked(server)
    assert str(status) in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_redirect_is_not_followed_with_the_key() -> None:
    with serving(lambda _: completion("x")) as other:
        moved = Said(302, headers={"location": f"{other.url}/chat/completions"})
        with serving(lambda _: moved) as server, pytest.raises(ServerRefusedError, match="302"):
            asked(server)
    assert other.bodies == []


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"[]", b'{"choices": []}', b'{"choices": [{"message": {}}]}']
)
def test_what_is_no_completion_is_tried_again_then_a_failure(body: bytes) -> None:
    with serving(lambda _: Said(body=body)) as server:
        assert asked(server) == Failure("sent something that is no chat completion")
    assert len(server.bodies) == TRIES


def test_an_answer_without_text_is_a_failure() -> None:
    body = json.dumps({"choices": [{"message": {"content": None}}]}).encode()
    with serving(lambda _: Said(body=body)) as server:
        assert asked(server) == Failure("sent an answer without text")
    assert len(server.bodies) == 1


@pytest.mark.parametrize("choices", ['[{"message": {"content": null}}]', "[]"])
def test_an_answer_that_was_billed_is_not_asked_for_again_and_its_tokens_count(
    choices: str,
) -> None:
    usage = '"usage": {"prompt_tokens": 7, "completion_tokens": 300}'
    body = f'{{"choices": {choices}, {usage}}}'.encode()
    with serving(lambda _: Said(body=body)) as server:
        found = asked(server)
    assert isinstance(found, Failure)
    assert (found.input_tokens, found.output_tokens) == (7, 300)
    assert len(server.bodies) == 1


def test_a_proxy_of_the_environment_sees_nothing_of_a_call_in_clear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(lambda _: completion("of the proxy")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
        with serving(lambda _: completion("of the server")) as server:
            found = asked(server)
    assert isinstance(found, Reply)
    assert (found.text, proxy.bodies) == ("of the server", [])


def test_nobody_there_is_a_failure() -> None:
    with serving(lambda _: completion("x")) as server:
        pass
    assert asked(server) == Failure("cannot be reached (ConnectionRefusedError)")


def test_the_key_stands_in_no_text() -> None:
    endpoint = Endpoint("https://host/v1?token=abc", "m", KEY)
    assert KEY not in repr(endpoint)
    assert endpoint.shown_url == "https://host/v1"


def test_addresses_that_are_none_or_not_safe_are_refused() -> None:
    for url in ("host/v1", "ftp://host/v1", "http://", "http://host:port/v1", "http://u:p@host/v1"):
        with pytest.raises(UsageError):
            checked_url(url, has_key=False)
    with pytest.raises(UsageError, match="unencrypted"):
        checked_url("http://example.com/v1", has_key=True)
    for url in ("http://example.com/v1", "http://127.0.0.1:8000/v1"):
        assert checked_url(url, has_key="127" in url) == url
