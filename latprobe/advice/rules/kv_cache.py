"""Prompts on an engine of one's own whose beginnings it computes again and again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from latprobe.advice.cache_savings import is_worth, opportunities
from latprobe.advice.context import Context
from latprobe.advice.loops import critical_below
from latprobe.advice.saving import predicted
from latprobe.advice.suggestion import Evidence, Saving, Suggestion, not_enough
from latprobe.advice.time_off import sampled_time_off
from latprobe.analysis.cache import Opportunity, StageCache
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.whatif import Tokens

NAME = "kv_cache"

# Of the prompt's tokens so many have to be shared; a system prompt alone is often a tenth.
LEAST_RATIO = 0.2
# So many tokens a call are read in some ms; fewer are not worth a setting.
LEAST_TOKENS = 256
HOW = (
    "vLLM: start with --enable-prefix-caching (the default of its newer engine); SGLang: do not "
    "disable the radix cache; llama.cpp: cache_prompt.\n"
    "With several replicas route calls that share a prefix to the same one."
)


def find(context: Context) -> Iterable[Suggestion]:
    """Where long beginnings come again and nothing was read from a cache yet."""
    for stage, found in opportunities(context, "kv"):
        saved = found.saved_input_tokens or 0
        reused = saved / max(_tokens(context, stage), 1.0)
        if found.refused is not None or saved < LEAST_TOKENS * found.calls:
            continue
        if is_worth(found) and reused >= LEAST_RATIO:
            yield _suggestion(context, stage, found, reused)


def _tokens(context: Context, stage: StageCache) -> float:
    """Input tokens of the calls that were looked at."""
    stats = context.stages[stage.stage].stats
    return (stats.input_tokens or 0) * stage.keyed / max(stage.calls, 1)


def _suggestion(
    context: Context, stage: StageCache, found: Opportunity, reused: float
) -> Suggestion:
    name = stage.stage
    title = f"Keep the keys and values of shared prompt beginnings in {name}: {reused:.0%} of input"
    evidence = (
        Evidence("Calls looked at", found.calls, "calls"),
        Evidence("Input tokens whose beginning was computed before", round(100 * reused, 1), "%"),
    )
    change = Tokens(name, input_factor=1.0 - reused)
    saving: Saving | str = predicted(context, change)
    if isinstance(saving, str):
        saving = _of_first_token(context, name, reused) or saving
    else:
        saving = replace(saving, basis="latency_model")
    if isinstance(saving, str):
        return not_enough(
            rule=NAME, subject=name, title=title, refusal=Refusal(saving), evidence=evidence,
            stage=name,
        )  # fmt: skip
    return Suggestion(
        rule=NAME,
        subject=name,
        title=title,
        evidence=evidence,
        how=HOW,
        verify="The engine's prefix cache hit rate rises (vllm:prefix_cache_hits), and `latprobe "
        f"latency` shows a shorter time to the first token of {name}.",
        effort="low",
        saving=saving,
        link="https://docs.vllm.ai/en/stable/features/automatic_prefix_caching/",
        stage=name,
        preconditions=(
            "The engine is your own and does not reuse prefixes yet; it has memory for them.",
            "What changes from call to call stands at the end of the prompt.",
        ),
        changes=(change,),
        claims=frozenset({("input_time", name)}),
    )


def _of_first_token(context: Context, stage: str, reused: float) -> Saving | None:
    """At most the reused share of the time to the first token; None where that was not recorded.

    For prompts that become so much shorter that no recorded call shows how long they take.
    """
    sampled = context.sampled
    if stage not in sampled.spans.names:
        return None
    ttft = np.array([float(str(each or 0)) for each in sampled.column("ttft_ns")])
    ttft[sampled.spans.name != sampled.spans.names.index(stage)] = 0.0
    if not ttft.any():
        return None
    saved = np.minimum(ttft * reused, critical_below(context))
    return sampled_time_off(context, saved, basis="bound")
