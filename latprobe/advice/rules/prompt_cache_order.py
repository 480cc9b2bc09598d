"""Text that is the same in every call, behind text that is not: no provider's cache keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from latprobe.advice.call_texts import CallText
from latprobe.advice.context import Context
from latprobe.advice.outputs.cached_input import priced_rule
from latprobe.advice.outputs.prompt_order import PromptOrder, prompt_order
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import ENOUGH_CALLS, FEW_CALLS, Fewer, cost_saved
from latprobe.advice.saving import predicted, with_tokens
from latprobe.advice.suggestion import Evidence, Saving, Suggestion, not_enough
from latprobe.analysis.cache.provider_rules import PrefixRule, rule_for
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.whatif import Tokens

NAME = "prompt_cache_order"

# Less than a provider's step of a few hundred tokens changes no bill that anybody sees.
_LEAST_TOKENS = 400
_LEAST_SHARE = 0.15
# Calls that come when the cache has forgotten gain nothing.
_LEAST_IN_TIME = 0.5
_S = 1_000_000_000


def find(context: Context) -> Iterator[Suggestion]:
    """Each template that a cache would keep more of in another order."""
    for group in context.templates:
        rule = rule_for(group.provider, group.model)
        if rule is None or len(group.texts) < FEW_CALLS:
            continue
        order = prompt_order(group.texts)
        if order is None:
            continue
        now = max(float(rule.usable(round(order.first))), group.cached_tokens)
        then = float(rule.usable(round(order.first + order.behind)))
        gained = then - now
        in_time = _in_time(group.texts, rule)
        if gained < max(_LEAST_TOKENS, _LEAST_SHARE * group.input_tokens):
            continue
        if in_time >= _LEAST_IN_TIME or _full_price(rule, gained, in_time) < 0:
            yield _suggestion(context, group, rule, order, gained=gained, in_time=in_time)


def _in_time(calls: Sequence[CallText], rule: PrefixRule) -> float:
    """The share of calls that come while the one before is still kept."""
    starts = np.sort(np.array([call.start_ns for call in calls]))
    if rule.ttl_s is None:
        return 1.0
    return float(np.mean(np.diff(starts) < rule.ttl_s * _S)) if len(starts) > 1 else 0.0


def _full_price(rule: PrefixRule, gained: float, in_time: float) -> float:
    """What that saves of a call, in tokens at the full price: reads are cheaper, and where nothing
    is kept any more a call pays for the writing."""
    read, write = rule.read_price, rule.write_price
    if read is None or write is None:
        return 0.0
    return gained * (in_time * (1 - read) - (1 - in_time) * (write - 1))


def _suggestion(
    context: Context,
    group: TemplateCalls,
    rule: PrefixRule,
    order: PromptOrder,
    *,
    gained: float,
    in_time: float,
) -> Suggestion:
    title = f"Put the standing text of {group.subject} first, so that {rule.name} keeps it: " + (
        f"{gained:,.0f} of {group.input_tokens:,.0f} input tokens cached"
    )
    evidence = (
        Evidence("calls looked at", len(group.texts)),
        Evidence("tokens the same from the start", round(order.first), "tokens"),
        Evidence("the same, but behind what differs", round(order.behind), "tokens"),
        Evidence("first part that differs", order.broken_by),
        *(
            Evidence("it begins", " | ".join(order.beginnings))
            for _ in range(1)
            if order.beginnings
        ),
        Evidence("cached today", round(group.cached_tokens), "tokens a call"),
        Evidence("calls within the cache's life", round(in_time, 2), "share"),
    )
    if len(group.texts) < ENOUGH_CALLS:
        reason = f"{len(group.texts)} calls show this; record {ENOUGH_CALLS} or more."
        return not_enough(rule=NAME, subject=group.subject, title=title, refusal=Refusal(reason),
                          evidence=evidence, stage=group.stage)  # fmt: skip
    full = _full_price(rule, gained, in_time)
    if full < 0:
        return _dont(group, rule, title, evidence, -full)
    saving, changes, unknown = _saving(context, group, gained=gained, in_time=in_time)
    mark = "" if rule.is_automatic else " Mark its end in the request (cache_control)."
    return Suggestion(
        rule=NAME,
        subject=group.subject,
        title=title,
        evidence=(*evidence, *([Evidence("latency saved", unknown)] if unknown else [])),
        how="Build the prompt in this order: tools, instructions, examples, then what differs "
        f"(dates, ids, retrieved text, the question).{mark}\n"
        "Leave the time of day out, or round it to the day.",
        verify=f"`latprobe prompts`: cached input of {group.stage} rises by about {gained:,.0f} "
        "tokens a call.",
        effort="low",
        saving=saving,
        link=rule.source.split(" ")[0] if rule.source else None,
        stage=group.stage,
        changes=changes,
        claims=frozenset({("input_tokens", group.claim)}),
    )


def _dont(
    group: TemplateCalls, rule: PrefixRule, title: str, evidence: Sequence[Evidence], costs: float
) -> Suggestion:
    return Suggestion(
        rule=NAME,
        subject=group.subject,
        title=title,
        evidence=tuple(evidence),
        how="",
        verify="",
        effort="low",
        verdict="don't",
        reason=f"Calls come when {rule.name}'s cache has forgotten, so that each would pay to "
        f"write it: {costs:,.0f} full-price tokens more a call.",
        link=rule.source.split(" ")[0] if rule.source else None,
        stage=group.stage,
    )


def _saving(
    context: Context, group: TemplateCalls, *, gained: float, in_time: float
) -> tuple[Saving, tuple[Tokens, ...], str | None]:
    share = gained * in_time * group.calls / max(group.stage_uncached_tokens, 1.0)
    change = Tokens(group.stage, input_factor=max(1.0 - share, 0.0))
    found = predicted(context, change)
    unknown = found if isinstance(found, str) else None
    saving = Saving(basis="simulation") if isinstance(found, str) else found
    rule = priced_rule(group)
    if rule is None or rule.read_price is None or rule.write_price is None:
        return saving, (change,), unknown
    full = _full_price(rule, gained, in_time)
    cost = cost_saved(group, Fewer(input_tokens=full))
    return (
        with_tokens(
            saving,
            # Without a price of the calls, the discount stands as the tokens it is worth.
            input_tokens=None if cost else full * group.per_request,
            cost_usd_per_1000=cost,
            is_estimated=True,
        ),
        (change,),
        unknown,
    )
