"""What a gate allows: `p95=+5%` against a baseline, `p95_ms=800` by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite

from latprobe.analysis.compare.figures import METRICS
from latprobe.errors import UsageError

_ALIASES = {
    "p50": "p50_ms",
    "p95": "p95_ms",
    "latency": "p95_ms",
    "input": "input_tokens",
    "output": "output_tokens",
    "cost": "cost_usd",
    "errors": "error_share",
    "error_rate": "error_share",
    "throughput": "throughput_per_s",
}
_PERCENT = re.compile(r"([+-]?)(\d+(?:\.\d+)?)\s*%")
_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e-?\d+)?)(%?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a figure may get worse: 0.05 is 5 %, of error_share 5 points; `stage` None: of the
    whole request."""

    metric: str
    worse_by: float
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a figure may be, in the unit of its metric; a throughput: at least."""

    metric: str
    value: float
    stage: str | None = None


# Used when a gate is given a baseline and nothing else. Errors in points.
DEFAULT_LIMITS = (
    Limit("p50_ms", 0.05),
    Limit("p95_ms", 0.10),
    Limit("input_tokens", 0.05),
    Limit("output_tokens", 0.10),
    Limit("cost_usd", 0.10),
    Limit("error_share", 0.01),
)


def parse_limit(text: str) -> Limit:
    """`p95=+5%`, `llm.answer:output_tokens=+10%`, `throughput=-5%`. Raises UsageError."""
    stage, metric, value = _parts(text, option="--max", example="p95=+5%")
    found = _PERCENT.fullmatch(value)
    if found is None or not isfinite(float(found[2])):
        raise UsageError(
            f"--max {text!r}: {value!r} is not a change; write a percentage, as in p95=+5%."
        )
    if metric == "throughput_per_s":
        if found[1] == "+":
            raise UsageError(f"--max {text!r}: throughput may fall; write throughput=-5%.")
    elif found[1] == "-":
        raise UsageError(
            f"--max {text!r}: this figure may rise by at most so much; write {metric}=+{found[2]}%."
        )
    return Limit(metric, float(found[2]) / 100, stage)


def parse_budget(text: str) -> Budget:
    """`p95_ms=800`, `output_tokens=300`, `errors=1%`. Raises UsageError."""
    stage, metric, value = _parts(text, option="--budget", example="p95_ms=800")
    found = _NUMBER.fullmatch(value.removesuffix("ms") if metric.endswith("_ms") else value)
    is_read = found is not None and isfinite(float(found[1]))
    if found is None or not is_read or (found[2] and metric != "error_share"):
        raise UsageError(
            f"--budget {text!r}: {value!r} is not an amount; write a number, as in p95_ms=800."
        )
    return Budget(metric, float(found[1]) / (100 if found[2] else 1), stage)


def _parts(text: str, *, option: str, example: str) -> tuple[str | None, str, str]:
    name, equals, value = text.rpartition("=")
    if not equals or not name.strip() or not value.strip():
        raise UsageError(f"{option} {text!r} has no value; write it as in {option} {example}.")
    stage, _, metric = name.strip().rpartition(":")
    known = _ALIASES.get(metric, metric)
    if known not in METRICS:
        near = get_close_matches(metric, (*METRICS, *_ALIASES), n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(METRICS)}."
        raise UsageError(f"{option} {text!r}: there is no metric {metric!r}. {hint}")
    if stage and known == "throughput_per_s":
        raise UsageError(f"{option} {text!r}: throughput is of whole requests, not of a stage.")
    return stage or None, known, value.strip()
