"""How often a gate is wrong: failing a program that did not change, passing one that did.

    python tests/benchmarks/gate.py [TRIALS]

Each trial compares two recordings of 300 requests of a kind of program. "Default" is a gate with a
baseline alone (p50, p95, both kinds of tokens, cost and errors together).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))

from latprobe.analysis.compare.comparison import compare_measured
from latprobe.analysis.compare.gate import judge
from latprobe.analysis.compare.limits import DEFAULT_LIMITS, Limit, parse_limit
from latprobe.analysis.compare.measured import Measured
from tests.analysis.compare.recordings import lognormal, recording

Floats = NDArray[np.float64]
REQUESTS = 300


def gamma(rng: np.random.Generator) -> Floats:
    """Durations of eight steps one after another."""
    return np.asarray(rng.gamma(8, 50, REQUESTS))


def with_outliers(rng: np.random.Generator) -> Floats:
    """4 % of the requests take three times as long."""
    return lognormal(REQUESTS, rng, sigma=0.2) * np.where(rng.random(REQUESTS) < 0.04, 3, 1)


def with_cache(rng: np.random.Generator) -> Floats:
    """30 % of the requests are answered from a cache."""
    return lognormal(REQUESTS, rng, sigma=0.15) * np.where(rng.random(REQUESTS) < 0.3, 0.3, 1)


PROGRAMS: dict[str, Callable[[np.random.Generator], Floats]] = {
    "lognormal, sigma 0.10": lambda rng: lognormal(REQUESTS, rng, sigma=0.1),
    "lognormal, sigma 0.25": lambda rng: lognormal(REQUESTS, rng),
    "lognormal, sigma 0.50": lambda rng: lognormal(REQUESTS, rng, sigma=0.5),
    "gamma, 8 steps": gamma,
    "4 % outliers of x3": with_outliers,
    "30 % cache hits": with_cache,
    "sigma 0.25, memory 0.5": lambda rng: lognormal(REQUESTS, rng, memory=0.5),
    "sigma 0.25, memory 0.8": lambda rng: lognormal(REQUESTS, rng, memory=0.8),
}
GATES: dict[str, Sequence[Limit]] = {
    "p50=+5%": [parse_limit("p50=+5%")],
    "p95=+5%": [parse_limit("p95=+5%")],
    "both": [parse_limit("p50=+5%"), parse_limit("p95=+5%")],
    "default": DEFAULT_LIMITS,
}
TRUTHS = (1.0, 1.03, 1.10)


def record(durations: Floats, rng: np.random.Generator) -> Measured:
    """A recording with noisy tokens (which a slower program does not change) and 2 % errors."""
    return recording(
        durations,
        input_tokens=np.round(1200 * np.exp(0.3 * rng.standard_normal(REQUESTS))),
        output_tokens=np.round(200 * np.exp(0.4 * rng.standard_normal(REQUESTS))),
        is_error=rng.random(REQUESTS) < 0.02,
    )


def failures(program: Callable[[np.random.Generator], Floats], factor: float, trials: int) -> str:
    """The share of failed trials of each gate."""
    rng = np.random.default_rng(7)
    failed = dict.fromkeys(GATES, 0)
    for _ in range(trials):
        before = record(program(rng), rng)
        after = record(program(rng) * factor, rng)
        found = compare_measured(before, after)
        for name, limits in GATES.items():
            failed[name] += judge(before, after, limits, comparison=found).has_failed
    return "".join(f"{count / trials:>10.1%}" for count in failed.values())


def main() -> None:
    """Prints a table of the share of failed gates."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"Share of gates that fail, {trials} trials of {REQUESTS} requests on each side")
    print(f"{'program':<26}{'truth':>7}" + "".join(f"{name:>10}" for name in GATES))
    started = time.process_time()
    for name, program in PROGRAMS.items():
        for factor in TRUTHS:
            print(f"{name:<26}{factor - 1:>+7.0%}{failures(program, factor, trials)}", flush=True)
    total = len(PROGRAMS) * len(TRUTHS) * trials
    print(f"{(time.process_time() - started) / total * 1000:.0f} ms CPU a comparison")


if __name__ == "__main__":
    main()
