"""Cached and reasoning tokens: part of the totals or beside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprobe.otel.semconv import promote
from latprobe.otel.token_sums import EXCEEDS, REASONING, TOTAL, UNDEFINED, Counts, settle

INPUT, OUTPUT, TOTALS = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.total_tokens",
)
READ = "gen_ai.usage.cache_read.input_tokens"
RAW_READ = "gen_ai.usage.cache_read_input_tokens"
RAW_WRITE = "gen_ai.usage.cache_creation_input_tokens"
REASONED = "gen_ai.usage.reasoning.output_tokens"
ANTHROPIC = {"gen_ai.provider.name": "anthropic"}
OPENAI = {"gen_ai.provider.name": "openai"}
CLAUDE = {"gen_ai.provider.name": "gcp.vertex_ai", "gen_ai.request.model": "claude-x"}
GEMINI = {"gen_ai.provider.name": "gcp.gemini"}

# attributes -> (input, uncached, output, problem)
CALLS = [
    ({**OPENAI, INPUT: 100, READ: 60}, (100, 40, None, None)),
    ({**OPENAI, INPUT: 10, READ: 60}, (10, None, None, EXCEEDS)),
    ({**ANTHROPIC, INPUT: 10, RAW_READ: 60, RAW_WRITE: 5}, (75, 10, None, None)),
    ({**CLAUDE, INPUT: 10, RAW_READ: 60}, (70, 10, None, None)),
    # Named as the convention has it: included, as the convention has it.
    ({**ANTHROPIC, INPUT: 100, READ: 60}, (100, 40, None, None)),
    # Not said, and arithmetic cannot tell.
    ({**ANTHROPIC, INPUT: 100, RAW_READ: 60}, (100, 40, None, UNDEFINED)),
    ({**OPENAI, INPUT: 100, RAW_READ: 60}, (100, 40, None, None)),
    # A total tells.
    ({**ANTHROPIC, INPUT: 100, RAW_READ: 60, OUTPUT: 5, TOTALS: 105}, (100, 40, 5, None)),
    ({**ANTHROPIC, INPUT: 100, RAW_READ: 60, OUTPUT: 5, TOTALS: 165}, (160, 100, 5, None)),
    ({**OPENAI, INPUT: 100, OUTPUT: 5, TOTALS: 110}, (100, 100, 5, TOTAL)),
    ({**OPENAI, INPUT: 100, OUTPUT: 8, REASONED: 3, TOTALS: 108}, (100, 100, 8, None)),
    ({**GEMINI, INPUT: 100, OUTPUT: 5, REASONED: 30, TOTALS: 135}, (100, 100, 35, None)),
    ({**OPENAI, INPUT: 100, OUTPUT: 5, REASONED: 30}, (100, 100, 5, REASONING)),
    ({**OPENAI, OUTPUT: 5, READ: 60}, (None, None, 5, None)),
]


@pytest.mark.parametrize(("attributes", "wanted"), CALLS)
def test_the_parts_and_their_totals(attributes: dict[str, object], wanted: object) -> None:
    said = promote(attributes)
    found = (said.input_tokens, said.uncached_input_tokens, said.output_tokens, said.problem)
    assert found == wanted


_COUNT = st.none() | st.integers(0, 1 << 40)


@given(
    st.builds(
        Counts, _COUNT, _COUNT, st.integers(0, 1 << 40), st.integers(0, 1 << 40), _COUNT,
        st.sampled_from([None, "openai", "anthropic"]), st.none(), st.booleans(), st.booleans(),
    )
)  # fmt: skip
def test_uncached_tokens_are_never_negative_and_add_up_or_are_none(counts: Counts) -> None:
    sums = settle(counts)

    if sums.uncached_input_tokens is None:
        assert counts.input_tokens is None or sums.problem is not None
    else:
        assert sums.uncached_input_tokens + counts.cached_tokens == sums.input_tokens
        assert sums.uncached_input_tokens >= 0
