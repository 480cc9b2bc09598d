"""What calls cost: list prices of their day, the user's own first, and None where nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from latprobe.errors import UsageError
from latprobe.tokens.price_overrides import parse_overrides
from latprobe.tokens.prices import UNPRICED, Cost, Prices
from latprobe.tokens.rates import Quantities


def at_ns(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


DAY = at_ns("2026-03-01")
CALL = Quantities(1_000_000, 100_000, cache_read_tokens=500_000)
MODELS = [
    (provider.id, model)
    for provider in get_snapshot().providers
    for model in provider.models
    if provider.id in ("openai", "anthropic", "google", "groq", "aws", "x-ai", "mistral")
]


def test_a_known_model_costs_its_list_price_with_the_cached_tokens_cheaper() -> None:
    cost = Prices().cost(CALL, model="gpt-4o-2024-08-06", provider="openai", at_ns=DAY)

    assert cost.usd == pytest.approx(0.5 * 2.5 + 0.5 * 1.25 + 0.1 * 10)
    assert cost.origin == "prices"


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        (None, "openai"),
        ("simulated-small", "openai"),
        ("gpt-4o", "vllm"),  # somebody's own server
        ("gpt-oss-20b", None),
        ("mistral-large", None),
    ],
)
def test_nobody_knows_the_price_of_other_models(model: str | None, provider: str | None) -> None:
    assert Prices().cost(CALL, model=model, provider=provider, at_ns=DAY) == UNPRICED


@pytest.mark.parametrize("provider", [None, "openai", "azure.ai.openai"])
def test_a_closed_model_has_its_price_without_a_provider_and_at_a_cloud(
    provider: str | None,
) -> None:
    cost = Prices().cost(CALL, model="GPT-4o", provider=provider, at_ns=DAY)

    assert cost.usd == pytest.approx(2.875)


def test_a_call_with_an_unknown_amount_has_no_cost() -> None:
    prices = Prices()
    half = Quantities(10, None)

    assert prices.cost(half, model="gpt-4o", provider="openai", at_ns=DAY) == UNPRICED
    embedding = prices.cost(half, model="text-embedding-3-small", provider="openai", at_ns=DAY)
    assert embedding.usd == pytest.approx(10 * 0.02e-6)


@given(
    which=st.integers(0, len(MODELS) - 1),
    given_=st.integers(0, 400_000),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    made=st.integers(0, 20_000),
    day=st.integers(at_ns("2024-01-01") // 10**9, at_ns("2026-11-01") // 10**9),
)
def test_costs_are_those_of_the_price_list(
    which: int, given_: int, shares: tuple[float, float], made: int, day: int
) -> None:
    provider, model = MODELS[which]
    read = int(given_ * shares[0])
    write = int((given_ - read) * shares[1])
    found = Prices()._list_price(
        Quantities(given_, made, read, write), model.id.lower(), provider, day * 10**9
    )
    known = Prices()._find(model.id.lower(), provider)
    if found is None or known is None:
        return
    price = known[1].get_prices(datetime.fromtimestamp(day, UTC))
    kinds = {
        "input_tokens": given_,
        "output_tokens": made,
        "cache_read_tokens": read,
        "cache_write_tokens": write,
    }
    usage = Usage(**{kind: count for kind, count in kinds.items() if count})
    assert found == pytest.approx(float(price.calc_price(usage)["total_price"]), rel=1e-9)


def test_the_users_price_of_the_day_comes_first() -> None:
    prices = Prices(
        {
            "gpt-4o": [
                {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2},
                {"input_usd_per_mtok": 3, "output_usd_per_mtok": 4, "from": "2026-02-01"},
            ],
            "local-*": {"input_usd_per_mtok": 0, "output_usd_per_mtok": 0},
            "qwen": {"input_usd_per_mtok": 5, "output_usd_per_mtok": 5, "provider": "groq"},
        }
    )
    call = Quantities(1_000_000, 1_000_000)

    def cost(model: str, day: str, provider: str | None = None) -> Cost:
        return prices.cost(call, model=model, provider=provider, at_ns=at_ns(day))

    assert cost("GPT-4o", "2026-01-31") == Cost(3.0, "override")
    assert cost("gpt-4o", "2026-02-01") == Cost(7.0, "override")
    assert cost("local-llama", "2026-02-01") == Cost(0.0, "override")
    assert cost("qwen", "2026-02-01", "groq") == Cost(10.0, "override")
    assert cost("qwen", "2026-02-01", "other") == UNPRICED


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("cheap", "prices is 'cheap'"),
        ({"m": 5}, 'prices."m" is 5'),
        ({"m": {}}, 'prices."m" has no price'),
        ({"m": {"input": 5}}, 'prices."m" has unknown keys: input'),
        ({"m": {"input_usd_per_mtok": "5"}}, 'prices."m".input_usd_per_mtok'),
        ({"m": {"input_usd_per_mtok": -1}}, 'prices."m".input_usd_per_mtok'),
        ({"m": {"input_usd_per_mtok": float("nan")}}, 'prices."m".input_usd_per_mtok'),
        ({"m": {"input_usd_per_mtok": 10**400}}, 'prices."m".input_usd_per_mtok is 1000'),
        ({"m": {"input_usd_per_mtok": True}}, 'prices."m".input_usd_per_mtok'),
        ({"m": {"output_usd_per_mtok": 1, "from": "soon"}}, 'prices."m".from'),
        ({"m": {"output_usd_per_mtok": 1, "provider": 7}}, 'prices."m".provider'),
    ],
)
def test_a_wrong_price_is_named_by_its_key(table: Any, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_overrides(table)

    assert key in str(caught.value)
