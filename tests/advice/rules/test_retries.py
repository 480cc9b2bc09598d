"""Attempts that are made again."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import retries
from tests.advice.gains import p95_ms, saving
from tests.advice.pipelines import Recording


def flaky(failing: int, *, requests: int = 120, has_pause: bool = False) -> Recording:
    recording = Recording(seed=1)
    for number in range(requests):
        with recording.request() as request:
            if number % 10 < failing:
                request.stage("search", 500, exact=True, status="error", error_type="Timeout")
                if has_pause:
                    request.stage("backoff", 100)
                else:
                    request.wait(100)
            request.stage("search", 80)
            request.stage("llm", 300)
    return recording


def test_failed_attempts_and_pauses_are_what_requests_lose() -> None:
    (only,) = retries.find(Context(flaky(2).query()))
    assert (only.subject, saving(only).basis) == ("search", "bound")
    # One request in five loses 600 ms, so its 95th percentile falls by that.
    assert p95_ms(only) == pytest.approx(600, rel=0.15)
    assert "a timeout" in only.how


def test_errors_that_nobody_tries_again_and_healthy_calls_stay_silent() -> None:
    recording = Recording(seed=2)
    for number in range(80):
        with recording.request() as request:
            request.stage("search", 80, status="error" if number % 5 == 0 else "unset")
            request.stage("llm", 300)
    assert not list(retries.find(Context(recording.query())))
    assert not list(retries.find(Context(flaky(0).query())))


def test_a_few_failures_are_not_enough_data() -> None:
    (only,) = retries.find(Context(flaky(1, requests=60, has_pause=True).query()))
    assert only.verdict == "not enough data"


def test_attempts_inside_a_client_say_whose_they_are_and_what_was_answered() -> None:
    recording = Recording(seed=3)
    refused = {"http.response.status_code": 429}
    for number in range(120):
        model = f"m{number % 2}"
        with recording.request() as request:
            chat = {"kind": "client", "operation": "chat", "model": model, "modality": "text"}
            with request.inside(f"chat {model}", **chat) as call:
                if number % 8 == 0:
                    call.stage(
                        "POST", 60, exact=True, status="error", kind="client", attributes=refused
                    )
                    call.wait(100)
                call.stage("POST", 300, exact=True, kind="client")
    (only,) = retries.find(Context(recording.query()))
    said = {each.what: each.value for each in only.evidence}
    assert only.subject == "POST"
    assert said["Calls that make them"] == "chat m0 (15 times)"
    assert said["Most frequent error"] == "HTTP 429"
    assert p95_ms(only) == pytest.approx(160, rel=0.15)
