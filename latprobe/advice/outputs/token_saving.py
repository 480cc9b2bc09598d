"""A suggestion that takes tokens off a template's calls, with what that saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from latprobe.advice.context import Context
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.saving import saving_of, with_tokens
from latprobe.advice.suggestion import (
    Claim,
    Effort,
    Evidence,
    Gain,
    Sample,
    Saving,
    Suggestion,
    not_enough,
)
from latprobe.analysis.cache.provider_rules import LOCAL, rule_for
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.whatif import Scale, Tokens
from latprobe.tokens.prices import Prices
from latprobe.tokens.rates import Quantities

# Fewer calls with a text can all be of one kind by chance.
ENOUGH_CALLS = 20
# From so many on, a sign is worth saying that there are too few.
FEW_CALLS = 5
_MILLION = 1_000_000
# A change too far from what was recorded is predicted in part.
_PARTS = (1.0, 0.75, 0.5, 0.25)
# With fewer calls than a model of latency takes, only tokens are said to be saved.
_FEWEST_BOUND = 50
# A hosted model that writes fewer than 20 tokens a second is not one that people wait for.
_SLOWEST_HOSTED_MS = 50.0
# Of the times a token can have taken at most, the shortest few hold for all; the very shortest may
# be an accident.
_SHORTEST = 0.1


@dataclass(frozen=True, slots=True)
class Fewer:
    """Tokens that a call has less of, on average over all calls of the template, those that stay as
    they are too. `cached_share` 0..1 of the input's are read from a provider's cache today;
    `is_estimated` where they were not counted exactly."""

    output_tokens: float = 0.0
    input_tokens: float = 0.0
    cached_share: float = 0.0
    is_estimated: bool = False


def token_suggestion(
    context: Context,
    group: TemplateCalls,
    fewer: Fewer,
    *,
    rule: str,
    title: str,
    evidence: Sequence[Evidence],
    how: str,
    verify: str,
    seen: int,
    link: str | None = None,
    effort: Effort = "low",
    sample: Sample | None = None,
    preconditions: tuple[str, ...] = (),
    enough: int = ENOUGH_CALLS,
) -> Suggestion:
    """The suggestion with its saving; "not enough data" where only `seen` calls show it."""
    if seen < enough:
        reason = f"{seen} calls of {group.subject} show this; record {enough} or more."
        return not_enough(
            rule=rule,
            subject=group.subject,
            title=title,
            refusal=Refusal(reason),
            evidence=evidence,
            stage=group.stage,
        )
    fewer = _within(group, fewer)
    saving, changes, unsaid = saving_of_tokens(context, group, fewer)
    said = (*evidence, Evidence("latency saved", unsaid)) if unsaid else tuple(evidence)
    return Suggestion(
        rule=rule,
        subject=group.subject,
        title=title,
        evidence=said,
        how=how,
        verify=verify,
        effort=effort,
        saving=saving,
        link=link,
        stage=group.stage,
        preconditions=preconditions,
        changes=changes,
        claims=_claims(group, fewer),
        sample=sample,
    )


def _within(group: TemplateCalls, fewer: Fewer) -> Fewer:
    """No more than a call has, where that is known: texts are counted by another's tokenizer."""
    return replace(
        fewer,
        output_tokens=min(fewer.output_tokens, group.output_tokens or fewer.output_tokens),
        input_tokens=min(fewer.input_tokens, group.input_tokens or fewer.input_tokens),
    )


def falls_to(stage: str, side: str, tokens: float) -> str:
    """What shows that calls of the stage have so many tokens, on average, on that side by then."""
    return f"`latprobe prompts`: {side} tokens of {stage} fall to about {tokens:.0f} a call."


def saving_of_tokens(
    context: Context, group: TemplateCalls, fewer: Fewer
) -> tuple[Saving, tuple[Tokens, ...], str | None]:
    """The saving, the change it was predicted from, and what limits its latency (None: nothing).

    Where so few tokens are far from anything recorded, a part of the change is predicted.
    """
    saving, change, said = _latency(context, group, _change(group, fewer))
    return (
        with_tokens(
            saving,
            input_tokens=fewer.input_tokens * group.per_request if fewer.input_tokens else None,
            output_tokens=fewer.output_tokens * group.per_request if fewer.output_tokens else None,
            cost_usd_per_1000=cost_saved(group, fewer),
            is_estimated=fewer.is_estimated,
        ),
        () if change is None else (change,),
        said,
    )


