"""A card whose memory is full, and runs that failed for want of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from latprobe.advice.context import MIN_REQUESTS, Context
from latprobe.advice.loops import critical_below
from latprobe.advice.suggestion import Evidence, Suggestion, not_enough
from latprobe.advice.time_off import sampled_time_off
from latprobe.analysis.refusal import Refusal

NAME = "gpu_memory_pressure"

# Engines take nine tenths of a card on purpose; this is beyond.
FULL = 0.96
FEWEST_FAILED = 5
LEAST_FAILED = 0.01
_OUT_OF_MEMORY = ("outofmemory", "out_of_memory", "out of memory", "cudaoom")

_FULLEST = """
SELECT u.device, quantile_cont(u.value / t.total, 0.95) AS share
FROM samples u JOIN (SELECT device, max(value) AS total FROM samples
                     WHERE metric = 'gpu.memory_total_bytes' GROUP BY device) t USING (device)
WHERE u.metric = 'gpu.memory_used_bytes' AND u.pid IS NULL AND t.total > 0
GROUP BY u.device ORDER BY share DESC LIMIT 1
"""
TITLE = "Give {} room on the GPU: its memory is full"


def find(context: Context) -> Iterable[Suggestion]:
    """Stages that ran out of memory; a card that is merely full is a suspicion."""
    full = context.query(_FULLEST).to_pylist()
    share = full[0]["share"] if full else None
    failed = _failed(context)
    for stage, rows in sorted(failed.items()):
        if len(rows) >= max(FEWEST_FAILED, LEAST_FAILED * len(context.sample)):
            yield _suggestion(context, stage, rows, share)
    if not failed and share is not None and share >= FULL and len(context.sample) >= MIN_REQUESTS:
        stages = context.gpu.by_name().values()
        peak = max(stages, key=lambda each: each.memory_peak_bytes or 0, default=None)
        name = peak.name if peak is not None and peak.memory_peak_bytes else full[0]["device"]
        yield not_enough(
            rule=NAME,
            subject=str(name),
            title=TITLE.format(name),
            refusal=Refusal(
                f"Memory is {share:.0%} full, and no run failed or was seen to be slower for it; "
                "record under the highest load."
            ),
            evidence=(Evidence("Memory in use: p95", round(100 * share, 1), "%"),),
            stage=str(name) if name in context.stages else None,
        )


def _failed(context: Context) -> dict[str, list[int]]:
    spans = context.sampled.spans
    found: dict[str, list[int]] = defaultdict(list)
    for row, kind in enumerate(context.sampled.column("error_type")):
        if kind is not None and any(word in str(kind).lower() for word in _OUT_OF_MEMORY):
            found[spans.names[spans.name[row]]].append(row)
    return _innermost(context, found)


def _innermost(context: Context, found: dict[str, list[int]]) -> dict[str, list[int]]:
    """Without the callers that the same error passed through."""
    parent = context.sampled.tree.parent
    every = {row for rows in found.values() for row in rows}
    callers = {int(parent[row]) for row in every}
    kept = {stage: [row for row in rows if row not in callers] for stage, rows in found.items()}
    return {stage: rows for stage, rows in kept.items() if rows}


def _suggestion(context: Context, stage: str, rows: list[int], share: float | None) -> Suggestion:
    critical = critical_below(context)
    saved = np.zeros(len(critical))
    saved[rows] = critical[rows]
    facts = [
        Evidence("Runs that ran out of memory", len(rows), f"in {len(context.sample)} requests")
    ]
    if share is not None:
        facts.append(Evidence("Memory in use: p95", round(100 * share, 1), "%"))
    row = context.gpu.by_name().get(stage)
    if row is not None and row.memory_peak_bytes:
        facts.append(
            Evidence("Peak of the allocator", round(row.memory_peak_bytes / 2**30, 2), "GiB")
        )
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=TITLE.format(stage),
        evidence=tuple(facts),
        how="Smaller batches or shorter inputs at once, `torch.inference_mode()`, and models "
        "loaded only when first used; PCA or int8 for vectors kept on the card.\nFor large models "
        "shard over cards (tensor parallelism), or quantise the weights.",
        verify="No run ends with OutOfMemoryError; `latprobe gpu` shows the lower peak.",
        effort="medium",
        saving=sampled_time_off(context, saved, basis="bound"),
        link="https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management",
        stage=stage,
        preconditions=("The saving is the time that failed runs take; that they succeed is more.",),
        claims=frozenset({("failures", stage)}),
    )
