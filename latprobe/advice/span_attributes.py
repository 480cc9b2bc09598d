"""Attributes of the sampled spans."""

from __future__ import annotations

import json
from collections.abc import Sequence

from latprobe.advice.context import SampledSpans
from latprobe.analysis.cache.traffic import INPUT_NAMES

# What a tool was called with, in the words of gen_ai, OpenInference, Sentry and pydantic-ai.
ARGUMENTS = (
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.input",
    "tool_call.function.arguments",
    "tool.parameters",
    "tool_arguments",
)


def attribute(sampled: SampledSpans, names: Sequence[str]) -> dict[int, object]:
    """The first of these attributes that a span has, by its row; rows without any are left out."""
    found: dict[int, object] = {}
    for row, text in enumerate(sampled.column("attributes")):
        # Parsing is what costs: most spans do not hold the name.
        if not isinstance(text, str) or not any(name in text for name in names):
            continue
        values = json.loads(text)
        for name in names:
            if values.get(name) is not None:
                found[row] = values[name]
                break
    return found


def number(sampled: SampledSpans, names: Sequence[str]) -> dict[int, float]:
    """The same, where it is a number or a text of one."""
    found = {}
    for row, value in attribute(sampled, names).items():
        try:
            found[row] = float(value)  # type: ignore[arg-type]  # refused below
        except (TypeError, ValueError):
            continue
    return found


def inputs(sampled: SampledSpans) -> dict[int, str]:
    """What a span was given, or its hash, by its row, where it says so."""
    found = attribute(sampled, (*INPUT_NAMES, *ARGUMENTS))
    return {row: str(value) for row, value in found.items()}
