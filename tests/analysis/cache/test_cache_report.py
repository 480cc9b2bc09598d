"""Caches over whole stores."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from latprobe.analysis.cache import Limits, Opportunity, cache_report
from latprobe.analysis.scope import Scope
from latprobe.errors import NoDataError
from tests.analysis.seeded_calls import CallStore, PartSeed
from tests.analysis.seeding import MemoryStore, seed


def prompt(user: int, *, system_tokens: int = 2000, answer: int | None = None) -> list[PartSeed]:
    return [
        ("input", "system", 1, system_tokens),
        ("input", "user", user, 40),
        ("output", "output", answer if answer is not None else 1000 + user, 5),
    ]


def chat_store(users: list[int], **usage: Any) -> CallStore:
    """One call a second; each takes 5 ms."""
    store = CallStore()
    known: dict[str, Any] = {
        "model": "gpt-4o",
        "provider": "openai",
        "input_tokens": 2040,
        "output_tokens": 5,
    }
    for second, user in enumerate(users, 1):
        store.add_call(second, prompt(user), **{**known, "cost_usd": 0.01, **usage})
    return store


def found(store: MemoryStore, kind: str, **more: Any) -> Opportunity:
    report = cache_report(store, **more)
    (one,) = [each for each in report.stages[0].opportunities if each.kind == kind]
    return one


def test_a_call_that_comes_again_is_saved_whole() -> None:
    exact = found(chat_store([10 + n % 20 for n in range(60)]), "exact")
    assert (exact.calls, exact.hits, exact.hit_ratio, exact.late_hit_ratio) == (60, 40, 40 / 60, 1)
    assert (exact.saved_input_tokens, exact.saved_output_tokens) == (40 * 2040, 200)
    assert exact.saved_ms == pytest.approx(200.0)
    assert exact.saved_cost_usd == pytest.approx(0.4)
    assert exact.same_answer_share == 1.0


def test_a_small_or_short_lived_cache_saves_less_and_the_curve_says_so() -> None:
    store = chat_store([10 + n % 20 for n in range(60)])
    exact = found(store, "exact", limits=Limits(size=None, ttl_s=10))
    assert exact.hits == 0
    assert {(each.size, each.ttl_s): each.hit_ratio for each in exact.curve} == {
        (10, 10): 0.0, (None, 10): 0.0, (None, None): 40 / 60,
    }  # fmt: skip


def test_a_prefix_is_kept_by_the_providers_steps_and_priced_by_its_rule() -> None:
    store = chat_store(list(range(10, 70)))
    prefix = found(store, "prefix", price=lambda **_: 1e-6)
    assert prefix.saved_input_tokens == 59 * 1920  # 1024 + 7 * 128 of 2000
    assert prefix.saved_cost_usd == pytest.approx(59 * 1920 * 0.5e-6)
    assert prefix.saved_ms is None
    assert prefix.hit_ratio == pytest.approx(59 * 1920 / (60 * 2040))
    assert found(store, "prefix").saved_cost_usd is None


def test_no_more_is_served_from_the_cache_than_was_billed() -> None:
    store = chat_store(list(range(10, 70)), input_tokens=1530)  # 2,040 were counted
    prefix = found(store, "prefix", price=lambda **_: 1e-6)
    assert prefix.saved_input_tokens == 59 * 1408  # of 1,500: 1024 + 3 * 128
    assert prefix.saved_input_tokens < 60 * 1530
    assert prefix.saved_cost_usd == pytest.approx(59 * 1408 * 0.5e-6)


def test_what_was_read_from_the_cache_is_not_saved_again() -> None:
    store = chat_store(list(range(10, 70)), cache_read_tokens=1920)
    assert found(store, "prefix").saved_input_tokens == 0


def test_nearly_the_same_questions_share_an_answer_but_not_across_other_systems() -> None:
    store = chat_store(list(range(10, 70)))
    words = " ".join(f"word{n}" for n in range(40))
    for user in range(10, 70):
        store.add_text(user, f"{words} number {user}" if user % 2 else f"{user} " * 20 + f"x{user}")
    store.add_text(1, "A system text that all calls share. " * 50)
    near = found(store, "near_duplicate")
    assert near.hits == 29  # every odd one but the first
    assert near.same_answer_share == 0.0
    same = found(store, "semantic", embed=lambda texts: np.ones((len(texts), 2)))
    assert same.hits == 59


def test_without_texts_it_says_what_to_do() -> None:
    near = found(chat_store(list(range(10, 70))), "near_duplicate")
    assert near.hit_ratio is None
    assert near.refused is not None
    assert "LATPROBE_CONTENT=local" in near.refused


def test_embeddings_are_counted_text_by_text() -> None:
    store = CallStore()
    for second in range(1, 61):
        parts: list[PartSeed] = [("input", "user", second % 30, 10), ("input", "user", 99, 10)]
        store.add_call(second, parts, operation="embeddings", model="e-1", input_tokens=20)
    cached = found(store, "embedding")
    assert (cached.calls, cached.hits) == (60, 30 + 59)
    assert cached.saved_input_tokens == 890
    assert cached.saved_ms == pytest.approx(30 * 5)
    assert cached.saved_cost_usd is None


def test_a_stage_that_names_its_input_has_an_exact_cache() -> None:
    store = MemoryStore()
    store.add_spans(
        seed(1, None, "ocr", n * 100, n * 100 + 40, n + 1,
             attributes=json.dumps({"input_hash": f"h{n % 10}"}))
        for n in range(60)
    )  # fmt: skip
    exact = found(store, "exact")
    assert (exact.hits, exact.saved_input_tokens) == (50, None)
    assert exact.saved_ms == pytest.approx(2000)


def test_sampled_calls_are_flagged() -> None:
    store = chat_store([10] * 60, attributes='{"gen_ai.request.temperature": 0.7}')
    (stage,) = cache_report(store).stages
    assert stage.sampled == 60
    assert stage.notes[0].startswith("60 of 60 calls had a temperature over 0")


def test_few_calls_are_refused() -> None:
    (stage,) = cache_report(chat_store([10] * 49)).stages
    assert stage.opportunities == ()
    assert stage.refused is not None
    assert "needs 50" in stage.refused


def test_stages_without_inputs_and_empty_scopes_are_answered() -> None:
    store = MemoryStore()
    store.add_spans([seed(1, None, "a", 0, 1)])
    assert "No stage here says what its input was" in (cache_report(store).refused or "")
    with pytest.raises(NoDataError, match="Did you mean"):
        cache_report(store, Scope(stage="aa"))


def test_json_has_no_values_that_are_no_json() -> None:
    text = json.dumps(cache_report(chat_store([10, 11] * 30)).to_json(), allow_nan=False)
    assert json.loads(text)["stages"][0]["opportunities"][0]["kind"] == "exact"
