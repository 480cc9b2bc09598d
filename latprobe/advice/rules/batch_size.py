"""Batches that are smaller than those that were seen to take less for an item."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from latprobe.advice.context import Context
from latprobe.advice.loops import critical_below
from latprobe.advice.sibling_runs import families
from latprobe.advice.span_attributes import number
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.time_off import sampled_time_off
from latprobe.analysis.load.batch_effect import BatchEffect
from latprobe.analysis.load.call_facts import BATCH_NAMES
from latprobe.analysis.whatif import Scale

NAME = "batch_size"

# An item has to take surely less than nine tenths, in batches of twice the size or more.
LEAST_SAVED = 0.1
LEAST_GROWTH = 2.0


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage that requests call with several small batches."""
    for load in context.load.stages:
        effect = load.batch
        if not isinstance(effect, BatchEffect) or load.name not in context.stages:
            continue
        low = effect.per_item_saved.interval.low if effect.per_item_saved.interval else 0.0
        is_small = effect.largest_size >= LEAST_GROWTH * effect.usual_size
        if low < LEAST_SAVED or not is_small:
            continue
        saved = _saved(context, load.name, effect)
        if saved.any():
            yield _suggestion(context, load.name, effect, saved)


def _saved(context: Context, stage: str, effect: BatchEffect) -> NDArray[np.float64]:
    """A caller's items in as few batches of the largest size: each one less saves its base."""
    sampled = context.sampled
    items = number(sampled, BATCH_NAMES)
    critical = critical_below(context)
    saved = np.zeros(len(critical))
    for family in families(sampled):
        rows = [row for row in family if row in items and _name(context, row) == stage]
        if len(rows) < 2:
            continue
        fewest = int(np.ceil(sum(items[row] for row in rows) / effect.largest_size))
        gone = max(len(rows) - fewest, 0) * effect.base_ms.value * 1e6
        saved[rows[0]] = min(gone, float(critical[rows].sum()))
    return saved


def _name(context: Context, row: int) -> str:
    spans = context.sampled.spans
    return spans.names[int(spans.name[row])]


def _suggestion(
    context: Context, stage: str, effect: BatchEffect, saved: NDArray[np.float64]
) -> Suggestion:
    spans = context.sampled.spans
    total = float(critical_below(context)[spans.name == spans.names.index(stage)].sum())
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=f"Give {stage} batches of {effect.largest_size} instead of {effect.usual_size}",
        evidence=(
            Evidence("Usual batch", effect.usual_size, "items"),
            Evidence("Largest batch recorded", effect.largest_size, "items"),
            Evidence("A batch costs before its first item", round(effect.base_ms.value, 2), "ms"),
            Evidence("An item then takes", round(effect.item_ms.value, 3), "ms"),
            Evidence("Less per item", round(100 * effect.per_item_saved.value), "%"),
        ),
        how="Raise the batch size where the list is cut, and sort items by length so that little "
        "is padded.\nWatch memory while it grows; stop where an item no longer takes less.",
        verify=f"`latprobe load`: the usual batch of {stage} is larger, an item takes less.",
        effort="low",
        saving=sampled_time_off(context, saved, basis="simulation"),
        link="https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        stage=stage,
        preconditions=("Memory holds the larger batch.", *effect.notes[:1]),
        changes=(Scale(stage, max(1.0 - float(saved.sum()) / max(total, 1.0), 0.0)),),
        claims=frozenset({("stage_time", stage)}),
    )
