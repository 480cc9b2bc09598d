"""Texts that are embedded again although their vector is known."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.cache_savings import Advised, is_worth, opportunities, suggestion
from latprobe.advice.context import Context
from latprobe.advice.rules.exact_cache import _EMBEDS
from latprobe.advice.stage_words import has_any
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.cache import Opportunity, StageCache

NAME = "embedding_cache"


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage that embeds, whether its calls or its input hashes say so."""
    for stage, found in opportunities(context, "embedding"):
        if is_worth(found):
            yield _suggestion(context, stage, found)
    for stage, found in opportunities(context, "exact"):
        if has_any(stage.stage, _EMBEDS) and is_worth(found):
            yield _suggestion(context, stage, found)


def _suggestion(context: Context, stage: StageCache, found: Opportunity) -> Suggestion:
    texts = found.hit_ratio or 0.0
    advised = Advised(
        rule=NAME,
        title=f"Keep the vectors of {stage.stage}: {texts:.0%} of its texts were embedded before",
        how="Store vectors by a hash of model and text (a table beside the index will do), and "
        "embed only what is not there.\nAn embedding model gives one text one vector, so nothing "
        "goes stale until the model changes.",
        verify=f"`latprobe report`: fewer runs of {stage.stage} a request; `latprobe cache` then "
        "finds no more repeats.",
        link="https://redis.io/docs/latest/develop/ai/redisvl/",
        effort="low",
        preconditions=("The key holds the model's name and version.",),
    )
    return suggestion(context, stage, found, advised, hit_ratio=_whole_calls(context, stage, found))


def _whole_calls(context: Context, stage: StageCache, found: Opportunity) -> float:
    """The share of the calls' time that is spared: a call of several texts goes only with the last
    of them."""
    if found.saved_ms is None:
        return 0.0
    mean_ms = context.stages[stage.stage].stats.total_ms / context.stages[stage.stage].stats.count
    return min(found.saved_ms / max(mean_ms * stage.keyed, 1e-9), found.hit_ratio or 0.0)
