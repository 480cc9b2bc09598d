"""Many small calls of one stage in a request that one call could be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from latprobe.advice.context import MIN_REQUESTS, Context
from latprobe.advice.loops import critical_below
from latprobe.advice.sibling_runs import families
from latprobe.advice.stage_words import has_any, word_set
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.time_off import sampled_time_off
from latprobe.analysis.load.batch_effect import BatchEffect
from latprobe.analysis.whatif import Scale

NAME = "small_calls"

# A caller that asks eight times for what takes under 50 ms asks for items of a list; a model that
# embeds takes lists from the start, whatever it takes for one.
FEWEST_CALLS = 8
FEWEST_MODEL_CALLS = 4
LONGEST_MS = 50.0
# Shorter ones are steps of a loop in the program itself: most of what is measured of them is the
# span's own cost, which `own_cost` speaks of.
SHORTEST_MS = 0.1
LEAST_SHARE = 0.03
BATCHED = frozenset({"embeddings", "rerank"})
NOT_BATCHED = frozenset({"chat", "text_completion", "generate_content", "execute_tool"})
# These do something else at each turn, or are one call by nature.
_TURNS = word_set("step steps iter iteration token tokens denoise turn poll wait sleep decode")
SIZES = {
    "image": "Pictures are large: batches of 4 to 32 fill a GPU.",
    "audio": "Sound: batches of 8 to 16 clips of like length.",
    "video": "Video: a few clips a batch, frames together.",
    "text": "Texts are small: batches of 64 to 256, sorted by length.",
    "retrieval": "Texts are small: batches of 64 to 256, sorted by length.",
}


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage that is called again and again by one caller."""
    operation = dict(zip(_names(context), context.sampled.column("operation"), strict=True))
    for stage, groups in sorted(_groups(context).items()):
        kind = operation.get(stage)
        facts = context.stages[stage]
        calls = float(np.median([len(group) for group in groups]))
        is_model = kind in BATCHED
        if kind in NOT_BATCHED or has_any(stage, _TURNS) or len(groups) < MIN_REQUESTS:
            continue
        is_small = is_model or SHORTEST_MS <= facts.stats.p50_ms <= LONGEST_MS
        enough = calls >= (FEWEST_MODEL_CALLS if is_model else FEWEST_CALLS)
        if is_small and enough and facts.critical_share >= LEAST_SHARE:
            yield _suggestion(context, stage, groups, calls)


def _names(context: Context) -> list[str]:
    spans = context.sampled.spans
    return [spans.names[code] for code in spans.name.tolist()]


def _groups(context: Context) -> dict[str, list[list[int]]]:
    """Calls of one stage by one caller, as rows of the sampled spans."""
    names = _names(context)
    found: dict[str, list[list[int]]] = defaultdict(list)
    for family in families(context.sampled):
        by_name: dict[str, list[int]] = defaultdict(list)
        for row in family:
            by_name[names[row]].append(row)
        for name, rows in by_name.items():
            if len(rows) >= FEWEST_MODEL_CALLS:
                found[name].append(rows)
    return found


def _suggestion(context: Context, stage: str, groups: list[list[int]], calls: float) -> Suggestion:
    load = next((each for each in context.load.stages if each.name == stage), None)
    effect = load.batch if load is not None and isinstance(load.batch, BatchEffect) else None
    saved = _saved(context, groups, None if effect is None else effect.base_ms.value)
    facts = context.stages[stage]
    total = facts.stats.total_ms * 1e6 * len(context.sample) / max(len(context.requests), 1)
    known = () if effect is None else (
        Evidence("A call costs before its first item", round(effect.base_ms.value, 2), "ms"),
    )  # fmt: skip
    modality = facts.stats.modality or ""
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=f"Make one call of the {calls:.0f} calls of {stage} in a request",
        evidence=(
            Evidence("Calls by one caller", round(calls), "a request"),
            Evidence("A call: p50", round(facts.stats.p50_ms, 2), "ms"),
            Evidence("Share of the latency", round(100 * facts.critical_share, 1), "%"),
            *known,
        ),
        how="Collect the items first and ask for all of them at once (WHERE id IN (...), MGET, a "
        "list of texts to encode, a DataLoader's batch).\n"
        + SIZES.get(modality, "Keep batches small enough that one failure does not cost much."),
        verify=f"`latprobe report`: {stage} runs once a request.",
        effort="low",
        saving=sampled_time_off(context, saved, basis="bound"),
        link="https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html"
        if not modality
        else "https://www.sbert.net/",
        stage=stage,
        preconditions=(
            "The other side takes lists, and no item needs the result of the one before."
            + ("" if effect else " The saving is that of all but the longest call."),
        ),
        changes=(Scale(stage, max(1.0 - float(saved.sum()) / max(total, 1.0), 0.0)),),
        claims=frozenset({("stage_time", stage)}),
    )


def _saved(context: Context, groups: list[list[int]], base_ms: float | None) -> NDArray[np.float64]:
    """All calls of a group but one, at most; where batches were recorded, what a call costs before
    its first item."""
    critical = critical_below(context)
    saved = np.zeros(len(critical))
    for rows in groups:
        took = critical[rows]
        most = float(took.sum() - took.max())
        if base_ms is not None:
            most = min(most, base_ms * 1e6 * max(float((took > 0).sum()) - 1.0, 0.0))
        saved[rows[0]] = most
    return saved
