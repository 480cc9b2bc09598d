"""The anthropic client under `latprobe run`, whose input tokens leave out the cached ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.instrumentation.running import Recorded, needs, run
from tests.instrumentation.vendor_server import Vendor, vendor

needs("anthropic", "opentelemetry.instrumentation.genai.anthropic")

# 120 tokens of input in all: 20 as sent, 64 read from the cache, 36 written to it.
USAGE = (120, 20, 64, 36, 30, None, None)


@pytest.fixture(scope="module")
def server() -> Iterator[Vendor]:
    with vendor() as running:
        yield running


@pytest.fixture(scope="module")
def found(server: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return run("anthropic_calls.py", tmp_path_factory.mktemp("store"), server.base_url)


@pytest.mark.parametrize(
    ("stage", "model", "reason"),
    [
        ("sync", "m-sync", "stop"),
        ("async", "m-async", "stop"),
        ("streamed", "m-streamed", "stop"),
        ("stream helper", "m-stream-helper", "stop"),
        ("tools", "m-tools", "tool_call"),
    ],
)
def test_a_message_has_the_model_the_tokens_and_the_reason_that_were_served(
    found: Recorded, stage: str, model: str, reason: str
) -> None:
    span = found.one(stage)
    assert (span["name"], span["provider"], span["model"], span["status"]) == (
        f"chat {model}",
        "anthropic",
        model,
        "unset",
    )
    assert found.usage[span["span_id"]] == USAGE
    assert span["attributes"]["gen_ai.response.finish_reasons"] == [reason]


@pytest.mark.parametrize(("stage", "model"), [("streamed", "m-streamed"), ("abandoned", "long")])
def test_a_stream_has_its_first_chunks_time(
    found: Recorded, server: Vendor, stage: str, model: str
) -> None:
    span = found.one(stage)
    assert server.of_model(model).ttft_ns < span["ttft_ns"] <= span["duration_ns"]


def test_a_stream_has_its_chunks(found: Recorded, server: Vendor) -> None:
    assert found.one("streamed")["chunks"] == server.of_model("m-streamed").events


def test_an_error_has_its_type_and_no_usage(found: Recorded) -> None:
    span = found.one("failing")
    assert (span["status"], span["error_type"]) == ("error", "anthropic.RateLimitError")
    assert not any(found.usage[span["span_id"]][:6])


def test_an_abandoned_stream_has_what_had_been_said_by_then(found: Recorded) -> None:
    span = found.one("abandoned")
    assert (span["status"], found.usage[span["span_id"]]) == (
        "unset",
        (120, 20, 64, 36, 1, None, None),
    )


def test_the_clients_own_span_stands_inside_and_agrees(found: Recorded) -> None:
    """anthropic 2.12 makes a span of its own; a trace's tokens count the inner one only."""
    outer = found.one("sync")
    inner = [span for span in found.spans if span["parent_span_id"] == outer["span_id"]]
    assert [(span["name"], found.usage[span["span_id"]]) for span in inner] == [
        ("anthropic.messages.create", USAGE)
    ]
