"""Calls that ask what was asked before, and could be answered from a cache."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.cache_savings import Advised, is_worth, opportunities, suggestion
from latprobe.advice.context import Context
from latprobe.advice.stage_words import has_any, word_set
from latprobe.advice.suggestion import Evidence, Suggestion, not_enough
from latprobe.analysis.cache import Opportunity, StageCache
from latprobe.analysis.refusal import Refusal

NAME = "exact_cache"

# Of the same inputs so many got the same answer, else an old answer is another one.
LEAST_SAME = 0.5
# Tools act; an answer from a cache makes no call.
MOST_WITH_TOOLS = 0.2
# Of so few known inputs a share that came again is a sign, and no figure.
SUSPECT_CALLS = 10
SUSPECT_REPEATED = 0.3
_EMBEDS = word_set("embed embeds embedding embeddings embedder")


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage and model; embeddings have a rule of their own."""
    for stage, found in opportunities(context, "exact"):
        if has_any(stage.stage, _EMBEDS) or not is_worth(found):
            continue
        if (stage.with_tools or 0) > MOST_WITH_TOOLS * stage.calls:
            continue
        same = found.same_answer_share
        if same is not None and same < LEAST_SAME:
            continue  # they are asked again to get another answer
        yield _suggestion(context, stage, found)
    for stage in context.caches.stages:
        again = stage.keyed - stage.distinct
        is_few = stage.refused is not None and stage.keyed >= SUSPECT_CALLS
        if is_few and again >= SUSPECT_REPEATED * stage.keyed:
            yield not_enough(
                rule=NAME,
                subject=stage.stage,
                title=f"Keep the answers of {stage.stage} in a cache",
                refusal=Refusal(str(stage.refused)),
                evidence=(Evidence("Inputs that came again", again, f"of {stage.keyed}"),),
                stage=stage.stage,
            )


def _suggestion(context: Context, stage: StageCache, found: Opportunity) -> Suggestion:
    ratio = found.hit_ratio or 0.0
    same = found.same_answer_share
    advised = Advised(
        rule=NAME,
        title=f"Keep the answers of {stage.stage} in a cache: {ratio:.0%} of its calls came again",
        how="Key the answer by a hash of model, parameters and the whole input; look there first "
        "(functools.cache in one process, Redis for several).\n"
        f"{found.size or 'Unlimited'} entries for {(found.ttl_s or 0) / 60:.0f} minutes were "
        "simulated; take a life as long as an answer stays true.",
        verify=f"`latprobe report`: {stage.stage} runs {ratio:.0%} less often a request; "
        "`latprobe cache` then finds no more repeats.",
        link="https://docs.litellm.ai/docs/caching/all_caches",
        effort="low",
        preconditions=("The same input may get the same answer for as long as it is kept.",),
    )
    evidence = () if same is None else (
        Evidence("The repeated call got the very same answer", round(100 * same, 1), "%"),
    )  # fmt: skip
    return suggestion(context, stage, found, advised, hit_ratio=ratio, evidence=evidence)
