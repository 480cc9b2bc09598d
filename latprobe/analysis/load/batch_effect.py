"""What a larger batch costs and saves: a call's duration against how many things it worked on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.counted import counted
from latprobe.analysis.intervals import (
    DRAWS,
    SEED,
    Estimate,
    block_draws,
    block_length,
    interval_of,
)
from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.spans import Ints

FEWEST_CALLS = 30
# A batch size is shown where so many calls had it; the smallest and the largest shown must differ
# by this factor.
FEWEST_OF_A_SIZE = 5
SMALLEST_SPREAD = 1.5
MAX_SIZES_SHOWN = 8

_ROUNDS = 15

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SizeTime:
    """Calls of one batch size: their median, as a whole and an item."""

    size: int
    calls: int
    p50_ms: float
    per_item_ms: float


@dataclass(frozen=True, slots=True)
class BatchEffect:
    """duration = `base_ms` + `item_ms` * size, a robust line through all calls.

    `per_item_saved` (0..1) is what an item takes less at the largest size shown than at the usual
    one, from the line; its interval includes 0 where batching is not seen to save anything.
    `fill_ms` is how long a batch of the largest size takes to come together at the recorded rate;
    None where that is not known.
    """

    calls: int
    usual_size: int
    largest_size: int
    sizes: tuple[SizeTime, ...]
    base_ms: Estimate
    item_ms: Estimate
    per_item_saved: Estimate
    fill_ms: float | None
    notes: tuple[str, ...]


def find_batch_effect(calls: StageCalls, *, seed: int = SEED) -> BatchEffect | Refusal | None:
    """The line through the calls and what each size takes; None where no call tells its size."""
    known = np.flatnonzero((calls.items >= 1) & (calls.service_ns > 0))
    if len(known) == 0:
        return None
    if len(known) < FEWEST_CALLS:
        return Refusal(
            f"{counted(len(known), 'call')} told the batch size; record at least {FEWEST_CALLS}."
        )
    items, took = calls.items[known], calls.service_ns[known] / 1e6
    sizes, counts = np.unique(items, return_counts=True)
    often = sizes[counts >= FEWEST_OF_A_SIZE]
    if len(often) < 2 or often[-1] < SMALLEST_SPREAD * often[0]:
        return Refusal(
            "The batch size hardly varied, so what another one would take was not seen; "
            "record a while with a batch twice as large."
        )
    usual, largest = float(np.median(items)), float(often[-1])
    if largest <= usual:
        usual = float(often[0])
    drawn = _drawn(items, took, np.random.default_rng(seed))
    line = fit_line(items, took)
    return BatchEffect(
        calls=len(known),
        usual_size=round(usual),
        largest_size=round(largest),
        sizes=_size_times(items, took, often),
        base_ms=Estimate(float(line[0]), interval_of(drawn[:, 0])),
        item_ms=Estimate(float(line[1]), interval_of(drawn[:, 1])),
        per_item_saved=Estimate(
            float(_saved(line[None], usual, largest)[0]),
            interval_of(_saved(drawn, usual, largest)),
        ),
        fill_ms=_fill_ms(calls.start_ns[known], items, largest),
        notes=(
            "Calls of other sizes were not chosen at random: larger batches may hold other things.",
            "The time that items wait until a batch is full comes on top.",
        ),
    )


def fit_line(items: Floats, took: Floats) -> Floats:
    """(base, per item), both at least 0: least absolute relative deviations, by reweighting.

    Weighted by 1/fitted so that slow calls do not decide alone. Iteratively reweighted least
    squares after Schlossmacher (1973).
    """
    design = np.stack((np.ones(len(items)), items), axis=1)
    weight = 1.0 / took**2
    line = np.zeros(2)
    for _ in range(_ROUNDS):
        line = _not_negative(design, took, weight)
        fitted = np.maximum(design @ line, 1e-9)
        off = np.maximum(np.abs(took - fitted) / fitted, 1e-4)
        weight = 1.0 / (off * fitted**2)
    return line


def _not_negative(design: Floats, took: Floats, weight: Floats) -> Floats:
    weighted = design * weight[:, None]
    normal, right = design.T @ weighted, weighted.T @ took
    line = np.linalg.lstsq(normal, right, rcond=None)[0]
    if line[0] < 0:
        return np.array([0.0, right[1] / normal[1, 1]])
    if line[1] < 0:
        return np.array([right[0] / normal[0, 0], 0.0])
    return np.asarray(line)


def _drawn(items: Floats, took: Floats, rng: np.random.Generator) -> Floats:
    block = block_length(took / items)
    draws = block_draws(len(items), rng=rng, draws=DRAWS // 2, block=block)
    return np.array([fit_line(items[rows], took[rows]) for rows in draws])


def _saved(lines: Floats, usual: float, largest: float) -> Floats:
    per_item = [lines[:, 0] / size + lines[:, 1] for size in (usual, largest)]
    return np.asarray(1.0 - per_item[1] / np.maximum(per_item[0], 1e-9))


def _fill_ms(start_ns: Ints, items: Floats, size: float) -> float | None:
    time_ms = float(start_ns.max() - start_ns.min()) / 1e6
    return (size - 1) * time_ms / float(items.sum()) if time_ms > 0 else None


def _size_times(items: Floats, took: Floats, often: Floats) -> tuple[SizeTime, ...]:
    shown = often[np.unique(np.linspace(0, len(often) - 1, MAX_SIZES_SHOWN).astype(int))]
    found = []
    for size in shown.tolist():
        of_size = took[items == size]
        p50 = float(np.median(of_size))
        found.append(SizeTime(int(size), len(of_size), p50, p50 / size))
    return tuple(found)
