"""Where the tokens went: sums that count each call once and leave nothing out."""

from __future__ import annotations

from typing import Any

import pytest

from latprobe.analysis.scope import Scope
from latprobe.analysis.token_totals import (
    ModelUse,
    TokenShare,
    TokenTime,
    cost_over_time,
    models_used,
    token_report,
    tokens_by,
)
from latprobe.errors import UsageError
from tests.analysis.seeded_calls import CallStore, system_and_user, template_uuid
from tests.analysis.seeding import EPOCH_NS

S = 1_000_000_000


def filled() -> CallStore:
    store = CallStore()
    store.add_template(1, "answer")
    priced: dict[str, Any] = {"model": "m", "cost_usd": 0.25, "cache_read_tokens": 10}
    priced["template_id"] = template_uuid(1)
    store.add_call(
        1, system_and_user(1, 2, 20), input_tokens=35, output_tokens=6, residual_input_tokens=2,
        residual_output_tokens=1, **priced
    )  # fmt: skip
    store.add_call(
        2, system_and_user(1, 3, 30), input_tokens=43, output_tokens=5, residual_input_tokens=0,
        residual_output_tokens=0, **priced
    )  # fmt: skip
    store.add_call(3, stage="other", model="local", input_tokens=7, is_exact=None)
    store.add_call(
        4, [("input", "user", 4, 50)], model="q", input_tokens=50, is_exact=False,
        expected_error=0.05, input_origin="estimated", output_origin=None,
    )  # fmt: skip
    return store


def share(side: str, tokens: int, calls: int, *estimate: object, **keys: str | None) -> TokenShare:
    is_estimated, error = estimate or (False, None)
    assert isinstance(is_estimated, bool)
    assert error is None or isinstance(error, float)
    return TokenShare(side, tokens, calls, is_estimated, error, **keys)


def test_parts_and_residual_add_up_to_what_was_billed() -> None:
    rows = tokens_by(filled(), Scope(), ("stage", "part"))
    assert rows == [
        share("input", 100, 3, True, 0.05, stage="llm", part="user"),
        share("input", 20, 2, stage="llm", part="system"),
        share("output", 10, 2, stage="llm", part="output"),
        share("input", 7, 1, stage="other", part="not taken apart"),
        share("input", 6, 2, stage="llm", part="overhead"),
        share("input", 2, 1, stage="llm", part="residual"),
        share("output", 1, 1, stage="llm", part="residual"),
    ]
    assert sum(row.tokens for row in rows if row.side == "input") == 35 + 43 + 7 + 50


def test_both_ways_of_summing_agree() -> None:
    store = filled()
    sums = [
        {side: sum(row.tokens for row in tokens_by(store, by=by) if row.side == side)
         for side in ("input", "output")}
        for by in ((), ("part",), ("model",), ("stage", "template", "part"), ("provider", "model"))
    ]  # fmt: skip
    assert sums == [{"input": 135, "output": 11}] * 5


def test_templates_have_their_names() -> None:
    rows = tokens_by(filled(), Scope(stage="llm", model="m"), ("template",))
    template = {"template": template_uuid(1), "template_name": "answer"}
    assert rows == [share("input", 78, 2, **template), share("output", 11, 2, **template)]


def test_an_outer_span_that_repeats_its_call_is_not_counted() -> None:
    store = filled()
    store.add_call(5, input_tokens=10, stage="agent", model="m")
    store.add_call(5, input_tokens=10, span_id=2, parent=1, stage="client", model="m")
    rows = tokens_by(store, Scope(from_ns=EPOCH_NS + 5 * S), ("stage",))
    assert rows == [share("input", 10, 1, stage="client")]


def test_an_unknown_key_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="by stage, template, model, provider, part, not by 'day'"):
        tokens_by(CallStore(), by=("day",))


def test_models_are_listed_with_what_they_lack() -> None:
    nothing = dict.fromkeys(
        (
            "uncached_input_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "cache_share",
            "output_tokens",
            "reasoning_tokens",
            "cost_usd",
            "residual_input_tokens",
            "residual_output_tokens",
            "residual_share_p50",
            "residual_share_p95",
            "is_exact",
            "expected_error",
        )
    )
    figures = {"provider": None, "unpriced_calls": 1, "estimated_calls": 0, "problems": 0}

    def model(name: str, **known: object) -> ModelUse:
        return ModelUse(**{"model": name, **nothing, **figures, **known})  # type: ignore[arg-type]  # by name

    assert models_used(filled()) == [
        model(
            "m",
            calls=2,
            input_tokens=78,
            cache_read_tokens=20,
            cache_share=20 / 78,
            output_tokens=11,
            cost_usd=0.5,
            unpriced_calls=0,
            residual_input_tokens=2,
            residual_output_tokens=1,
            residual_share_p50=1 / 35,
            residual_share_p95=pytest.approx(0.95 * 2 / 35),
            is_exact=True,
        ),
        model(
            "q", calls=1, input_tokens=50, estimated_calls=1, is_exact=False, expected_error=0.05
        ),
        model("local", calls=1, input_tokens=7),
    ]


def test_cost_over_time_has_the_bins_with_calls() -> None:
    bins = cost_over_time(filled(), bin_ns=2 * S)
    first = EPOCH_NS // (2 * S) * 2 * S
    assert bins == [
        TokenTime(first, 1, 35, 10, 6, 0.25, 0, 10 / 35),
        TokenTime(first + 2 * S, 2, 50, 10, 5, 0.25, 1, 10 / 43),
        TokenTime(first + 4 * S, 1, 50, None, None, None, 1, None),
    ]


def test_a_store_without_model_calls_has_an_empty_report() -> None:
    assert token_report(CallStore()).to_json() == {"templates": [], "models": []}


def test_the_report_lists_templates_and_models() -> None:
    found = token_report(filled())
    assert [one.name for one in found.templates] == ["answer", None]
    assert [one.model for one in found.models] == ["m", "q", "local"]
