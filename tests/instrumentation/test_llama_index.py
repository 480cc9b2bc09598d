"""llama-index under `latprobe run`, in an environment with openai 2."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.instrumentation import openai2, openai_wire
from tests.instrumentation.running import Recorded, run
from tests.instrumentation.vendor_server import Vendor, vendor

PYTHON = openai2.python()

USAGE = (120, 56, 64, None, 30, 12, None)


@pytest.fixture(scope="module")
def server() -> Iterator[Vendor]:
    with vendor() as running:
        yield running


@pytest.fixture(scope="module")
def found(server: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return run(
        "llama_index_calls.py", tmp_path_factory.mktemp("store"), server.base_url, python=PYTHON
    )


@pytest.mark.parametrize(("stage", "model"), [("chat", "m-chat"), ("async", "m-async")])
def test_a_chat_has_the_model_and_the_tokens_that_were_served(
    found: Recorded, stage: str, model: str
) -> None:
    span = found.one(stage)
    assert (span["name"], span["model"], found.usage[span["span_id"]]) == (
        f"chat {model}",
        openai_wire.served_model(model),
        USAGE,
    )


def test_a_stream_has_its_first_chunks_time_and_no_usage_where_none_was_asked_for(
    found: Recorded, server: Vendor
) -> None:
    span = found.one("streamed")
    assert server.of_model("m-streamed").ttft_ns < span["ttft_ns"] <= span["duration_ns"]
    assert (span["input_tokens"], span["chunks"]) == (None, 7)


def test_an_error_has_its_type(found: Recorded) -> None:
    span = found.one("failing")
    assert (span["status"], span["error_type"]) == ("error", "openai.RateLimitError")


def test_a_query_retrieves_and_asks(found: Recorded) -> None:
    below = [(span["name"], span["operation"]) for span in found.below("query")]
    assert below == [("retrieval", "retrieval"), ("chat m-query", "chat")]
