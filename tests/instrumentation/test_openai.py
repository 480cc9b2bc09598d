"""The openai client under `latprobe run`: what is recorded beside what the server served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.instrumentation import openai_wire
from tests.instrumentation.running import Recorded, needs, run
from tests.instrumentation.vendor_server import FIRST_CHUNK_S, Vendor, vendor

needs("openai", "opentelemetry.instrumentation.genai.openai")

# input, uncached, cache read, cache write, output, reasoning, problem
CHAT_USAGE = (120, 56, 64, None, 30, 12, None)


@pytest.fixture(scope="module")
def server() -> Iterator[Vendor]:
    with vendor() as running:
        yield running


@pytest.fixture(scope="module")
def found(server: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return run("openai_calls.py", tmp_path_factory.mktemp("store"), server.base_url)


@pytest.mark.parametrize(
    ("stage", "model", "reason"),
    [
        ("sync", "m-sync", "stop"),
        ("async", "m-async", "stop"),
        ("streamed", "m-streamed", "stop"),
        ("async streamed", "m-async-streamed", "stop"),
        ("tools", "m-tools", "tool_calls"),
        ("responses", "m-responses", "stop"),
        ("responses streamed", "m-responses-streamed", "stop"),
    ],
)
def test_a_chat_has_the_model_the_tokens_and_the_reason_that_were_served(
    found: Recorded, stage: str, model: str, reason: str
) -> None:
    span = found.one(stage)
    assert {name: span[name] for name in ("name", "kind", "status", "operation", "provider")} == {
        "name": f"chat {model}",
        "kind": "client",
        "status": "unset",
        "operation": "chat",
        "provider": "openai",
    }
    assert span["model"] == openai_wire.served_model(model)
    assert found.usage[span["span_id"]] == CHAT_USAGE
    assert span["attributes"]["gen_ai.response.finish_reasons"] == [reason]


@pytest.mark.parametrize(
    ("stage", "model"),
    [
        ("streamed", "m-streamed"),
        ("async streamed", "m-async-streamed"),
        ("responses streamed", "m-responses-streamed"),
        ("abandoned", "long"),
    ],
)
def test_a_stream_has_its_first_chunks_time(
    found: Recorded, server: Vendor, stage: str, model: str
) -> None:
    span = found.one(stage)
    # The client's clock starts before the request arrives and stops after the chunk has left.
    assert server.of_model(model).ttft_ns < span["ttft_ns"] <= span["duration_ns"]


@pytest.mark.parametrize(
    ("stage", "chunks"), [("streamed", 8), ("async streamed", 8), ("responses streamed", 6)]
)
def test_a_stream_has_its_chunks_and_the_gaps_between_them(
    found: Recorded, stage: str, chunks: int
) -> None:
    span = found.one(stage)
    # The event that completes a response ends its span and is no longer counted.
    assert span["chunks"] == chunks
    # On a busy machine the client is late for a chunk and finds the next ones there, so the
    # server's gap is no lower bound.
    assert 0 < span["gap_p50_ns"] <= span["duration_ns"] - span["ttft_ns"]


def test_a_whole_answer_has_no_first_chunk(found: Recorded) -> None:
    span = found.one("sync")
    assert (span["ttft_ns"], span["chunks"], span["gap_p50_ns"]) == (None, None, None)


def test_an_error_has_its_type_and_no_usage(found: Recorded) -> None:
    span = found.one("failing")
    assert (span["name"], span["status"], span["error_type"]) == (
        "chat broken",
        "error",
        "openai.RateLimitError",
    )
    assert not any(found.usage[span["span_id"]][:6])


def test_an_abandoned_stream_ends_when_it_is_closed(found: Recorded) -> None:
    span = found.one("abandoned")
    assert (span["status"], span["input_tokens"], span["chunks"]) == ("unset", None, 1)
    assert FIRST_CHUNK_S < span["duration_ns"] / 1e9 < 5


def test_an_embedding_counts_its_input(found: Recorded) -> None:
    span = found.one("embedding")
    assert (span["name"], span["operation"], span["input_tokens"], span["output_tokens"]) == (
        "embeddings m-embedding",
        "embeddings",
        openai_wire.EMBEDDING_TOKENS,
        None,
    )


def test_calls_at_the_same_time_belong_to_the_stage_that_made_them(found: Recorded) -> None:
    names = sorted(span["name"] for span in found.below("together"))
    assert names == [f"chat m-together-{i}" for i in range(3)]


def test_every_request_that_was_served_is_one_span(found: Recorded, server: Vendor) -> None:
    model_calls = [span for span in found.spans if span["operation"] is not None]
    assert len(model_calls) == len(server.served)
