"""The latency model: held-out errors on the H200 calls, coverage and false models on simulated
calls, and CPU time for 100,000 calls of 30 templates.

PYTHONPATH=. python tests/benchmarks/latency_model.py [--cases 40]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from latprobe.analysis.latency_model import (
    LatencyModel,
    TokenChange,
    call_columns,
    changed_calls,
    fit_latency,
)
from latprobe.analysis.latency_model.part import DRAWS
from latprobe.analysis.refusal import Refusal
from tests.analysis.latency_model.h200_calls import h200_calls, held_out
from tests.analysis.latency_model.simulated_calls import Noise, simulated

NOISES: tuple[Noise, ...] = ("calm", "lognormal", "outliers", "drifting", "cold")
QUANTILES = (0.5, 0.95)
TEMPLATES = 30
CALLS = 100_000
NOISE_SETS = 200


def h200() -> None:
    """Blocks of four calls predicted from the other 36."""
    for is_streamed in (True, False):
        found = held_out(h200_calls(is_streamed=is_streamed), block=4)
        error = found.relative_error
        print(
            f"H200, {'streamed' if is_streamed else 'durations alone'}: held-out error median "
            f"{np.median(error):.1%}, p90 {np.quantile(error, 0.9):.1%}; "
            f"interval covers {found.coverage:.1%} of {len(error)}"
        )


def truth(cases: int) -> None:
    """Half of the output, on the recorded calls."""
    for noise in NOISES:
        for count in (60, 300):
            for is_streamed in (True, False):
                _truth(noise, count, cases, is_streamed=is_streamed)


def _truth(noise: Noise, count: int, cases: int, *, is_streamed: bool) -> None:
    errors, covered = [], []
    for seed in range(cases):
        run = simulated(noise, count=count, seed=seed, is_streamed=is_streamed)
        model = fit_latency(run.calls)
        if isinstance(model, Refusal):
            continue
        changed = changed_calls(model, run.calls, TokenChange(output_factor=0.5))
        if isinstance(changed, Refusal):
            continue
        duration = run.calls.duration_ns
        real = np.quantile(run.half_output_ns, QUANTILES)
        errors.append(np.abs(np.quantile(duration - changed.saved_ns(), QUANTILES) / real - 1))
        draws = [np.quantile(duration - changed.saved_ns(k), QUANTILES) for k in range(DRAWS)]
        low, high = np.quantile(draws, [0.025, 0.975], axis=0)
        covered.append((low <= real) & (real <= high))
    if not errors:
        print(f"{noise:9} {count} calls: all refused")
        return
    error, cover = np.median(errors, axis=0), np.mean(covered, axis=0)
    print(
        f"{noise:9} {count:3} calls {'streamed' if is_streamed else 'durations':9}: answered "
        f"{len(errors)}/{cases}, error p50 {error[0]:.1%} p95 {error[1]:.1%}, "
        f"covered p50 {cover[0]:.0%} p95 {cover[1]:.0%}"
    )


def pure_noise() -> None:
    """Times that no token moves."""
    for is_streamed in (True, False):
        false = 0
        for seed in range(NOISE_SETS):
            rng = np.random.default_rng([seed, 5])
            count = int(rng.choice([60, 150, 400]))
            first, rest = (ms * np.exp(0.4 * rng.standard_normal(count)) for ms in (300, 2000))
            found = fit_latency(
                call_columns(
                    duration_ns=(first + rest) * 1e6,
                    input_tokens=np.rint(rng.lognormal(7, 0.8, count)),
                    output_tokens=np.rint(rng.lognormal(4.8, 0.6, count)),
                    ttft_ns=first * 1e6 if is_streamed else None,
                )
            )
            if isinstance(found, LatencyModel):
                false += any(slope.finding == "matters" for slope in found.slopes)
        print(f"pure noise: {false} false models in {NOISE_SETS}")


def speed() -> None:
    """CPU time of this thread: other processes do not count."""
    for is_streamed in (True, False):
        runs = [
            simulated("lognormal", count=CALLS // TEMPLATES, seed=seed, is_streamed=is_streamed)
            for seed in range(TEMPLATES)
        ]
        start = time.thread_time()
        for run in runs:
            fit_latency(run.calls)
        took = time.thread_time() - start
        print(f"{CALLS:,} calls of {TEMPLATES} templates: {took:.1f} s of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=40)
    h200()
    speed()
    pure_noise()
    truth(parser.parse_args().cases)


if __name__ == "__main__":
    main()
