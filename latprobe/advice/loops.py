"""Stages that a request runs again and again in a row, as a loop over items does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from latprobe.advice.context import Context, StageFacts
from latprobe.advice.sibling_runs import Times, families, runs_of_one_stage
from latprobe.advice.span_attributes import inputs
from latprobe.advice.stage_words import has_any, word_set

# So many calls in a row at least in some request: two may be a draft and its correction.
FEWEST_CALLS = 3
# In so many of the sampled requests, and a share of latency below which no loop matters.
FEWEST_RUNS = 20
LEAST_SHARE = 0.02

# Each of these works on what the one before left.
_TURNS = word_set(
    "step steps iter iteration epoch turn turns token tokens denoise hop round rounds poll retry "
    "attempt wait sleep draft refine revise agent chat conversation think reason plan next decode "
    "status progress heartbeat"
)
# What a loop goes through; a name that says none of it may be a chain of requests to one host.
_ITEMS = word_set(
    "page pages chunk chunks document documents doc docs image images photo picture frame frames "
    "clip file files url urls item items passage passages section record row segment paragraph "
    "sentence question query tile crop face region attachment mail message ticket product candidate"
)
_MEDIA = frozenset({"image", "audio", "video"})
MANY_CALLS = 5
# One call with a list is the better cure for these.
_LISTS = frozenset({"embeddings", "rerank"})
# A model call whose input grew by this share of what the last one said was given it.
_ANSWER_SHARE = 0.5
_MODEL_CALLS = ("chat", "text_completion", "generate_content")


@dataclass(frozen=True, slots=True)
class Loop:
    """Runs of calls one after another, as rows of the sampled spans.

    `usual_calls` and `most_calls` are of a run, `call_ms` is a call's median.
    """

    stage: str
    runs: tuple[tuple[int, ...], ...]
    usual_calls: int
    most_calls: int
    call_ms: float


def find_loops(context: Context) -> Iterator[Loop]:
    """The loops that matter whose calls show no need of one another."""
    given = inputs(context.sampled)
    for stage, runs in sorted(_runs(context).items()):
        sizes = [len(run) for run in runs]
        if len(runs) < FEWEST_RUNS or max(sizes) < FEWEST_CALLS or has_any(stage, _TURNS):
            continue
        facts = context.stages[stage]
        if facts.critical_share < LEAST_SHARE or not _is_over_items(facts, sizes):
            continue
        if _takes_lists(context, runs) or _feeds_itself(context, runs):
            continue
        if _asks_again(given, runs):
            continue
        rows = np.concatenate([np.array(run) for run in runs])
        yield Loop(
            stage=stage,
            runs=tuple(tuple(run) for run in runs),
            usual_calls=round(float(np.median(sizes))),
            most_calls=max(sizes),
            call_ms=float(np.median(context.sampled.spans.duration_ns[rows])) / 1e6,
        )


def _is_over_items(facts: StageFacts, sizes: list[int]) -> bool:
    """Whether there is a sign of a list: its length differs, or is long, or the name says it."""
    return (
        max(sizes) >= MANY_CALLS
        or min(sizes) < max(sizes)
        or facts.stats.modality in _MEDIA
        or has_any(facts.stats.name, _ITEMS)
    )


def saved_at_once(context: Context, loop: Loop) -> NDArray[np.float64]:
    """Per sampled span, what is gained if a run takes as long as its longest call."""
    critical = critical_below(context)
    saved = np.zeros(len(context.sampled.spans))
    for run in loop.runs:
        took = critical[list(run)]
        saved[run[0]] = took.sum() - took.max()
    return saved


def factor_at_once(context: Context, loop: Loop) -> float:
    """By how much that shortens the stage in all, 0..1."""
    critical = critical_below(context)
    code = context.sampled.spans.names.index(loop.stage)
    total = float(critical[context.sampled.spans.name == code].sum())
    return 1.0 - float(saved_at_once(context, loop).sum()) / max(total, 1.0)


def critical_below(context: Context) -> NDArray[np.float64]:
    """Each sampled span's part of its request's critical path, all that is below it included."""
    sampled = context.sampled
    total = sampled.critical_ns.astype(np.float64)
    parent = sampled.tree.parent
    ahead, rows = parent.copy(), np.flatnonzero(parent >= 0)
    while len(rows):
        np.add.at(total, ahead[rows], sampled.critical_ns[rows])
        ahead[rows] = parent[ahead[rows]]
        rows = rows[ahead[rows] >= 0]
    return total


def _runs(context: Context) -> dict[str, list[list[int]]]:
    sampled = context.sampled
    times, codes = Times.of(sampled), sampled.spans.name.tolist()
    failed = [status == "error" for status in sampled.column("status")]
    found: dict[str, list[list[int]]] = defaultdict(list)
    for family in families(sampled):
        for run in runs_of_one_stage(family, codes, times):
            if not any(failed[row] for row in run[:-1]):  # else a retry
                found[sampled.spans.names[codes[run[0]]]].append(run)
    return found


def _takes_lists(context: Context, runs: list[list[int]]) -> bool:
    operation = context.sampled.column("operation")
    return any(operation[run[0]] in _LISTS for run in runs)


def _asks_again(given: Mapping[int, str], runs: list[list[int]]) -> bool:
    """Whether calls are mostly given what the one before was: those are no items of a list."""
    pairs = [(a, b) for run in runs for a, b in pairwise(run) if a in given and b in given]
    return sum(given[a] == given[b] for a, b in pairs) > len(pairs) / 2


def _feeds_itself(context: Context, runs: list[list[int]]) -> bool:
    """Whether model calls take in what the call before gave; True too where that is not known."""
    sampled = context.sampled
    operation = sampled.column("operation")
    pairs = [(a, b) for run in runs for a, b in pairwise(run)]
    pairs = [(a, b) for a, b in pairs if operation[b] in _MODEL_CALLS]
    if not pairs:
        return False
    given, made = sampled.column("input_tokens"), sampled.column("output_tokens")
    known = [
        given[b] - given[a] >= _ANSWER_SHARE * max(made[a], 1)  # type: ignore[operator, call-overload]  # counts
        for a, b in pairs
        if isinstance(given[a], int) and isinstance(given[b], int) and isinstance(made[a], int)
    ]
    if len(known) < len(pairs) / 2:
        return True
    # Of items of any length the next is the longer one half of the time.
    return sum(known) > 0.7 * len(known) or _quotes_answers(context, pairs)


def _quotes_answers(context: Context, pairs: list[tuple[int, int]]) -> bool:
    """Whether a recorded prompt holds what the call before it said."""
    span_id = context.sampled.spans.span_id
    trace_id, trace = context.sample.trace_id, context.sampled.spans.trace
    texts = {(each.trace_id, each.span_id): each for each in context.texts}

    def call(row: int):  # type: ignore[no-untyped-def]  # CallText | None
        return texts.get((trace_id[trace[row]].replace("-", ""), f"{int(span_id[row]):016x}"))

    for a, b in pairs:
        before, after = call(a), call(b)
        if before is None or after is None:
            continue
        given = {part.hash for part in after.side("input")}
        whole = "\n".join(part.text or "" for part in after.side("input"))
        for part in before.side("output"):
            if part.hash in given or (part.text and part.text.strip()[:200] in whole):
                return True
    return False
