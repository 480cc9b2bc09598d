"""Chats that send all they said before, again and again, until that is most of the prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from latprobe.advice.call_texts import CallText
from latprobe.advice.context import Context
from latprobe.advice.outputs.cached_input import cached_shares, mean, priced_rule
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import FEW_CALLS, Fewer, falls_to, token_suggestion
from latprobe.advice.suggestion import Evidence, Suggestion

NAME = "long_history"

# Three turns of question and answer, which a reply hardly reaches behind, and a summary of the
# rest.
_KEPT_MESSAGES = 6
_SUMMARY_TOKENS = 150
# Twice what the summary takes: for less, nobody writes one.
_LEAST_SHARE = 0.4
_LEAST_SAVED = 300
# It grows: late turns send several times what early ones do.
_GROWTH = 3.0


def find(context: Context) -> Iterator[Suggestion]:
    """Each template whose history grows and is the greater part of its input."""
    for group in context.templates:
        calls = [call for call in group.texts if call.side("input")]
        tokens = [_history(call) for call in calls]
        if len(calls) < FEW_CALLS:
            continue
        total = mean([float(sum(each)) for each in tokens])
        early, late = np.quantile([sum(each) for each in tokens], [0.1, 0.9]).tolist()
        if total < _LEAST_SHARE * group.input_tokens or late < _GROWTH * max(early, 1):
            continue
        saved = mean([_saved(each) for each in tokens])
        if saved >= _LEAST_SAVED:
            yield _suggestion(context, group, calls, total, early, late, saved=saved)


def _history(call: CallText) -> list[int]:
    return [part.tokens or 0 for part in call.side("input") if part.kind == "history"]


def _saved(history: list[int]) -> float:
    older = sum(history[:-_KEPT_MESSAGES])
    return float(max(older - _SUMMARY_TOKENS, 0))


def _suggestion(
    context: Context,
    group: TemplateCalls,
    calls: list[CallText],
    total: float,
    early: float,
    late: float,
    *,
    saved: float,
) -> Suggestion:
    # A history that is cut at its beginning is another prefix: what was cached of it is so no more.
    lost = mean([_cached_history(call) for call in calls])
    now = group.input_tokens
    made = token_suggestion(
        context,
        group,
        Fewer(input_tokens=saved, cached_share=lost / saved, is_estimated=True),
        rule=NAME,
        title=f"Keep the last {_KEPT_MESSAGES} messages of the history in {group.subject} and sum "
        f"up the rest: {now:.0f} -> {now - saved:.0f} input tokens a call",
        evidence=(
            Evidence("calls looked at", len(calls)),
            Evidence("history, mean", round(total), "tokens a call"),
            Evidence("history, early turns (p10)", round(early), "tokens"),
            Evidence("history, late turns (p90)", round(late), "tokens"),
            Evidence("share of the input", round(total / max(now, 1), 2), "share"),
            Evidence("of it cached today", round(lost), "tokens a call"),
        ),
        how=f"Send the system text, a summary of about {_SUMMARY_TOKENS} tokens, and the last "
        f"{_KEPT_MESSAGES} messages; renew the summary every few turns, so that the prefix stays "
        "cached between.\nKeep facts that later turns need (names, ids, decisions) in it.",
        verify=falls_to(group.stage, "input", now - saved),
        effort="medium",
        preconditions=("Lossy: answers may miss what was said long ago; try it on long chats.",),
        seen=len(calls),
    )
    reason = _costs_more(group, saved=saved, lost=lost)
    return made if reason is None else replace(made, verdict="don't", reason=reason)


def _cached_history(call: CallText) -> float:
    return sum(
        (part.tokens or 0) * share
        for part, share in zip(call.side("input"), cached_shares(call), strict=True)
        if part.kind == "history"
    )


def _costs_more(group: TemplateCalls, *, saved: float, lost: float) -> str | None:
    """Why the history is cheaper as it is, cached; None where it is not."""
    rule = priced_rule(group)
    if rule is None or rule.read_price is None or lost <= 0:
        return None
    discount = 1 - rule.read_price
    before = group.input_tokens - group.cached_tokens * discount
    after = group.input_tokens - saved - max(group.cached_tokens - lost, 0.0) * discount
    if after < before:
        return None
    return (
        f"{lost:,.0f} tokens of the history are read from {rule.name}'s cache, and a cut history "
        f"is a new prefix: {before:,.0f} -> {after:,.0f} full-price tokens a call."
    )
