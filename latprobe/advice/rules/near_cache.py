"""Calls that ask nearly what was asked before, and got the same answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from latprobe.advice.cache_savings import LEAST_RATIO, Advised, is_worth, opportunities, suggestion
from latprobe.advice.call_texts import CallText
from latprobe.advice.context import Context
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.analysis.cache import Opportunity, StageCache
from latprobe.analysis.cache.near_duplicates import jaccard, shingles, similar

NAME = "near_cache"

# Pairs of like inputs that are looked at, and how many of them have to have got the same answer.
MOST_PAIRS = 200
FEWEST_PAIRS = 10
LEAST_SAME = 0.9
# Answers in other words count as the same from this share of common runs of three words on.
SAME_ANSWER = 0.8
# "order 4821" and "order 4822" are near by their words and ask for two things.
_DIGITS = re.compile(r"\d+")
_TURNS_AROUND = re.compile(r"\b(?:not|no|never|without|except|unless|n't)\b", re.IGNORECASE)


def find(context: Context) -> Iterable[Suggestion]:
    """Where like inputs are frequent, beyond the same ones, and were seen to get one answer."""
    exact = {(s.stage, s.model): f.hit_ratio or 0.0 for s, f in opportunities(context, "exact")}
    for stage, found in opportunities(context, "near_duplicate"):
        more = (found.hit_ratio or 0.0) - exact.get((stage.stage, stage.model), 0.0)
        if found.refused or more < LEAST_RATIO or not is_worth(found) or stage.with_tools:
            continue
        pairs = _like_pairs([each for each in context.texts if each.stage == stage.stage])
        same = sum(_same_answer(one, other) for one, other in pairs)
        if len(pairs) >= FEWEST_PAIRS and same >= LEAST_SAME * len(pairs):
            yield _suggestion(context, stage, found, more, same / len(pairs), len(pairs))


def _suggestion(
    context: Context,
    stage: StageCache,
    found: Opportunity,
    more: float,
    same: float,
    pairs: int,
) -> Suggestion:
    ratio = found.hit_ratio or 0.0
    advised = Advised(
        rule=NAME,
        title=f"Answer what was nearly asked before from a cache: {ratio:.0%} of {stage.stage}",
        how="Look for the nearest earlier question by its vector before the model is called, "
        "within one tenant and one template.\nCompare numbers, names and negations before an old "
        "answer is given; start with logging what it would have answered.",
        verify="Compare old and new answers on a sample of hits; `latprobe report` then shows "
        f"{stage.stage} {ratio:.0%} less often.",
        link="https://redis.io/docs/latest/develop/ai/redisvl/",
        effort="medium",
        preconditions=(
            "Two inputs alike in their words may have one answer: nothing but a check of answers "
            "shows it.",
        ),
    )
    evidence = (
        Evidence("Of these not by the very same input", round(100 * more, 1), "%"),
        Evidence("Like inputs that got the same answer", round(100 * same, 1), f"% of {pairs}"),
    )
    return suggestion(context, stage, found, advised, hit_ratio=ratio, evidence=evidence)


def _like_pairs(calls: Sequence[CallText]) -> list[tuple[CallText, CallText]]:
    """Calls whose inputs are alike and not the same, of those with text."""
    distinct = {_hashes(each): each for each in calls if each.has_text}
    stable = _stable(list(distinct))
    kept = list(distinct.values())
    texts = [_varying(each, stable) for each in kept]
    near = similar([shingles(text) for text in texts])
    pairs = ((one, other) for one, others in near.items() for other in others if one < other)
    return [
        (kept[one], kept[other])
        for one, other in islice(pairs, MOST_PAIRS)
        if texts[one] and texts[other]
    ]


def _hashes(call: CallText) -> tuple[str | None, ...]:
    return tuple(part.hash for part in call.side("input"))


def _stable(calls: Sequence[tuple[str | None, ...]]) -> frozenset[str | None]:
    """Parts that nine of ten calls have: they tell no call from another."""
    every = [part for call in calls for part in set(call)]
    return frozenset(part for part in set(every) if every.count(part) >= 0.9 * len(calls))


def _varying(call: CallText, stable: frozenset[str | None]) -> str:
    return "\n".join(p.text or "" for p in call.side("input") if p.hash not in stable)


def _same_answer(one: CallText, other: CallText) -> bool:
    texts = ["\n".join(p.text or "" for p in call.side("output")) for call in (one, other)]
    asked = ["\n".join(p.text or "" for p in call.side("input")) for call in (one, other)]
    for pattern in (_DIGITS, _TURNS_AROUND):
        if sorted(pattern.findall(asked[0])) != sorted(pattern.findall(asked[1])):
            return False
    if not texts[0] or not texts[1]:
        return False
    return jaccard(shingles(texts[0]), shingles(texts[1])) >= SAME_ANSWER
