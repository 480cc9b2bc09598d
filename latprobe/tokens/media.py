"""Tokens of images, sounds and videos, by their vendors' formulas; what was billed always wins."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from importlib import resources
from typing import Any

from latprobe.tokens import media_formulas as formulas
from latprobe.tokens.models import plain_name
from latprobe.tokens.part import Media

# Larger than any format's or vendor's limit; beyond it, a size is a fault and no size.
MAX_SIDE_PX = 100_000
MAX_DURATION_S = 1_000_000.0


@dataclass(frozen=True, slots=True)
class MediaTokens:
    """A medium's tokens by a formula: never measured, so always estimated.

    `tokens` is None where its size or duration is not known, or cannot be right: then `problem`
    says so. `expected_error` is relative, None where nobody measured it.
    """

    tokens: int | None
    is_estimated: bool
    expected_error: float | None
    source: str
    confidence: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    kind: str
    pattern: re.Pattern[str]
    values: Mapping[str, Any]


def media_tokens(
    media: Media, model: str | None, provider: str | None = None, *, side: str = "input"
) -> MediaTokens | None:
    """Gives what a medium costs with a model; None where no formula is known.

    What a model makes is told for sounds alone: the formulas of images are of those it is shown.
    """
    name = plain_name(model or "")
    for row in _table():
        if row.kind == media.kind and row.pattern.match(name):
            if side != "input" and f"{side}_per_s" not in row.values:
                return None
            return _estimate(media, row.values, side)
    return None


def _estimate(media: Media, row: Mapping[str, Any], side: str) -> MediaTokens:
    problem = _problem(media)
    tokens = None if problem else _FORMULAS[row["formula"]](media, row, side)
    confidence = row["confidence"]
    if "over_cap_confidence" in row and tokens is not None and _is_over_cap(media, row):
        confidence = row["over_cap_confidence"]
    return MediaTokens(
        tokens=tokens,
        is_estimated=True,
        expected_error=row.get("expected_error"),
        source=f"{row['source']} (read {row['read']})" if "read" in row else row["source"],
        confidence=confidence,
        problem=problem,
    )


def _problem(media: Media) -> str | None:
    """Says which size or duration cannot be right; None if all that is known can be."""
    if not all(side is None or 0 < side <= MAX_SIDE_PX for side in (media.width, media.height)):
        return f"{media.width} x {media.height} pixels is no size"
    duration_s = media.duration_s
    if duration_s is not None and not 0 < duration_s <= MAX_DURATION_S:  # NaN is neither
        return f"{duration_s} s is no duration"
    return media.problem


def _is_over_cap(media: Media, row: Mapping[str, Any]) -> bool:
    patches = math.ceil((media.width or 0) / 32) * math.ceil((media.height or 0) / 32)
    return patches > int(row["cap"])


def _tiles(media: Media, row: Mapping[str, Any], side: str) -> int | None:
    if media.detail == "low":  # whatever the size
        return int(row["base"])
    size = _size(media)
    return size and formulas.tiles(*size, base=int(row["base"]), tile=int(row["tile"]))


def _budget(media: Media, row: Mapping[str, Any], side: str) -> int | None:
    detail = (media.detail or "").lower().removeprefix("media_resolution_")
    return int(row["budgets"].get(detail, row["default"]))


def _per_second(media: Media, row: Mapping[str, Any], side: str) -> int | None:
    rate = row.get(f"{side}_per_s")
    if media.duration_s is None or rate is None:
        return None
    return math.ceil(round(media.duration_s * float(rate), 6))


def _by_size(
    formula: Callable[..., int], *names: str
) -> Callable[[Media, Mapping[str, Any], str], int | None]:
    def tokens(media: Media, row: Mapping[str, Any], side: str) -> int | None:
        size = _size(media)
        return size and formula(*size, **{name: row[name] for name in names})

    return tokens


def _size(media: Media) -> tuple[int, int] | None:
    if media.width is None or media.height is None:
        return None
    return media.width, media.height


_FORMULAS: dict[str, Callable[[Media, Mapping[str, Any], str], int | None]] = {
    "tiles": _tiles,
    "budget": _budget,
    "per_second": _per_second,
    "patches": _by_size(formulas.patches, "multiplier", "cap"),
    "grid": _by_size(formulas.grid, "cell", "cap", "long_edge"),
    "gemini_tiles": _by_size(formulas.gemini_tiles, "tile", "small", "side"),
    "resized_grid": _by_size(formulas.resized_grid, "cell", "min_pixels", "max_pixels"),
}


@cache
def _table() -> tuple[_Row, ...]:
    text = resources.files("latprobe.tokens").joinpath("data", "media.toml").read_text("utf-8")
    return tuple(
        _Row(row["kind"], re.compile(translate(pattern)), row)
        for row in tomllib.loads(text)["medium"]
        for pattern in row["models"]
    )
