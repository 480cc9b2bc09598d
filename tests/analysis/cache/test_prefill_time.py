"""The time that a prompt cache would have saved, against known times."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.cache import Opportunity, cache_report
from tests.analysis.seeded_calls import CallStore

PREFIX_TOKENS = 2048
MS_PER_TOKEN = 0.2


def served(*, ms_per_token: float = MS_PER_TOKEN, is_varied: bool = True) -> CallStore:
    """160 streamed calls of 100 tokens of output; every second one begins with the same system
    prompt. The first token comes 50 ms and so many ms a token after the start, give or take 3 %."""
    rng = np.random.default_rng(4)
    store = CallStore()
    for second in range(1, 161):
        has_prefix = second % 2 == 0 or not is_varied
        user = int(rng.integers(40, 60)) if not is_varied else int(rng.integers(60, 2600))
        tokens = user + PREFIX_TOKENS * has_prefix
        answer = int(rng.integers(20, 200))
        store.add_call(
            second,
            [
                *([("input", "system", 1, PREFIX_TOKENS)] if has_prefix else []),
                ("input", "user", 1000 + second, user),
                ("output", "output", 5000 + second, answer),
            ],
            model="gpt-4o",
            provider="openai",
            input_tokens=tokens,
            output_tokens=answer,
        )
        first_ms = (50 + ms_per_token * tokens) * rng.normal(1, 0.03)
        whole_ms = first_ms + answer * 8 * rng.normal(1, 0.03)
        store.connection.execute(
            "UPDATE spans SET ttft_ns = ?, duration_ns = ? WHERE span_id = 1 AND trace_id = ?",
            [int(first_ms * 1e6), int(whole_ms * 1e6), f"{second:032x}"],
        )
    return store


def prefix_of(store: CallStore) -> Opportunity:
    """What the provider's prompt cache would have kept."""
    (stage,) = cache_report(store).stages
    return next(each for each in stage.opportunities if each.kind == "prefix")


def test_the_time_saved_is_that_of_the_tokens_that_were_not_read() -> None:
    found = prefix_of(served())
    assert found.saved_input_tokens == 79 * PREFIX_TOKENS
    truth_ms = 79 * PREFIX_TOKENS * MS_PER_TOKEN
    assert found.saved_ms == pytest.approx(truth_ms, rel=0.05)
    assert found.saved_ms_ci95 is not None
    assert found.saved_ms_ci95.low <= truth_ms <= found.saved_ms_ci95.high
    assert found.to_json()["saved_ms_ci95"] == found.saved_ms_ci95.to_json()


def test_where_the_input_does_not_matter_no_time_is_saved() -> None:
    assert prefix_of(served(ms_per_token=0.0)).saved_ms == 0.0


def test_prompts_that_are_all_as_long_do_not_tell_and_it_is_said() -> None:
    found = prefix_of(served(is_varied=False))
    assert (found.saved_ms, found.saved_ms_ci95) == (None, None)
    assert found.saved_input_tokens
    assert "The time saved is not known. The input tokens hardly vary" in found.notes[-1]


def test_calls_without_counts_are_not_guessed_at() -> None:
    store = served()
    store.connection.execute("UPDATE usage SET output_tokens = NULL, input_tokens = NULL")
    found = prefix_of(store)
    assert found.saved_ms is None
    assert "too few calls are counted" in found.notes[-1]
