"""A suggestion from what a cache would have answered of the recorded calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from latprobe.advice.context import Context
from latprobe.advice.saving import predicted, with_tokens
from latprobe.advice.suggestion import Effort, Evidence, Gain, Saving, Suggestion, not_enough
from latprobe.analysis.cache import Opportunity, StageCache
from latprobe.analysis.cache.opportunity import Kind
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.whatif import CacheHit

# A cache that answers less than one call in twenty is looked after for nothing; and the share has
# to be surely more than chance repeats.
LEAST_RATIO = 0.05
LEAST_LOW = 0.02
FEWEST_HITS = 10


@dataclass(frozen=True, slots=True)
class Advised:
    """The words of one kind of cache."""

    rule: str
    title: str
    how: str
    verify: str
    link: str
    effort: Effort
    preconditions: tuple[str, ...]


def opportunities(context: Context, kind: Kind) -> Iterator[tuple[StageCache, Opportunity]]:
    """Stages for which that kind was simulated, where they were recorded as stages."""
    for stage in context.caches.stages:
        for found in stage.opportunities:
            if found.kind == kind and stage.stage in context.stages:
                yield stage, found


def is_worth(found: Opportunity) -> bool:
    """Whether it surely answers enough calls."""
    low = found.hit_ratio_ci95.low if found.hit_ratio_ci95 is not None else 0.0
    return (
        found.hit_ratio is not None
        and found.hit_ratio >= LEAST_RATIO
        and low >= LEAST_LOW
        and found.hits >= FEWEST_HITS
    )


def suggestion(
    context: Context,
    stage: StageCache,
    found: Opportunity,
    advised: Advised,
    *,
    hit_ratio: float,
    evidence: tuple[Evidence, ...] = (),
) -> Suggestion:
    """What the cache saves with calls that hit at that ratio, by replay; "not enough data" where
    that was refused."""
    facts = (
        Evidence("Calls looked at", found.calls, "calls"),
        Evidence("Different inputs", stage.distinct),
        Evidence("Would have been answered", round(100 * hit_ratio, 1), "%"),
        *evidence,
    )
    share = _of_all_calls(context, stage)
    change = CacheHit(stage.stage, min(hit_ratio * share, 1.0))
    saving = predicted(context, change)
    if isinstance(saving, str):
        return not_enough(
            rule=advised.rule, subject=stage.stage, title=advised.title,
            refusal=Refusal(saving), evidence=facts, stage=stage.stage,
        )  # fmt: skip
    return Suggestion(
        rule=advised.rule,
        subject=stage.stage,
        title=advised.title,
        evidence=facts,
        how=advised.how,
        verify=advised.verify,
        effort=advised.effort,
        saving=_with_calls(context, stage, found, saving, share, hit_ratio),
        link=advised.link,
        stage=stage.stage,
        preconditions=advised.preconditions + stage.notes,
        changes=(change,),
        claims=frozenset({("stage_time", stage.stage), ("calls", stage.stage)}),
    )


def _of_all_calls(context: Context, stage: StageCache) -> float:
    """The share of the stage's calls that are this model's."""
    everything = sum(each.calls for each in context.caches.stages if each.stage == stage.stage)
    return stage.keyed / max(everything, 1)


def _with_calls(
    context: Context,
    stage: StageCache,
    found: Opportunity,
    saving: Saving,
    share: float,
    hit_ratio: float,
) -> Saving:
    """Tokens and cost of the calls that are not made, a request's."""
    part = hit_ratio / found.hit_ratio if found.hit_ratio else 0.0
    calls = context.stages[stage.stage].per_request * share * part / max(found.calls, 1)
    given, made, usd = found.saved_input_tokens, found.saved_output_tokens, found.saved_cost_usd
    return with_tokens(
        replace(saving, basis="simulation"),
        input_tokens=None if given is None else given * calls,
        output_tokens=None if made is None else made * calls,
        cost_usd_per_1000=None if not usd else Gain(usd * calls * 1000),
    )