def _latency(
    context: Context, group: TemplateCalls, change: Tokens | None
) -> tuple[Saving, Tokens | None, str | None]:
    if change is None:
        return Saving(basis="simulation"), None, "No tokens of these calls are known."
    for part in _PARTS:
        tried = _part_of(change, part)
        prediction = context.predict(tried)
        if not prediction.refused:
            return saving_of(prediction), tried, _partly(part)
    said = context.predict(change).refused
    bound = _at_most(context, group, change)
    if bound is None:
        # What was counted in recorded texts is no bound; what it means in time is not known.
        return Saving(basis="simulation"), change, said
    return bound, None, f"At most: as if every token took as long as the calls allow. {said}"


def _at_most(context: Context, group: TemplateCalls, change: Tokens) -> Saving | None:
    """What fewer output tokens would save at most; None for too few calls.

    Input has no such bound that would say anything: most of a call is not its prefill.
    """
    if change.output_factor == 1.0 or group.calls < _FEWEST_BOUND:
        return None
    share = _most_writing(context, group)
    prediction = context.predict(Scale(group.stage, 1 - share * (1 - change.output_factor)))
    return None if prediction.refused else replace(saving_of(prediction), basis="bound")


def _most_writing(context: Context, group: TemplateCalls) -> float:
    """The share of its calls' time, 0..1, that writing their output can have taken at most.

    A token takes no longer than the time after the first one, over all tokens, of any call of the
    same model: where long answers are recorded as well, short ones are known by them.
    """
    table = context.sampled.table
    names = ("name", "model", "duration_ns", "ttft_ns", "output_tokens")
    rows = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    own = [row for row in rows if row[0] == group.stage and row[2] and row[4]]
    alike = [row for row in rows if row[1] == group.model and row[2] and row[4]] or own
    if not own:
        return 1.0
    paces = [max(took - (first or 0), 0) / made for _, _, took, first, made in alike]
    pace_ns = float(np.quantile(paces, _SHORTEST))
    if rule_for(group.provider, group.model) is not LOCAL and group.provider is not None:
        pace_ns = min(pace_ns, _SLOWEST_HOSTED_MS * 1e6)
    writing_ns = pace_ns * float(sum(row[4] for row in own))
    return min(writing_ns / float(sum(row[2] for row in own)), 1.0)


def _part_of(change: Tokens, part: float) -> Tokens:
    return replace(
        change,
        input_factor=1 - part * (1 - change.input_factor),
        output_factor=1 - part * (1 - change.output_factor),
    )


def _partly(part: float) -> str | None:
    if part == 1.0:
        return None
    return (
        f"Predicted for {part:.0%} of the tokens saved: calls as short as with all of it were not "
        "recorded, so that it saves more than is shown."
    )


def _change(group: TemplateCalls, fewer: Fewer) -> Tokens | None:
    """The template's saving as a factor over all calls of its stage."""
    uncached = fewer.input_tokens * (1 - fewer.cached_share) * group.calls
    made = fewer.output_tokens * group.calls
    change = Tokens(
        group.stage,
        input_factor=_left(uncached, group.stage_uncached_tokens),
        output_factor=_left(made, group.stage_output_tokens),
    )
    return None if change == Tokens(group.stage) else change


def _left(saved: float, total: float) -> float:
    # A sentence more in the prompt is a factor over 1 that no model of time can tell from noise.
    return min(max(1.0 - saved / total, 0.0), 1.0) if total > 0 else 1.0


def _claims(group: TemplateCalls, fewer: Fewer) -> frozenset[Claim]:
    kinds = (("output_tokens", fewer.output_tokens), ("input_tokens", fewer.input_tokens))
    return frozenset((kind, group.claim) for kind, tokens in kinds if tokens > 0)


def cost_saved(group: TemplateCalls, fewer: Fewer) -> Gain | None:
    """US dollars of 1,000 requests; None where calls have no price.

    By list prices, scaled to what the calls were recorded to cost, so that prices of one's own and
    cached tokens are kept to.
    """
    if group.cost_usd is None:
        return None
    used = (group.input_tokens, group.output_tokens, group.cached_tokens)
    cached = min(fewer.input_tokens * fewer.cached_share, group.cached_tokens)
    before = _list_cost(group, *used)
    after = _list_cost(
        group,
        max(used[0] - fewer.input_tokens, 0.0),
        max(used[1] - fewer.output_tokens, 0.0),
        max(used[2] - cached, 0.0),
    )
    if not before or after is None:
        return None
    return Gain(1_000 * group.per_request * group.cost_usd * (1 - after / before))


def _list_cost(group: TemplateCalls, given: float, made: float, cached: float) -> float | None:
    """The list price of a million such calls, so that fractions of tokens count."""
    call = Quantities(
        input_tokens=round(given * _MILLION),
        output_tokens=round(made * _MILLION),
        cache_read_tokens=round(cached * _MILLION),
    )
    cost = _prices().cost(call, model=group.model, provider=group.provider, at_ns=group.newest_ns)
    return cost.usd


@cache
def _prices() -> Prices:
    return Prices()
