"""What a call costs: the user's own prices first, else the list prices of `genai-prices`.

List prices are of the day of the call. `genai-prices` brings its data along; nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from latprobe.tokens.price_overrides import parse_overrides
from latprobe.tokens.rates import Quantities, Rates

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider

PRICES = "prices"
OVERRIDE = "override"

# Our providers' names (gen_ai.provider.name) as genai-prices has them, where they differ.
PROVIDER_IDS: Mapping[str, str] = {
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "vertexai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "x_ai": "x-ai",
}
# Azure bills OpenAI's models at OpenAI's list prices; its own table has few of them.
_SECOND_IDS: Mapping[str, str] = {"azure": "openai"}
# Whose models are priced where no provider is named: those that run nowhere else. An open model
# without a provider may as well run on the user's own machine.
_CLOSED = frozenset({"openai", "anthropic", "google", "x-ai"})
_OPEN_MODELS = ("gpt-oss", "gemma", "whisper")

_PLAIN = frozenset({"input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok"})
# Prices that calls without images, sound and the like do not meet.
_UNMET = frozenset(
    {
        "cache_write_1h_mtok",
        "web_searches_kcount",
        "storage_searches_kcount",
        "input_audio_mtok",
        "input_image_mtok",
        "input_video_mtok",
        "cache_audio_read_mtok",
        "cache_image_read_mtok",
        "output_audio_mtok",
        "output_image_mtok",
        "output_video_mtok",
    }
)


_Minute = tuple[str | None, str, int]
_MINUTE_NS = 60_000_000_000
_MOST_MINUTES = 10_000


class Cost(NamedTuple):
    """US dollars and where the price came from; both None where there is none."""

    usd: float | None = None
    origin: str | None = None


UNPRICED = Cost()


class Prices:
    """Prices calls. `overrides` is the setting `prices`; raises UsageError where it is wrong.

    `genai-prices` is imported with the first call (0.3 s). Not for several threads at once.
    """

    def __init__(self, overrides: Mapping[str, Any] | None = None) -> None:
        self._overrides = parse_overrides(overrides or {})
        self._found: dict[tuple[str | None, str], tuple[Provider, ModelInfo] | None] = {}
        self._rates: dict[int, Rates | None] = {}
        self._minutes: dict[_Minute, tuple[ModelPrice, Rates | None] | None] = {}

    def cost(
        self, call: Quantities, *, model: str | None, provider: str | None, at_ns: int
    ) -> Cost:
        """What the call costs at the prices of `at_ns`; UNPRICED where nobody knows."""
        if not model or (call.input_tokens is None and call.output_tokens is None):
            return UNPRICED
        small = model.lower()
        for override in self._overrides:
            if override.fits(small, provider, at_ns):
                return Cost(override.rates.cost(call), OVERRIDE)
        usd = self._list_price(call, small, provider, at_ns)
        return UNPRICED if usd is None else Cost(usd, PRICES)

    def _list_price(
        self, call: Quantities, model: str, provider: str | None, at_ns: int
    ) -> float | None:
        minute = (provider, model, at_ns // _MINUTE_NS)
        if minute not in self._minutes:
            if len(self._minutes) >= _MOST_MINUTES:
                self._minutes.clear()
            self._minutes[minute] = self._price_at(*minute)
        found = self._minutes[minute]
        if found is None:
            return None
        price, rates = found
        if rates is not None and not call.has_media:
            return rates.cost(call)
        return _priced_by_library(price, call)

    def _price_at(
        self, provider: str | None, model: str, minute: int
    ) -> tuple[ModelPrice, Rates | None] | None:
        """The price in that minute since the epoch: prices change at whole minutes."""
        key = (provider, model)
        if key not in self._found:
            self._found[key] = self._find(model, provider)
        found = self._found[key]
        if found is None:
            return None
        price = found[1].get_prices(datetime.fromtimestamp(minute * 60, UTC))
        if id(price) not in self._rates:  # prices live as long as the data they stand in
            self._rates[id(price)] = _plain_rates(price)
        return price, self._rates[id(price)]

    def _find(self, model: str, provider: str | None) -> tuple[Provider, ModelInfo] | None:
        if provider is None:
            found = None if model.startswith(_OPEN_MODELS) else self._look_up(model, None)
            return found if found is not None and found[0].id in _CLOSED else None
        first = PROVIDER_IDS.get(provider, provider)
        for name in (first, _SECOND_IDS.get(first)):
            found = None if name is None else self._look_up(model, name)
            if found is not None:
                return found
        return None

    def _look_up(self, model: str, name: str | None) -> tuple[Provider, ModelInfo] | None:
        try:
            return self._data.find_provider_model(model, None, name, None)
        except LookupError:
            return None

    @cached_property
    def _data(self) -> DataSnapshot:
        from genai_prices.data_snapshot import get_snapshot

        return get_snapshot()


def _plain_rates(price: ModelPrice) -> Rates | None:
    """The price as four rates; None where it has more to it (tiers, a price a request)."""
    given = {name: value for name, value in vars(price).items() if value is not None}
    if not given.keys() & _PLAIN or not given.keys() <= _PLAIN | _UNMET:
        return None
    values = {name: given[name] for name in _PLAIN & given.keys()}
    if any(hasattr(value, "tiers") for value in values.values()):
        return None
    rate = {name: float(value) for name, value in values.items()}
    return Rates(
        rate.get("input_mtok"),
        rate.get("cache_read_mtok"),
        rate.get("cache_write_mtok"),
        rate.get("output_mtok"),
    )


def _priced_by_library(price: ModelPrice, call: Quantities) -> float | None:
    """US dollars by genai-prices' own rules, None where the model's tokens have no price."""
    from genai_prices import Usage

    given = {name for name, value in vars(price).items() if value is not None}
    has_input, has_output = "input_mtok" in given, "output_mtok" in given
    if (call.input_tokens and not has_input) or (call.output_tokens and not has_output):
        return None
    if (call.input_tokens is None and has_input) or (call.output_tokens is None and has_output):
        return None
    kinds = {
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cache_read_tokens": call.cache_read_tokens,
        "cache_write_tokens": call.cache_write_tokens,
        "output_reasoning_tokens": call.reasoning_tokens,
        "input_image_tokens": call.image_input_tokens,
        "input_audio_tokens": call.audio_input_tokens,
    }
    try:
        found = price.calc_price(Usage(**{kind: count for kind, count in kinds.items() if count}))
    except (ValueError, TypeError, LookupError):  # counts that contradict each other
        return None
    return float(found["total_price"])
