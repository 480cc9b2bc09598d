"""Calls whose times follow their tokens by a known rule, and the same calls with other tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from latprobe.analysis.intervals import Floats
from latprobe.analysis.latency_model import CallColumns, call_columns

Noise = Literal["calm", "lognormal", "outliers", "drifting", "cold"]

MS = 1e6
CONSTANT_MS = 200.0
OUTPUT_MS = 20.0


@dataclass(frozen=True, slots=True)
class Simulated:
    """Recorded calls, and how long each would have taken with half of its tokens."""

    calls: CallColumns
    half_output_ns: Floats
    half_input_ns: Floats


def simulated(
    noise: Noise,
    *,
    count: int,
    seed: int,
    is_streamed: bool = True,
    input_ms: float = 0.15,
    output_ms: float = OUTPUT_MS,
    is_collinear: bool = False,
) -> Simulated:
    """`count` calls of 200 ms + input_ms * input until the first token, then output_ms each."""
    rng = np.random.default_rng([seed, count])
    read = np.rint(rng.lognormal(7, 0.8, count))
    made = np.rint(rng.lognormal(4.8, 0.6, count)) + 2
    if is_collinear:
        made = np.rint(read / 8 * np.exp(0.05 * rng.standard_normal(count))) + 2
    first, rest = (_noise(noise, count, rng) for _ in range(2))
    if noise == "drifting":
        load = np.exp(0.3 * _autoregressive(count, 0.95, rng))
        first, rest = first * load, rest * load
    warm_up = np.zeros(count)
    if noise == "cold":
        warm_up[:3] = 20_000, 8_000, 4_000

    def took(read: Floats, made: Floats) -> tuple[Floats, Floats]:
        until_first = (CONSTANT_MS + input_ms * read) * first + warm_up
        return until_first * MS, (until_first + output_ms * made * rest) * MS

    ttft, duration = took(read, made)
    calls = call_columns(
        duration_ns=duration,
        input_tokens=read,
        output_tokens=made,
        ttft_ns=ttft if is_streamed else None,
    )
    return Simulated(calls, took(read, made / 2)[1], took(read / 2, made)[1])


def _noise(noise: Noise, count: int, rng: np.random.Generator) -> Floats:
    factor = np.exp((0.05 if noise in ("calm", "cold") else 0.25) * rng.standard_normal(count))
    if noise == "outliers":
        factor *= np.where(rng.random(count) < 0.05, rng.uniform(2, 10, count), 1)
    return np.asarray(factor)


def _autoregressive(count: int, correlation: float, rng: np.random.Generator) -> Floats:
    steps = rng.standard_normal(count) * np.sqrt(1 - correlation**2)
    series = np.empty(count)
    series[0] = rng.standard_normal()
    for at in range(1, count):
        series[at] = correlation * series[at - 1] + steps[at]
    return series
