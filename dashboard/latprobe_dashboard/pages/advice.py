"""What should I change first? Suggestions in order, each with gain, evidence and proof."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import streamlit as st

from latprobe.advice.answer import Advice, Ranked
from latprobe.advice.applied import Applied
from latprobe.advice.gain_range import at_least, between
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.scope import Scope
from latprobe_dashboard import advice_queries, data, later, quantities
from latprobe_dashboard.advice_queries import Given
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.pages.advice_applied import applied_section
from latprobe_dashboard.pages.advice_card import card
from latprobe_dashboard.pages.advice_words import facts, gain_words, inline, title
from latprobe_dashboard.pages.mixed_services import say_mixed

TITLE, PATH, ICON = "Advice", "advice", ":material/lightbulb:"
QUESTION = "What should I change first?"
CARDS = 12
SKELETON_HEIGHT = 420
_LITTLE = "Show what saves under 2 % too ({})"
_STYLE = Path(__file__).with_name("advice.css")


def render() -> None:
    show(QUESTION, _body)


def _body(scope: Scope) -> None:
    st.html(f"<style>{_STYLE.read_text('utf-8')}</style>")
    asked = advice_queries.given(scope).begin()
    data.begin(data.roots)
    if not asked.comes_within(later.PATIENCE_S):
        sentence(["Working out what the requests would gain from each change."])
    later.fill(asked, lambda found: _advice(found, scope), height=SKELETON_HEIGHT, gives_way=True)
    applied_section()


def _advice(found: Given, scope: Scope) -> None:
    advice = found.advice
    marked = {each.id: each for each in advice_queries.applied()}
    sentence(_answer(found, marked))
    if advice.refused is None:  # which may say so itself
        say_mixed(scope, "what is advised may tell one program from another.")
    for note in (_basis(advice), *advice.notes):
        st.html(f'<p class="lp-note">{inline(note, 400)}</p>')
    _cards(found, scope, marked, advice.ranked[:CARDS], first=1)
    if len(advice.ranked) > CARDS:
        with st.expander(f"{len(advice.ranked) - CARDS} more that gain less"):
            for each in advice.ranked[CARDS:]:
                st.html(_line(each.suggestion, gain_words(found, each.suggestion.saving)))
    _others("Not enough data", advice.unclear, "A sign that the recorded requests cannot confirm")
    _others("Don't", advice.dont, "What looks like a gain and would cost more than it saves")
    if advice.little and st.toggle(_LITTLE.format(advice.small), key="lp_advice_little"):
        _cards(found, scope, marked, advice.little, first=len(advice.ranked) + 1)


def _cards(
    found: Given,
    scope: Scope,
    marked: Mapping[str, Applied],
    shown: Sequence[Ranked],
    *,
    first: int,
) -> None:
    """Draws the suggestions, numbered from `first` on."""
    places = {each.suggestion.id: place for place, each in enumerate(found.advice.ranked, 1)}
    replays = advice_queries.replayed()
    for place, each in enumerate(shown, first):
        known = each.suggestion.id
        card(
            found,
            each,
            place,
            scope,
            applied=marked.get(known),
            replayed=replays.get(known),
            places=places,
        )


def _answer(found: Given, marked: Collection[str]) -> list[str]:
    advice = found.advice
    if advice.refused is not None:
        return [inline(advice.refused, 400)]
    if not advice.ranked:
        return _nothing(advice)
    first = next((each for each in advice.ranked if each.suggestion.id not in marked), None)
    if first is None:
        return [
            "<b>All that is suggested is marked as applied:</b> what it did stands below.",
            "Requests from before are among these; choose the newest run to leave them out.",
        ]
    words = f"First: <b>{title(first.suggestion)}</b>."
    gain = gain_words(found, first.suggestion.saving)
    beside = inline(advice.beside, 400) if advice.beside else ""
    return [words, f"It saves {gain}." if gain else "", _together(advice), beside]


def _nothing(advice: Advice) -> list[str]:
    """That there is nothing to change, and where the time goes all the same."""
    where = "" if advice.dominant is None else inline(advice.dominant.words, 300)
    if advice.unclear:
        return ["<b>Nothing to change yet:</b> what was seen needs more data.", where]
    small = f"{quantities.counted(advice.small, 'change')} would gain less." if advice.small else ""
    return ["<b>Nothing to suggest:</b> no change was found that gains 2 % or more.", small, where]


def _together(advice: Advice) -> str:
    """What the best gain when all are followed."""
    found = advice.combined
    if found is None or found.p95_after_ms is None:
        return ""
    places = {each.suggestion.id: place for place, each in enumerate(advice.ranked, 1)}
    numbers = [str(places[each]) for each in found.ids if each in places]
    if len(numbers) < 2:
        return ""
    which = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    before, after = (quantities.milliseconds(ms) for ms in (advice.p95_ms, found.p95_after_ms))
    gain, ms = found.saving.p95_ms, quantities.milliseconds
    sure = "" if gain is None else at_least(gain, ms) or between(gain, ms)
    how = f" (saves {sure})" if sure else ""
    return f"Changes {which} together take p95 from {before} to <b>{after}</b>{how}."


def _basis(advice: Advice) -> str:
    """What the gains are of."""
    latency = (
        f"p50 {quantities.milliseconds(advice.p50_ms)}, "
        f"p95 {quantities.milliseconds(advice.p95_ms)}"
    )
    words = f"From {quantities.counted(advice.requests, 'request')} ({latency})."
    if not advice.ranked:
        return words
    return f"{words} Intervals are where 95 % of re-runs of as many requests would measure it."


def _others(title: str, found: tuple[Suggestion, ...], what: str) -> None:
    if not found:
        return
    with st.expander(f"{title} ({len(found)})"):
        st.html(f'<p class="lp-note">{what}.</p>')
        for each in found:
            st.html(_line(each, each.reason or ""))


def _line(suggestion: Suggestion, words: str) -> str:
    shown = facts(suggestion.evidence)
    return (
        f'<div class="lp-other"><b>{title(suggestion)}</b>'
        f"<p>{inline(words, 600) if words == suggestion.reason else words}</p>{shown}</div>"
    )
