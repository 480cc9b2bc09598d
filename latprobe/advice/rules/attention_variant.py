"""Models of one's own whose reading of long prompts grows faster than the prompts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from latprobe.advice.context import Context
from latprobe.advice.loops import critical_below
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.time_off import sampled_time_off
from latprobe.analysis.cache.provider_rules import LOCAL, rule_for

NAME = "attention_variant"

# Below this the layers' weights decide, above it attention between all pairs of tokens does.
LONG_TOKENS = 4_000
FEWEST_CALLS = 40
LEAST_SPREAD = 1.5
# The quadratic part of the time to the first token that is worth another model, and how much the
# time a token takes has to grow from the shortest third to the longest.
LEAST_QUADRATIC = 0.2
LEAST_GROWTH = 1.2

_PROVIDER = "SELECT any_value(provider) AS p, any_value(model) AS m FROM spans WHERE name = ?"


def find(context: Context) -> Iterable[Suggestion]:
    """Each stage on an engine of one's own with long prompts and a quadratic part."""
    for stage, facts in context.stages.items():
        if not facts.stats.input_tokens or not _is_own(context, stage):
            continue
        rows, tokens, ttft = _calls(context, stage)
        if len(rows) < FEWEST_CALLS or np.quantile(tokens, 0.9) < LONG_TOKENS:
            continue
        quadratic = _quadratic_ns(tokens, ttft)
        if quadratic is None or quadratic.sum() < LEAST_QUADRATIC * ttft.sum():
            continue
        yield _suggestion(context, stage, rows, tokens, ttft, quadratic)


def _is_own(context: Context, stage: str) -> bool:
    row = context.query(_PROVIDER, [stage]).to_pylist()[0]
    return rule_for(row["p"], row["m"]) is LOCAL


def _calls(
    context: Context, stage: str
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Sampled rows with both figures: rows, input tokens, time to the first token."""
    sampled = context.sampled
    code = sampled.spans.names.index(stage) if stage in sampled.spans.names else -1
    ttft, tokens = sampled.column("ttft_ns"), sampled.column("input_tokens")
    rows = [
        row
        for row in np.flatnonzero(sampled.spans.name == code).tolist()
        if ttft[row] and tokens[row]
    ]
    return (
        np.array(rows, np.int64),
        np.array([float(str(tokens[row])) for row in rows]),
        np.array([float(str(ttft[row])) for row in rows]),
    )


def _quadratic_ns(
    tokens: NDArray[np.float64], ttft: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """The part of each call's first token that grows with the square of its input; None where the
    lengths hardly differ or a token takes as long in a long prompt as in a short one."""
    low, high = np.quantile(tokens, [1 / 3, 2 / 3])
    if high < LEAST_SPREAD * low:
        return None
    a_token = ttft / tokens
    if np.median(a_token[tokens >= high]) < LEAST_GROWTH * np.median(a_token[tokens <= low]):
        return None
    # Relative errors, as times scatter in proportion; no constant: it would fall with the length.
    design = np.stack((tokens, tokens**2), axis=1) / ttft[:, None]
    line = np.linalg.lstsq(design, np.ones(len(ttft)), rcond=None)[0]
    if line[0] < 0 or line[1] <= 0:
        return None
    return np.asarray(np.minimum(line[1] * tokens**2, ttft), np.float64)


def _suggestion(
    context: Context,
    stage: str,
    rows: NDArray[np.int64],
    tokens: NDArray[np.float64],
    ttft: NDArray[np.float64],
    quadratic: NDArray[np.float64],
) -> Suggestion:
    saved = np.zeros(len(context.sampled.spans))
    saved[rows] = np.minimum(quadratic, critical_below(context)[rows])
    share = float(quadratic.sum() / ttft.sum())
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=f"Use cheaper attention for long prompts in {stage}: {share:.0%} of reading them "
        "grows with the square of their length",
        evidence=(
            Evidence("Prompt: median", round(float(np.median(tokens))), "tokens"),
            Evidence("Prompt: p90", round(float(np.quantile(tokens, 0.9))), "tokens"),
            Evidence("To the first token: median", round(float(np.median(ttft)) / 1e6), "ms"),
            Evidence("Part that grows with the square", round(100 * share), "%"),
        ),
        how="FlashAttention first (`attn_implementation='flash_attention_2'`); then a model with "
        "grouped or multi-query attention, a sliding window or sparse attention.\nFor pictures and "
        "video prune or merge tokens (ToMe); for text send less.",
        verify=f"`latprobe latency`: the time to the first token of {stage} grows in step with the "
        "prompt.",
        effort="high",
        saving=sampled_time_off(context, saved, basis="bound"),
        link="https://huggingface.co/docs/transformers/attention_interface",
        stage=stage,
        preconditions=(
            "The model may be changed, and answers as well; measure it. The saving is that of no "
            "quadratic part.",
        ),
        claims=frozenset({("stage_time", stage), ("input_time", stage)}),
    )
