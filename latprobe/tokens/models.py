"""Which encoding counts a model's tokens, how good that is, and what its chat template adds."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fnmatch import translate
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ChatOverhead:
    """Tokens that a chat template adds; `reply` once a call."""

    per_message: int
    per_name: int
    reply: int


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """How a model's tokens are counted: the encoding's count times the ratio.

    `expected_error` (mean) and `p95_error` are relative: measured, or the table's bound where the
    ratio never was, which `reason` says; 0.0 for an exact encoding. `reason` says why the count is
    not exact, None if it is. `overhead` is None where it is not known or there is none.
    """

    encoding: str
    ratio: float
    is_exact: bool
    expected_error: float
    p95_error: float
    family: str
    overhead: ChatOverhead | None = None
    reason: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class _Table:
    rows: tuple[tuple[re.Pattern[str], Tokenizer], ...]
    providers: Mapping[str, Tokenizer]
    unknown: Tokenizer


_WRAPPING = re.compile(
    r"^(?:(?:us|eu|ap|apac|au|ca|jp|us-gov|global)\.)?"
    r"(?:(?:anthropic|openai|meta|mistral|amazon|cohere|ai21|deepseek|qwen|google|moonshot"
    r"|moonshotai|minimax|nvidia|writer|zai|stability)\.)?"
)


def resolve(model: str | None, provider: str | None = None) -> Tokenizer:
    """Gives the way to count for a model as it is called anywhere: by its vendor, a cloud, a hub.

    A name that is not in the table is counted as o200k, not exactly, and of the provider's family.
    """
    return _resolve(model or "", provider or "")


def plain_name(model: str) -> str:
    """Takes off what clouds, hubs and fine-tuning put before a model's name; small letters."""
    name = model.strip().lower().replace("\\", "/").rstrip("/")
    name = name.rpartition("/")[2]
    name = name.removeprefix("ft:")
    return _WRAPPING.sub("", name)


@lru_cache(maxsize=1024)
def _resolve(model: str, provider: str) -> Tokenizer:
    table = _table()
    name = plain_name(model)
    for pattern, tokenizer in table.rows:
        if pattern.match(name):
            return tokenizer
    return table.providers.get(provider.lower(), table.unknown)


@cache
def _table() -> _Table:
    text = resources.files("latprobe.tokens").joinpath("data", "models.toml").read_text("utf-8")
    table = tomllib.loads(text)
    defaults = table["defaults"]
    overheads = {
        name: ChatOverhead(row["per_message"], row["per_name"], row["reply"])
        for name, row in table["overheads"].items()
    }
    rows = tuple(
        (re.compile(translate(pattern)), _tokenizer(row, defaults, overheads))
        for row in table["model"]
        for pattern in row["models"]
    )
    unknown = {
        "encoding": defaults["encoding"],
        "family": "unknown",
        "reason": defaults["unknown_reason"],
    }
    providers = {
        name: _tokenizer({**unknown, **row}, defaults, overheads)
        for name, row in table["providers"].items()
    }
    return _Table(rows, providers, _tokenizer(unknown, defaults, overheads))


def _tokenizer(
    row: dict[str, Any], defaults: dict[str, Any], overheads: dict[str, ChatOverhead]
) -> Tokenizer:
    is_exact = row.get("is_exact", False)
    is_measured = "expected_error" in row
    reason = row.get("reason", defaults["ratio_reason" if is_measured else "reason"])
    return Tokenizer(
        encoding=row.get("encoding", defaults["encoding"]),
        ratio=row.get("ratio", 1.0),
        is_exact=is_exact,
        expected_error=0.0 if is_exact else row.get("expected_error", defaults["expected_error"]),
        p95_error=0.0 if is_exact else row.get("p95_error", defaults["p95_error"]),
        family=row["family"],
        overhead=overheads[row["overhead"]] if "overhead" in row else None,
        reason=None if is_exact else reason,
        source=row.get("source"),
    )
