"""What answers say was used."""

from __future__ import annotations

import pytest

from latprobe.tokens.billed import Billed, billed_tokens


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            {
                "usage": {
                    "prompt_tokens": 120,
                    "completion_tokens": 30,
                    "prompt_tokens_details": {"cached_tokens": 64},
                    "completion_tokens_details": {"reasoning_tokens": 12},
                }
            },
            Billed(120, 30, cache_read=64, reasoning=12),
        ),
        (
            {
                "usage": {
                    "input_tokens": 120,
                    "output_tokens": 30,
                    "input_tokens_details": {"cached_tokens": 64},
                    "output_tokens_details": {"reasoning_tokens": 12},
                }
            },
            Billed(120, 30, cache_read=64, reasoning=12),
        ),
        (
            {
                "usage": {
                    "input_tokens": 20,
                    "cache_read_input_tokens": 64,
                    "cache_creation_input_tokens": 36,
                    "output_tokens": 30,
                }
            },
            Billed(120, 30, cache_read=64, cache_write=36),
        ),
        (
            {
                "usageMetadata": {
                    "promptTokenCount": 120,
                    "candidatesTokenCount": 18,
                    "thoughtsTokenCount": 12,
                    "cachedContentTokenCount": 64,
                }
            },
            Billed(120, 30, cache_read=64, reasoning=12),
        ),
        ({"prompt_eval_count": 120, "eval_count": 30}, Billed(120, 30)),
        (
            {"usage": {"prompt_tokens": -1, "completion_tokens": 2**63}},
            Billed(problem="prompt_tokens = -1 cannot be a count"),
        ),
        (
            {"usage": {"prompt_tokens": "12", "completion_tokens": True}},
            Billed(problem="prompt_tokens = 12 cannot be a count"),
        ),
        ({"usage": None}, Billed(problem="the answer reports no usage")),
        ("no object", Billed()),
        (None, Billed()),
    ],
    ids=[
        "openai chat",
        "openai responses",
        "anthropic",
        "gemini",
        "ollama",
        "out of range",
        "no numbers",
        "no usage",
        "text",
        "none",
    ],
)
def test_every_vendors_usage_is_read_alike(response: object, expected: Billed) -> None:
    assert billed_tokens(response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (  # Bedrock's input leaves the cached tokens out, which its total proves
            {"usage": {"inputTokens": 10, "outputTokens": 2, "totalTokens": 112,
                       "cacheReadInputTokens": 100}},
            Billed(110, 2, cache_read=100),
        ),
        (  # a gateway in OpenAI's words repeats Anthropic's, and its input has the cached ones
            {"usage": {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150,
                       "cache_read_input_tokens": 64, "cache_creation_input_tokens": 0}},
            Billed(120, 30, cache_read=64, cache_write=0),
        ),
        (
            {"usage": {"input_tokens": 20, "cache_creation_input_tokens": 7, "output_tokens": 3,
                       "service_tier": "batch"}},
            Billed(27, 3, cache_write=7, tier="batch"),
        ),
        (
            {"usageMetadata": {"promptTokenCount": 300, "candidatesTokenCount": 2,
                               "thoughtsTokenCount": 7, "toolUsePromptTokenCount": 11,
                               "totalTokenCount": 320,
                               "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 42},
                                                       {"modality": "IMAGE", "tokenCount": 258}]}},
            Billed(311, 9, reasoning=7, image=258),
        ),
        (
            {"usage": {"prompt_tokens": 10, "completion_tokens": 2,
                       "prompt_tokens_details": {"audio_tokens": 4}}},
            Billed(10, 2, audio=4),
        ),
        (
            {"generations": [[{"text": "A", "message": {"kwargs": {"usage_metadata": {
                "input_tokens": 12, "output_tokens": 1,
                "input_token_details": {"cache_read": 5, "audio": 2},
                "output_token_details": {"reasoning": 1}}}}}]]},
            Billed(12, 1, cache_read=5, reasoning=1, audio=2),
        ),
        ({"llm_output": {"token_usage": {"prompt_tokens": 12, "completion_tokens": 1}}},
         Billed(12, 1)),
        ({"message": {"role": "assistant"}, "raw": {"usage": {"prompt_tokens": 5}}}, Billed(5)),
        ({"usage": {"billed_units": {"input_tokens": 5}, "tokens": {"input_tokens": 71}}},
         Billed(71)),
        ({"usage": {"prompt_tokens": 1e3, "completion_tokens": float("nan")}},
         Billed(1000, problem="completion_tokens = nan cannot be a count")),
        ({"usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 99}},
         Billed(10, 2, problem="total tokens are not input plus output")),
        ({"usage": {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 50}}},
         Billed(10, cache_read=50, problem="cached tokens exceed input tokens")),
        ('data: {"choices": [{"delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n',
         Billed(problem="the stream reported no usage")),
        ('{"message": {"content": "a"}, "done": false}\n'
         '{"message": {"content": "b"}, "done": true, "prompt_eval_count": 9, "eval_count": 2}',
         Billed(9, 2)),
    ],
    ids=[
        "bedrock", "gateway", "batch", "gemini", "audio", "langchain", "langchain's own",
        "llama index", "cohere", "floats", "a wrong total", "too many cached", "stream",
        "ollama's stream",
    ],
)  # fmt: skip
def test_usage_is_found_wherever_it_stands_and_what_is_wrong_is_said(
    response: object, expected: Billed
) -> None:
    assert billed_tokens(response) == expected
