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
        ({"usage": {"prompt_tokens": -1, "completion_tokens": 2**63}}, Billed()),
        ({"usage": {"prompt_tokens": "12", "completion_tokens": True}}, Billed()),
        ({"usage": None}, Billed()),
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
