"""Prices that the user gave in `[tool.latprobe.prices]`: by model, from a date on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from fnmatch import fnmatchcase
from typing import Any

from latprobe.errors import UsageError
from latprobe.tokens.rates import Rates

_RATES = {
    "input_usd_per_mtok": "input_usd",
    "cache_read_usd_per_mtok": "cache_read_usd",
    "cache_write_usd_per_mtok": "cache_write_usd",
    "output_usd_per_mtok": "output_usd",
}
_KEYS = (*_RATES, "from", "provider")
_MOST_USD = 1e9


@dataclass(frozen=True, slots=True)
class Override:
    """A price in force from a moment on. `pattern` is a model's name with shell wildcards, in
    small letters; `provider` None means any."""

    pattern: str
    provider: str | None
    from_ns: int
    rates: Rates

    def fits(self, model: str, provider: str | None, at_ns: int) -> bool:
        """Whether it is the price of a call at that time."""
        return (
            at_ns >= self.from_ns
            and (self.provider is None or self.provider == provider)
            and fnmatchcase(model, self.pattern)
        )


def parse_overrides(table: Mapping[str, Any]) -> tuple[Override, ...]:
    """The overrides, the one to prefer first: exact names, long patterns, late dates.

    A model has one table, or a list of them with dates. Raises UsageError naming the key.
    """
    if not isinstance(table, Mapping):
        raise UsageError(f"prices is {table!r}; write a table a model: {_EXAMPLE}")
    found: list[Override] = []
    for model, value in table.items():
        entries = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        found.extend(_override(str(model), entry) for entry in entries)
    return tuple(
        sorted(found, key=lambda o: ("*" in o.pattern or "?" in o.pattern, -len(o.pattern),
                                     o.provider is None, -o.from_ns))
    )  # fmt: skip


_EXAMPLE = '[tool.latprobe.prices."my-model"] input_usd_per_mtok = 0.5'


def _override(model: str, entry: Any) -> Override:
    where = f'prices."{model}"'
    if not isinstance(entry, Mapping):
        raise UsageError(f"{where} is {entry!r}; write a table: {_EXAMPLE}")
    unknown = sorted(set(map(str, entry)) - set(_KEYS))
    if unknown:
        raise UsageError(
            f"{where} has unknown keys: {', '.join(unknown)}. Known keys: {', '.join(_KEYS)}."
        )
    rates = {
        field: _rate(f"{where}.{key}", entry[key]) for key, field in _RATES.items() if key in entry
    }
    if not rates:
        raise UsageError(f"{where} has no price; write input_usd_per_mtok, output_usd_per_mtok.")
    provider = entry.get("provider")
    if provider is not None and not isinstance(provider, str):
        raise UsageError(f"{where}.provider is {provider!r}; write text.")
    from_ns = _moment_ns(f"{where}.from", entry["from"]) if "from" in entry else 0
    return Override(model.lower(), provider.lower() if provider else None, from_ns, Rates(**rates))


def _rate(where: str, value: Any) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and 0 <= value < _MOST_USD:  # NaN is neither
        return float(value)
    raise UsageError(f"{where} is {value!r}; write US dollars for a million tokens, like 2.5.")


def _moment_ns(where: str, value: Any) -> int:
    """The start of the day (UTC), or the moment that is said."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, date) and not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        if isinstance(moment, datetime):
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(int(moment.timestamp()) * 1_000_000_000, 0)
    except (ValueError, OverflowError):
        pass
    raise UsageError(f"{where} is {value!r}; write a date, like 2026-01-31.")
