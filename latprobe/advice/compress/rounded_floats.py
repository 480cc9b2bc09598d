"""Fractions of many digits rounded to six: near, each within five in ten million of itself."""

from __future__ import annotations

import math
from typing import Any

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.exact_json import encode

name = "json_round_floats"

DIGITS = 6
# Half a unit in the last of six digits, of the smallest number with that many.
MAX_RELATIVE_CHANGE = 5e-6


def candidates(text: str, context: Context) -> list[Candidate]:
    """The JSON with rounded fractions; none where all are short."""
    if not context.is_json:
        return []
    changes: list[float] = []
    value = _rounded(context.value, changes)
    if not changes or max(changes) > MAX_RELATIVE_CHANGE:
        return []
    check = Check(
        f"{len(changes)} fractions rounded to {DIGITS} digits; each was compared, the largest "
        f"relative change is {max(changes):.1e}"
    )
    made = encode(value, is_spelled=context.is_spelled)
    return [Candidate(made, (name,), "near", check, value=value)]


def _rounded(value: Any, changes: list[float]) -> Any:
    if type(value) is float:
        short = float(f"{value:.{DIGITS}g}")
        if short == value or not math.isfinite(short):
            return value
        changes.append(abs(short - value) / abs(value))
        return short
    if isinstance(value, dict):
        return {key: _rounded(item, changes) for key, item in value.items()}
    return [_rounded(item, changes) for item in value] if isinstance(value, list) else value
