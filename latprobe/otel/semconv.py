"""A span's attributes as columns of the store. The names stand in `names`, as data."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from latprobe.otel import names
from latprobe.otel.names import OPERATION_MODALITIES, SHORT_NAMES
from latprobe.otel.token_sums import Counts, settle

__all__ = ["MAX_COUNT", "OPERATION_MODALITIES", "Promoted", "promote"]

# A count over this cannot be meant, and the sums over any store stay within 63 bits below it.
MAX_COUNT = 1 << 40
MAX_NS = 1 << 62
_ADDED_TOKENS = ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "total_tokens")


class Promoted(NamedTuple):
    """What an attribute mapping says in columns. Counts in tokens, None where nothing is said.

    `input_tokens` includes the cached tokens and `output_tokens` the reasoning, whatever the
    provider's habit; `uncached_input_tokens` and `problem` are `token_sums.Sums`'. `origin` is
    where the token counts came from: "provider" for gen_ai.* and the like, "stage" for latprobe's
    short names. `first_chunk_at_ns` is a time since the epoch. `rest` is what stays in the
    attributes.
    """

    rest: Mapping[str, object]
    model: str | None = None
    provider: str | None = None
    operation: str | None = None
    error_type: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None
    uncached_input_tokens: int | None = None
    problem: str | None = None
    cost_usd: float | None = None
    ttft_ns: int | None = None
    first_chunk_at_ns: int | None = None
    queue_ns: int | None = None
    prefill_ns: int | None = None
    decode_ns: int | None = None
    origin: str | None = None


def promote(attributes: Mapping[str, object]) -> Promoted:
    """Columns from attributes. Values that cannot be meant (negative, text, NaN, absurdly large)
    give None and stay in `rest`."""
    values: dict[str, Any] = {}
    ranks: dict[str, int] = {}
    rest: Mapping[str, object] = attributes
    origin: str | None = None
    has_undefined = False
    find = _RULES.get
    for name, value in attributes.items():
        rule = find(name)
        if rule is None:
            continue
        column, rank, read, source, is_undefined = rule
        clean = read(value)
        if clean is None:
            continue
        if source is not None:
            if origin != "provider":
                origin = source
            has_undefined = has_undefined or is_undefined
        if name in SHORT_NAMES:
            if rest is attributes:
                rest = dict(attributes)
            del rest[name]  # type: ignore[attr-defined]  # the copy made above
        if column not in values or rank < ranks[column]:
            values[column] = clean
            ranks[column] = rank
    excludes = False
    if _USAGE_JSON in values:
        excludes = _spread_usage(values)
        origin = "provider"
    if origin is not None:
        _settle(values, has_undefined=has_undefined, excludes=excludes)
    return Promoted(rest, origin=origin, **values)


def _settle(values: dict[str, Any], *, has_undefined: bool, excludes: bool) -> None:
    given = values.get("input_tokens")
    if values.keys().isdisjoint(_ADDED_TOKENS):
        values["uncached_input_tokens"] = given
        return
    output = values.get("output_tokens")
    if given is None and output is None:
        return
    sums = settle(
        Counts(
            given,
            output,
            values.get("cache_read_tokens", 0) + values.get("cache_write_tokens", 0),
            values.get("reasoning_tokens", 0),
            values.get("total_tokens"),
            values.get("provider"),
            values.get("model"),
            has_undefined,
            excludes,
        )
    )
    values["input_tokens"], values["output_tokens"] = sums.input_tokens, sums.output_tokens
    values["uncached_input_tokens"], values["problem"] = sums.uncached_input_tokens, sums.problem


def _spread_usage(values: dict[str, Any]) -> bool:
    """Langfuse's usage object as counts; True if its input is the part that was not cached.

    Its own key `input` is one bucket among several, which do not overlap.
    """
    usage = values.pop(_USAGE_JSON)
    has_own_input = "input_tokens" not in values
    for column, keys in names.USAGE_JSON_KEYS.items():
        for key in keys:
            count = _count(usage.get(key))
            if count is not None:
                values.setdefault(column, count)
                break
    return has_own_input and "input" in usage


def _text(value: object) -> str | None:
    if type(value) is not str or not value:
        return None
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _words(name: str) -> Callable[[object], str | None]:
    """Reads an operation, in the words of gen_ai.operation.name."""
    known = names.OPERATION_WORDS.get(name, {})

    def read(value: object) -> str | None:
        text = _text(value)
        if text is None:
            return None
        return known.get(text.lower(), text.lower()) or None

    return read


def _provider(value: object) -> str | None:
    text = _text(value)
    if text is None:
        return None
    text = text.lower()
    for suffix in names.PROVIDER_SUFFIXES:
        text = text.removesuffix(suffix)
    return names.PROVIDER_WORDS.get(text, text)


def _count(value: object) -> int | None:
    return _whole(value, MAX_COUNT)


def _whole(value: object, most: int) -> int | None:
    if type(value) is int and 0 <= value <= most:
        return value
    if type(value) is float and value.is_integer() and 0 <= value <= most:
        return int(value)
    return None


def _cost(value: object) -> float | None:
    if type(value) in (int, float) and 0 <= value < 1e12:  # type: ignore[operator]  # a number
        return float(value)  # type: ignore[arg-type]  # a number
    return None


def _seconds(value: object) -> int | None:
    seconds = _cost(value)
    if seconds is None or not math.isfinite(seconds) or seconds > MAX_NS / 1e9:
        return None
    return round(seconds * 1e9)


def _milliseconds(value: object) -> int | None:
    milliseconds = _cost(value)
    return None if milliseconds is None else _seconds(milliseconds / 1e3)


def _strands_ttft(value: object) -> int | None:
    return _milliseconds(value) if type(value) is int else _seconds(value)


def _moment(value: object) -> int | None:
    """Nanoseconds since the epoch, of an ISO 8601 text, of seconds or of nanoseconds."""
    if type(value) is int:
        return _whole(value if value > 1e12 else value * 1_000_000_000, MAX_NS)
    if type(value) is float:
        return _seconds(value)
    text = _text(value)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.strip('"'))
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
    return _whole(ns, MAX_NS)


def _flat_json(value: object) -> dict[str, object] | None:
    """A JSON object, or its text, with the keys of objects in it behind a dot."""
    if type(value) is str:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, dict):
        return None
    flat: dict[str, object] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat.update({f"{key}.{inner}": count for inner, count in item.items()})
        else:
            flat[str(key)] = item
    return flat


def _json_cost(value: object) -> float | None:
    costs = _flat_json(value)
    return None if costs is None else _cost(costs.get("total"))


# Column, rank among its names, reader, where counts of that name come from (None for what is no
# count), and whether it is one of UNDEFINED_CACHE_NAMES.
_Rule = tuple[str, int, Callable[[object], object], str | None, bool]
_USAGE_JSON = "usage_json"


def _rules() -> dict[str, _Rule]:
    rules: dict[str, _Rule] = {}

    def add(column: str, spellings: tuple[str, ...], read: Callable[[object], object]) -> None:
        start = sum(1 for rule in rules.values() if rule[0] == column)
        for rank, name in enumerate(spellings, start):
            source = ("provider" if "." in name else "stage") if read is _count else None
            rules[name] = (column, rank, read, source, name in names.UNDEFINED_CACHE_NAMES)

    add("model", names.TEXT_NAMES["model"], _text)
    add("error_type", names.TEXT_NAMES["error_type"], _text)
    add("provider", names.TEXT_NAMES["provider"], _provider)
    for spelling in names.TEXT_NAMES["operation"]:
        add("operation", (spelling,), _words(spelling))
    for column, spellings in names.COUNT_NAMES.items():
        add(column, spellings, _count)
    add("cost_usd", names.COST_NAMES, _cost)
    add("cost_usd", (names.COST_JSON_NAME,), _json_cost)
    for column, spellings in names.SECOND_NAMES.items():
        add(column, spellings, _seconds)
    for column, spellings in names.MILLISECOND_NAMES.items():
        add(column, spellings, _milliseconds)
    add("ttft_ns", (names.STRANDS_TTFT,), _strands_ttft)
    for column, spellings in names.MOMENT_NAMES.items():
        add(column, spellings, _moment)
    add(_USAGE_JSON, (names.USAGE_JSON_NAME,), _flat_json)
    return rules


_RULES = _rules()
