"""A model's name, however it is written, leads to an encoding and to how good that is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprobe.tokens.encoding import SOURCES
from latprobe.tokens.models import ChatOverhead, Tokenizer, resolve

# Where nobody measured a family: what characters / 4 misses by, mean and 95th percentile.
BOUND, P95_BOUND = 0.208, 0.52
CHAT = ChatOverhead(per_message=3, per_name=1, reply=3)


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-5.4-mini", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("openai/gpt-4o-2024-08-06", "o200k_base"),
        ("azure/gpt-4o", "o200k_base"),
        ("ft:gpt-4o-mini-2024-07-18:org::id", "o200k_base"),
        ("o1", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("o4-mini-2025-04-16", "o200k_base"),
        ("openai.gpt-oss-120b-1:0", "o200k_harmony"),
        ("unsloth/gpt-oss-20b", "o200k_harmony"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo-2024-04-09", "cl100k_base"),
        ("gpt-35-turbo-16k", "cl100k_base"),
        ("ft:gpt-3.5-turbo:org", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("text-embedding-ada-002", "cl100k_base"),
    ],
)
def test_openais_models_are_exact(model: str, encoding: str) -> None:
    found = resolve(model)
    assert (found.encoding, found.ratio, found.is_exact, found.expected_error, found.reason) == (
        encoding,
        1.0,
        True,
        0.0,
        None,
    )


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-sonnet-4-5", "claude"),
        ("anthropic/claude-3.5-sonnet", "claude"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-x-v1:0", "claude"),
        ("claude-3-opus@20240229", "claude"),
        ("models/gemini-2.5-pro", "gemini"),
        ("publishers/google/models/gemini-3-flash", "gemini"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama"),
        ("meta.llama3-1-70b-instruct-v1:0", "llama"),
        ("accounts/fireworks/models/llama-v3p1-70b", "llama"),
        ("llama3.2:3b", "llama"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "llama"),
        ("cohere.command-r-plus-v1:0", "cohere"),
        ("grok-4", "grok"),
        ("moonshotai/Kimi-K2-Instruct", "kimi"),
        ("zai-org/GLM-4.6", "glm"),
    ],
)
def test_families_without_a_measured_ratio_say_so(model: str, family: str) -> None:
    found = resolve(model)
    assert found == Tokenizer(
        encoding="o200k_base",
        ratio=1.0,
        is_exact=False,
        expected_error=BOUND,
        p95_error=P95_BOUND,
        family=family,
        reason="no measured ratio, the expected error is a bound; "
        "calibrated once the provider's usage comes in",
        source=found.source,
    )


@pytest.mark.parametrize(
    ("model", "family", "ratio", "mean", "p95"),
    [
        ("deepseek-chat", "deepseek", 1.06, 0.049, 0.13),
        ("deepseek.r1-v1:0", "deepseek", 1.06, 0.049, 0.13),
        ("mistral.mistral-large-2402-v1:0", "mistral", 1.12, 0.057, 0.12),
        ("mistralai/Mixtral-8x7B", "mistral", 1.12, 0.057, 0.12),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen", 1.08, 0.068, 0.16),
        ("/data/models/Qwen2.5-7B/", "qwen", 1.08, 0.068, 0.16),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "qwen", 1.08, 0.068, 0.16),
    ],
)
def test_measured_families_have_their_ratio_and_its_error(
    model: str, family: str, ratio: float, mean: float, p95: float
) -> None:
    assert resolve(model) == Tokenizer(
        encoding="o200k_base",
        ratio=ratio,
        is_exact=False,
        expected_error=mean,
        p95_error=p95,
        family=family,
        reason="o200k times the family's measured ratio",
        source="measured against o200k by the makers of latprobe",
    )


@pytest.mark.parametrize("model", ["my-deployment", "", None])
def test_a_deployments_own_name_is_counted_as_its_providers(model: str | None) -> None:
    reason = (
        "unknown model, counted as o200k, the expected error is a bound; "
        "calibrated once the provider's usage comes in"
    )
    of_nobody = Tokenizer("o200k_base", 1.0, False, BOUND, P95_BOUND, "unknown", reason=reason)
    assert resolve(model) == of_nobody
    assert resolve(model, "azure.ai.openai") == Tokenizer(
        "o200k_base", 1.0, False, BOUND, P95_BOUND, "openai", CHAT, reason
    )


def test_a_model_that_tiktoken_does_not_list_is_not_called_exact() -> None:
    found = resolve("gpt-realtime")
    assert (found.encoding, found.is_exact, found.expected_error) == ("o200k_base", False, BOUND)
    assert found.reason is not None
    assert found.reason.startswith("not in tiktoken's table of models")


def test_chat_templates_overhead_is_the_models() -> None:
    models = ["gpt-4o", "gpt-3.5-turbo-0301", "gpt-oss-20b", "text-embedding-3-large", "claude-3"]
    assert [resolve(model).overhead for model in models] == [
        CHAT,
        ChatOverhead(4, -1, 3),
        ChatOverhead(4, 0, 2),
        None,
        None,
    ]


@given(st.text() | st.none(), st.text() | st.none())
def test_any_name_has_an_encoding_and_an_expected_error(
    model: str | None, provider: str | None
) -> None:
    found = resolve(model, provider)
    assert found.encoding in SOURCES
    assert (found.expected_error == 0.0) is found.is_exact
    assert found.expected_error <= found.p95_error
