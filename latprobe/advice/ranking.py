"""In which order suggestions are worth making, and what the best of them save together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from latprobe.advice.answer import Advice, Combined, Ranked
from latprobe.advice.context import Context
from latprobe.advice.saving import saving_of
from latprobe.advice.suggestion import Basis, Claim, Gain, Saving, Suggestion, Verdict

# A change that saves less than this share of latency at p95, of cost and of tokens is not worth a
# reader's time: what it would gain is below what a re-run can show.
MIN_GAIN_SHARE = 0.02

# So many suggestions are replayed together: nobody makes more changes at once.
TOGETHER = 5

# A second is worth more than a cent where both are saved by the same share: latency is felt by
# whoever waits, and cost comes in a bill. Tokens count where there is no price.
_COST_WEIGHT = 0.5
_SURENESS: dict[Basis, float] = {
    "replay": 1.0,
    "queue": 0.9,
    "simulation": 0.9,
    "latency_model": 0.9,
    "bound": 0.5,
}


def rank(context: Context, found: Iterable[Suggestion]) -> Advice:
    """The suggestions in order of what they gain, those that overlap after the better one."""
    by_verdict: dict[Verdict, list[Suggestion]] = {"do": [], "not enough data": [], "don't": []}
    for each in found:
        judged = _judged(context, each)
        by_verdict[judged.verdict].append(judged)
    scored = [(gain_share(context, each), each) for each in by_verdict["do"]]
    worth = [(share, each) for share, each in scored if share >= MIN_GAIN_SHARE]
    less = [(share, each) for share, each in scored if share < MIN_GAIN_SHARE]
    unsure = [each for _, each in less if _hoped_share(context, each) >= MIN_GAIN_SHARE]
    little = [(share, each) for share, each in less if each not in unsure]
    worth.sort(key=lambda pair: (-pair[0] * _sureness(pair[1]), pair[1].id))
    ranked = _without_overlaps(worth)
    return Advice(
        requests=len(context.requests),
        p50_ms=context.p50_ms,
        p95_ms=context.p95_ms,
        ranked=tuple(ranked),
        unclear=(*by_verdict["not enough data"], *map(_unsure, unsure)),
        dont=tuple(by_verdict["don't"]),
        little=_small(little),
        combined=_best_together(context, ranked),
    )


def combined(context: Context, chosen: Sequence[Suggestion]) -> Combined | None:
    """What several suggestions save together, replayed at once; None where one has no changes.

    Tokens and cost are added up, which holds for suggestions without a claim in common.
    """
    if not chosen or any(not each.changes for each in chosen):
        return None
    changes = dict.fromkeys(change for each in chosen for change in each.changes)
    prediction = context.predict(*changes)
    if prediction.refused:
        return None
    savings = [each.saving for each in chosen if each.saving is not None]
    costs = [each.cost_usd_per_1000 for each in savings if each.cost_usd_per_1000 is not None]
    saving = replace(
        saving_of(prediction),
        input_tokens=_sum([each.input_tokens for each in savings]),
        output_tokens=_sum([each.output_tokens for each in savings]),
        cost_usd_per_1000=Gain(sum(each.value for each in costs)) if costs else None,
        tokens_estimated=any(each.tokens_estimated for each in savings),
    )
    ids = tuple(each.id for each in chosen)
    return Combined(ids, saving, prediction.p50.after_ms, prediction.p95.after_ms)


def gain_share(context: Context, suggestion: Suggestion) -> float:
    """The share of p95 that it saves, or of the cost, or of tokens where nothing has a price."""
    saving = suggestion.saving
    if saving is None:
        return 0.0
    return max(_latency_share(context, saving), _COST_WEIGHT * _cost_share(context, saving))


def _best_together(context: Context, ranked: Sequence[Ranked]) -> Combined | None:
    """The best suggestions that take nothing from one another; None with fewer than two."""
    chosen: list[Suggestion] = []
    taken: set[Claim] = set()
    for each in ranked:
        suggestion = each.suggestion
        if suggestion.changes and not taken & suggestion.claims:
            chosen.append(suggestion)
            taken |= suggestion.claims
    chosen = chosen[:TOGETHER]
    while len(chosen) >= 2:
        found = combined(context, chosen)
        if found is not None:
            return found
        chosen.pop()
    return None


def _without_overlaps(worth: Sequence[tuple[float, Suggestion]]) -> list[Ranked]:
    """What is left of each once the better ones took theirs: of the same claim, only the excess."""
    taken: dict[Claim, tuple[float, str]] = {}
    ranked = []
    for share, each in worth:
        before = [taken[claim] for claim in sorted(each.claims) if claim in taken]
        most = max((amount for amount, _ in before), default=0.0)
        left = max(share - most, 0.0) / share
        for claim in each.claims:
            taken[claim] = max(taken.get(claim, (0.0, "")), (share, each.id))
        ranked.append(
            Ranked(
                suggestion=each,
                score=share * left * _sureness(each),
                gain_share=share,
                overlaps=tuple(dict.fromkeys(other for _, other in before)),
                left_share=left,
            )
        )
    return sorted(ranked, key=lambda each: -each.score)


def _small(little: Sequence[tuple[float, Suggestion]]) -> tuple[Ranked, ...]:
    """What saves so little that nobody needs to hear of it unasked; overlaps are not looked at."""
    found = [Ranked(each, share * _sureness(each), share) for share, each in little]
    return tuple(sorted(found, key=lambda each: (-each.score, each.suggestion.id)))


def _judged(context: Context, suggestion: Suggestion) -> Suggestion:
    """The suggestion, or "don't" where requests would surely get slower by it."""
    saving = suggestion.saving
    if suggestion.verdict != "do" or saving is None:
        return suggestion
    for gain, total in ((saving.p95_ms, context.p95_ms), (saving.p50_ms, context.p50_ms)):
        if gain is None or gain.high is None or gain.high >= 0:
            continue
        if total and -gain.value / total >= MIN_GAIN_SHARE:
            reason = f"Requests would take {-gain.value:.0f} ms longer, which costs more."
            return replace(suggestion, verdict="don't", reason=reason)
    return suggestion


def _unsure(suggestion: Suggestion) -> Suggestion:
    reason = (
        "What was recorded does not show whether it saves anything: the interval of the saving "
        "holds 0. Record more requests, with less else going on."
    )
    return replace(suggestion, verdict="not enough data", reason=reason)


def _hoped_share(context: Context, suggestion: Suggestion) -> float:
    """The share of latency that it saves if the likeliest figure is right."""
    saving = suggestion.saving
    if saving is None:
        return 0.0
    both = ((saving.p95_ms, context.p95_ms), (saving.p50_ms, context.p50_ms))
    return max((gain.value / total for gain, total in both if gain and total), default=0.0)


def _sureness(suggestion: Suggestion) -> float:
    return 0.0 if suggestion.saving is None else _SURENESS[suggestion.saving.basis]


def _latency_share(context: Context, saving: Saving) -> float:
    """Of p95; of the median where the tail is too noisy to tell."""
    return max(
        sure_ms(saving.p95_ms) / context.p95_ms if context.p95_ms else 0.0,
        sure_ms(saving.p50_ms) / context.p50_ms if context.p50_ms else 0.0,
    )


def _cost_share(context: Context, saving: Saving) -> float:
    if saving.cost_usd_per_1000 is not None and context.cost_usd_per_1000:
        return saving.cost_usd_per_1000.value / context.cost_usd_per_1000
    tokens = (saving.input_tokens or 0.0) + (saving.output_tokens or 0.0)
    return tokens / context.tokens_per_request if context.tokens_per_request else 0.0


def sure_ms(gain: Gain | None) -> float:
    """The gain, or 0 where it may be none at all: by the same requests where they can be compared,
    else by its interval."""
    if gain is None:
        return 0.0
    least = gain.low if gain.least is None else gain.least
    return 0.0 if least is not None and least <= 0 else gain.value


def _sum(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return sum(known) if known else None
