"""Chains of prompts, and what a cache keeps of them."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.cache.prefix import Chain, chain, simulate_prefixes
from latprobe.analysis.cache.provider_rules import LOCAL, rule_for

SYSTEM = (1, 1000, None)


def use(chains: list[Chain], **limits: int | None) -> tuple[list[int], list[int]]:
    starts = np.arange(len(chains)) * 10
    settings = {"ttl_ns": None, "size_tokens": None, **limits}
    found = simulate_prefixes(chains, starts, starts + 5, **settings)
    return found.matched.tolist(), found.written.tolist()


def test_equal_beginnings_are_kept_and_only_they() -> None:
    chains = [chain([SYSTEM, (n, 50, None)]) for n in (2, 3, 2)]
    chains.append(chain([(9, 10, None), SYSTEM]))
    assert use(chains) == ([0, 1000, 1050, 0], [1050, 0, 0, 0])


def test_long_texts_match_up_to_where_they_differ() -> None:
    first, second = "a" * 1024, "a" * 512 + "b" * 512
    chains = [chain([(1, 256, first)]), chain([(2, 256, second)])]
    assert use(chains)[0] == [0, 128]


def test_each_use_prolongs_the_life() -> None:
    chains = [chain([SYSTEM])] * 4
    assert use(chains, ttl_ns=10)[0] == [0, 1000, 1000, 1000]
    assert use(chains, ttl_ns=4)[0] == [0, 0, 0, 0]


def test_the_ends_that_were_not_used_for_longest_leave_first() -> None:
    chains = [chain([SYSTEM, (n, 500, None)]) for n in (2, 3, 2)]
    assert use(chains, size_tokens=1500)[0] == [0, 1000, 1000]


def test_a_prompt_that_is_still_under_way_serves_nobody() -> None:
    chains, starts = [chain([SYSTEM])] * 2, np.array([0, 3])
    found = simulate_prefixes(chains, starts, starts + 5, ttl_ns=None, size_tokens=None)
    assert found.matched.tolist() == [0, 0]


def test_minimum_and_steps_are_the_providers() -> None:
    openai = rule_for("openai", "gpt-4o-2024-08-06")
    assert openai is not None
    assert [openai.usable(n) for n in (1023, 1024, 1151, 1152)] == [0, 1024, 1024, 1152]
    assert (openai.read_price, openai.write_price) == (0.5, 1.0)
    claude = rule_for("anthropic", "claude-opus-4-5-20251101")
    assert claude is not None
    assert (claude.minimum_tokens, claude.write_price, claude.is_automatic) == (4096, 1.25, False)
    sonnet = rule_for(None, "claude-sonnet-4-5")
    assert sonnet is not None
    assert sonnet.minimum_tokens == 1024


def test_an_own_engine_has_no_minimum_and_an_unknown_host_no_rule() -> None:
    assert rule_for("openai", "qwen2.5-7b") is LOCAL
    assert rule_for(None, "qwen2.5-7b") is LOCAL
    assert LOCAL.usable(40) == 32
    assert rule_for("llama.cpp", "mistral-7b-q4") is LOCAL
    assert rule_for("somebody", "llama") is None
