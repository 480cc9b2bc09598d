"""litellm under `latprobe run`, in an environment with openai 2."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.instrumentation import openai2
from tests.instrumentation.running import Recorded, run
from tests.instrumentation.vendor_server import Vendor, vendor

PYTHON = openai2.python()

OPENAI_USAGE = (120, 56, 64, None, 30, 12, None)
ANTHROPIC_USAGE = (120, 20, 64, 36, 30, 0, None)


@pytest.fixture(scope="module")
def server() -> Iterator[Vendor]:
    with vendor() as running:
        yield running


@pytest.fixture(scope="module")
def found(server: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return run("litellm_calls.py", tmp_path_factory.mktemp("store"), server.base_url, python=PYTHON)


@pytest.mark.parametrize(
    ("stage", "provider", "model", "usage"),
    [
        ("whole", "openai", "openai/m-whole", OPENAI_USAGE),
        ("streamed", "openai", "openai/m-streamed", OPENAI_USAGE),
        ("async", "openai", "openai/m-async", OPENAI_USAGE),
        ("anthropic", "anthropic", "anthropic/m-anthropic", ANTHROPIC_USAGE),
    ],
)
def test_a_completion_has_the_tokens_that_were_served(
    found: Recorded, stage: str, provider: str, model: str, usage: tuple[object, ...]
) -> None:
    span = found.one(stage)
    assert (span["operation"], span["provider"], span["model"], span["status"]) == (
        "chat",
        provider,
        model,
        "ok",
    )
    assert found.usage[span["span_id"]] == usage


def test_the_openai_client_inside_has_the_first_chunks_time(
    found: Recorded, server: Vendor
) -> None:
    outer = found.one("streamed")
    (inner,) = [span for span in found.spans if span["parent_span_id"] == outer["span_id"]]
    assert server.of_model("m-streamed").ttft_ns < inner["ttft_ns"]


def test_an_error_has_its_type(found: Recorded) -> None:
    span = found.one("failing")
    assert (span["status"], span["error_type"]) == (
        "error",
        "litellm.exceptions.RateLimitError",
    )


def test_an_embedding_counts_its_input(found: Recorded) -> None:
    span = found.one("embedding")
    assert (span["operation"], span["input_tokens"]) == ("embeddings", 9)
