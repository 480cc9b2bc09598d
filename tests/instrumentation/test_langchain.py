"""langchain under `latprobe run`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.instrumentation import openai_wire
from tests.instrumentation.running import Recorded, needs, run
from tests.instrumentation.vendor_server import Vendor, vendor

needs("langchain", "langchain_openai", "opentelemetry.instrumentation.genai.langchain")

USAGE = (120, 56, 64, None, 30, 12, None)


@pytest.fixture(scope="module")
def server() -> Iterator[Vendor]:
    with vendor() as running:
        yield running


@pytest.fixture(scope="module")
def found(server: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return run("langchain_calls.py", tmp_path_factory.mktemp("store"), server.base_url)


def chat_of(found: Recorded, stage: str) -> dict[str, object]:
    """The chat below a stage, past the chain's own span if there is one."""
    span = found.one(stage)
    if span["operation"] == "invoke_workflow":
        (span,) = [one for one in found.spans if one["parent_span_id"] == span["span_id"]]
    return span


@pytest.mark.parametrize(
    ("stage", "model", "reason"),
    [
        ("chain", "m-chain", "stop"),
        ("streamed", "m-streamed", "stop"),
        ("tools", "m-tools", "tool_calls"),
        ("async", "m-async", "stop"),
    ],
)
def test_a_chat_has_the_model_the_tokens_and_the_reason_that_were_served(
    found: Recorded, stage: str, model: str, reason: str
) -> None:
    span = chat_of(found, stage)
    assert (span["name"], span["provider"], span["model"]) == (
        f"chat {model}",
        "openai",
        openai_wire.served_model(model),
    )
    assert found.usage[span["span_id"]] == USAGE  # type: ignore[index]  # a number
    assert span["attributes"]["gen_ai.response.finish_reasons"] == [reason]  # type: ignore[index]


def test_a_stream_has_its_first_chunks_time(found: Recorded, server: Vendor) -> None:
    span = chat_of(found, "streamed")
    ttft_ns = span["ttft_ns"]
    assert isinstance(ttft_ns, int)
    served = server.of_model("m-streamed")
    assert served.ttft_ns < ttft_ns
    # The last event, [DONE], is no chunk.
    assert span["chunks"] == served.events - 1


def test_a_chain_and_a_tool_have_spans_of_their_own(found: Recorded) -> None:
    assert [found.one(stage)["name"] for stage in ("chain", "tool")] == [
        "invoke_workflow RunnableSequence",
        "execute_tool rent_of",
    ]


def test_an_error_has_its_type(found: Recorded) -> None:
    span = found.one("failing")
    assert span["status"] == "error"
    assert span["error_type"].endswith("RateLimitError")


def test_each_call_is_one_chat_though_openai_is_instrumented_too(
    found: Recorded, server: Vendor
) -> None:
    chats = [span for span in found.spans if span["operation"] == "chat"]
    assert len(chats) == len(server.served)
