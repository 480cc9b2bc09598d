"""The latency model on the recorded H200 calls, over many held-out splits.

    python -m tests.benchmarks.latency_splits [--random 60]

Calls are held out by time (stretches of a quarter, a third, half), by length (every second, third
and fourth by output tokens) and at random (a third); the model is fitted on the others. Printed:
the predicted p50 and p95 over the measured ones, how often within 5 %, how often the interval of
each figure and of single calls holds. "Perfect model": how often the p50 and p95 of so few calls
come within 5 % of themselves when calls only scatter about what was predicted as they do here.
The splits are of the same few calls: they are not so many tests.

Then the same for a second recording of the model, on which nothing was chosen, with and without
what a new length costs.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.intervals import SEED, Floats
from latprobe.analysis.latency_model import CallColumns, LatencyModel, fit_latency
from latprobe.analysis.latency_model.model import columns_of
from latprobe.analysis.latency_model.part import DRAWS, Term
from latprobe.analysis.latency_model.robust_line import fit_line, fitted_times
from latprobe.analysis.spans import Ints
from tests.analysis.latency_model.h200_calls import h200_calls, h200_pipeline_calls

QUANTILES = (0.5, 0.95)
# Fewer than latprobe asks of its users; still fewer are not fitted.
FEWEST = 15
NEAR = 0.05
# Calls whose scatter is taken for that of one, by predicted time.
NEIGHBOURS = 13


@dataclass(frozen=True, slots=True)
class Split:
    """One split: figures of p50 and p95, and of single calls."""

    ratio: Floats
    is_inside: Floats
    width: Floats
    perfect: Floats
    calls_inside: float
    call_error: float


def splits(calls: CallColumns, *, random: int) -> Iterator[tuple[str, Ints]]:
    """A name and the rows held out."""
    count = len(calls)
    rng = np.random.default_rng(SEED)
    for size in (count // 4, count // 3, count // 2):
        for first in range(0, count - size + 1, max(size // 3, 1)):
            yield "time", np.arange(first, first + size)
    by_length = np.argsort(calls.output_tokens, kind="stable")
    for step in (2, 3, 4):
        for first in range(step):
            yield "length", np.sort(by_length[first::step])
    for _ in range(random):
        yield "random", np.sort(rng.choice(count, count // 3, replace=False))


def held_out(calls: CallColumns, rows: Ints, rng: np.random.Generator) -> Split | None:
    """The rows predicted from the others; None where the model is refused."""
    model = fit_latency(calls.take(np.setdiff1d(np.arange(len(calls)), rows)), fewest=FEWEST)
    if not isinstance(model, LatencyModel):
        return None
    columns = {term: column[rows] for term, column in columns_of(calls).items()}
    measured = calls.duration_ns[rows]
    real = np.quantile(measured, QUANTILES)
    said = times(model, columns)
    drawn = _drawn(model, columns, rng)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    perfect = _scattered(model, said, rng)
    ranges = [model.call_interval(value) for value in said.tolist()]
    inside = [
        one is not None and one.low <= took <= one.high
        for one, took in zip(ranges, measured.tolist(), strict=True)
    ]
    return Split(
        ratio=np.quantile(said, QUANTILES) / real,
        is_inside=((low <= real) & (real <= high)).astype(np.float64),
        width=high / low,
        perfect=np.mean(np.abs(perfect / np.median(perfect, axis=0) - 1) < NEAR, axis=0),
        calls_inside=float(np.mean(inside)),
        call_error=float(np.median(np.abs(said / measured - 1))),
    )


def times(model: LatencyModel, columns: dict[Term, Floats], draw: int | None = None) -> Floats:
    """What the model says of each call, under a draw of its coefficients if asked."""
    parts = (
        part.fitted(columns, None if draw is None else part.draws[draw]) for part in model.parts
    )
    return np.asarray(sum(parts, np.zeros(len(columns["constant"]))))


def _drawn(model: LatencyModel, columns: dict[Term, Floats], rng: np.random.Generator) -> Floats:
    """p50 and p95 that as many calls would have: coefficients and residuals drawn."""
    errors = (model.measured_ns - model.held_out_ns) / model.held_out_ns**model.spread_power
    found = []
    for draw in range(DRAWS):
        said = times(model, columns, draw)
        took = said + rng.choice(errors, len(said)) * said**model.spread_power
        found.append(np.quantile(np.maximum(took, 0), QUANTILES))
    return np.array(found)


def _scattered(model: LatencyModel, said: Floats, rng: np.random.Generator) -> Floats:
    """p50 and p95 of calls that scatter about what was predicted as calls of that length do."""
    scatter = model.measured_ns / model.held_out_ns
    apart = np.abs(np.log(model.held_out_ns)[None, :] - np.log(said)[:, None])
    near = np.argsort(apart, axis=1)[:, :NEIGHBOURS]
    rows = np.arange(len(said))
    chosen = rng.integers(0, near.shape[1], (DRAWS, len(said)))
    return np.quantile(said * scatter[near[rows, chosen]], QUANTILES, axis=1).T


def show(label: str, calls: CallColumns, *, random: int) -> None:
    """Prints the splits by kind."""
    found: dict[str, list[Split]] = defaultdict(list)
    refused = 0
    rng = np.random.default_rng(SEED)
    for kind, rows in splits(calls, random=random):
        one = held_out(calls, rows, rng)
        refused += one is None
        for key in (kind, "all"):
            if one is not None:
                found[key].append(one)
    print(f"{label}: {len(calls)} calls, {refused} splits refused")
    for kind, some in found.items():
        ratio = np.array([each.ratio for each in some])
        middle, near = np.median(ratio, axis=0), np.mean(np.abs(ratio - 1) < NEAR, axis=0)
        inside = np.mean([each.is_inside for each in some], axis=0)
        perfect = np.mean([each.perfect for each in some], axis=0)
        width = np.median([each.width for each in some], axis=0)
        print(
            f"  {kind:7}{len(some):3} splits: p50, p95 predicted / measured {middle[0]:.3f}, "
            f"{middle[1]:.3f}; within 5 % {near[0]:.0%}, {near[1]:.0%} (perfect model "
            f"{perfect[0]:.0%}, {perfect[1]:.0%}); inside {inside[0]:.0%}, {inside[1]:.0%} "
            f"(high / low {width[0]:.1f}, {width[1]:.1f}); calls inside "
            f"{np.mean([each.calls_inside for each in some]):.0%}, median error "
            f"{np.median([each.call_error for each in some]):.1%}"
        )


def new_lengths_again() -> None:
    """Blocks of four calls of the second recording, with and without the cost of new lengths."""
    calls = h200_pipeline_calls()
    columns = columns_of(calls)
    for terms in (("constant", "output"), ("constant", "output", "new_lengths")):
        design = np.column_stack([columns[term] for term in terms])
        said = np.empty(len(calls))
        for first in range(0, len(calls), 4):
            rows = np.arange(first, min(first + 4, len(calls)))
            others = np.setdiff1d(np.arange(len(calls)), rows)
            took = calls.duration_ns[others]
            said[rows] = fitted_times(design[rows], fit_line(design[others], took).line, took)
        ratio = np.quantile(said, QUANTILES) / np.quantile(calls.duration_ns, QUANTILES)
        print(f"second recording, {' + '.join(terms)}: p50 {ratio[0]:.3f}, p95 {ratio[1]:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", type=int, default=60)
    random = parser.parse_args().random
    show("streamed", h200_calls(), random=random)
    show("durations alone", h200_calls(is_streamed=False), random=random)
    show("second recording, durations alone", h200_pipeline_calls(), random=random)
    new_lengths_again()


if __name__ == "__main__":
    main()
