"""Calls whose time goes into reading a very long prompt that no cache holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latprobe.advice.context import Context
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import Fewer, token_suggestion
from latprobe.advice.suggestion import Evidence, Suggestion, not_enough
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.whatif import Tokens

NAME = "prefill_long"

# Fewer are read in tenths of a second by most engines; a page or two of text is no long prompt.
_LONG_TOKENS = 4_000
_LEAST_TTFT_SHARE = 0.5
_FEWEST_TIMED = 20
# The largest share that a model of latency, which knows recorded lengths alone, can speak of.
_LESS = (0.5, 0.3, 0.15)


def find(context: Context) -> Iterator[Suggestion]:
    """Each template with long uncached prompts before a late first token."""
    for group in context.templates:
        if group.uncached_tokens < _LONG_TOKENS:
            continue
        shares, ttft_ms = _first_tokens(context, group.stage)
        if len(shares) >= _FEWEST_TIMED and np.median(shares) >= _LEAST_TTFT_SHARE:
            yield _suggestion(context, group, float(np.median(shares)), float(np.median(ttft_ms)))


def _first_tokens(context: Context, stage: str) -> tuple[list[float], list[float]]:
    """Of the stage's sampled calls: the share of the time before the first token, and it in ms."""
    table = context.sampled.table
    rows = zip(
        table["name"].to_pylist(),
        table["ttft_ns"].to_pylist(),
        table["duration_ns"].to_pylist(),
        strict=True,
    )
    found = [(ttft, took) for name, ttft, took in rows if name == stage and ttft and took]
    return [ttft / took for ttft, took in found], [ttft / 1e6 for ttft, _ in found]


def _suggestion(context: Context, group: TemplateCalls, share: float, ttft_ms: float) -> Suggestion:
    evidence = (
        Evidence("uncached input", round(group.uncached_tokens), "tokens a call"),
        Evidence("time to the first token, median", round(ttft_ms), "ms"),
        Evidence("its share of the call", round(share, 2), "share"),
        Evidence("output", round(group.output_tokens), "tokens a call"),
    )
    title = (
        f"Shorten the {group.uncached_tokens:,.0f} uncached tokens that {group.subject} reads "
        f"before its first word ({share:.0%} of its time)"
    )
    less, refused = _most_predictable(context, group.stage)
    if refused:
        return not_enough(
            rule=NAME,
            subject=group.subject,
            title=title,
            refusal=Refusal(refused),
            evidence=evidence,
            stage=group.stage,
        )
    return token_suggestion(
        context,
        group,
        Fewer(input_tokens=less * group.uncached_tokens, is_estimated=True),
        rule=NAME,
        title=f"{title}: {less:.0%} fewer are counted here",
        evidence=evidence,
        how="Retrieve and send less (rerank, fewer chunks), put standing text first so that it is "
        "cached, or sum the document up once and keep that.\n"
        "On an engine of your own: prefix caching, chunked prefill, more tensor parallelism, or "
        "a model with sparse or grouped attention.",
        verify=f"`latprobe prompts`: input tokens of {group.stage} fall; the Trace page shows a "
        f"call's time to its first token, below {ttft_ms:.0f} ms.",
        effort="medium",
        link="https://docs.vllm.ai/en/stable/features/automatic_prefix_caching/",
        preconditions=("Answers do not need the part that goes.",),
        seen=group.calls,
    )


def _most_predictable(context: Context, stage: str) -> tuple[float, str | None]:
    """The largest share to take away that can be predicted, or why none can."""
    refused = None
    for less in _LESS:
        found = context.predict(Tokens(stage, input_factor=1 - less)).refused
        if found is None:
            return less, None
        refused = refused or found
    return 0.0, refused
