"""One suggestion: its gain drawn with its interval, its evidence, how to do it and to prove it."""

from __future__ import annotations

import html
from collections.abc import Mapping

import streamlit as st

from latprobe.advice.answer import Ranked
from latprobe.advice.applied import Applied
from latprobe.advice.gain_range import at_least
from latprobe.advice.replay.result import Replayed
from latprobe.advice.suggestion import Gain, Sample, Saving, Suggestion
from latprobe.analysis.scope import Scope
from latprobe.errors import LatprobeError
from latprobe_dashboard import advice_queries, permission, quantities, shown_text, visitor
from latprobe_dashboard.advice_queries import Given
from latprobe_dashboard.charts import intervals, listing, side_by_side
from latprobe_dashboard.pages.advice_replay import replay_block
from latprobe_dashboard.pages.advice_words import (
    BASIS,
    EFFORT,
    MEANING,
    commands,
    facts,
    inline,
    left_of,
    saved_and_spent,
    title,
    token_words,
)

_FAILED = "latprobe_mark_failed"
MINUS = "\u2212"
# A bound on less than this share of the requests' time says that nothing is gained.
_NOTHING = 0.005
READ_ONLY = "Only who opens the dashboard on its own machine, or with its token, may change this."


def card(
    found: Given,
    ranked: Ranked,
    place: int,
    scope: Scope,
    *,
    applied: Applied | None,
    replayed: Replayed | None,
    places: Mapping[str, int],
) -> None:
    """Draws the suggestion; `places` are those of all, to name the ones that it overlaps with."""
    each = ranked.suggestion
    with st.container(border=True, key=f"lp_card_{each.id}"):
        with st.container(horizontal=True, vertical_alignment="center", key=f"lp_top_{each.id}"):
            st.html(_head(each, place), width="stretch")
            _mark_button(each, scope, applied)
        left, right = st.columns([3, 2], gap="medium")
        with left:
            st.html(_gains(found, each.saving) + _how(each) + _overlap(found, ranked, places))
            _verify(each)
        with right:
            st.html(f'<p class="lp-sub">Evidence</p>{facts(each.evidence)}')
            if replayed is not None:
                st.html(replay_block(replayed))
        if each.sample is not None:
            _sample(each.sample, each.id)


def _head(each: Suggestion, place: int) -> str:
    badges = [(EFFORT[each.effort], "How much work the change is")]
    if each.saving is not None:
        badges.append(BASIS[each.saving.basis])
    if each.sample is not None:
        badges.insert(0, (each.sample.meaning, MEANING[each.sample.meaning]))
    drawn = "".join(
        f'<span title="{html.escape(why)}">{html.escape(word)}</span>' for word, why in badges
    )
    return (
        f'<div class="lp-card-head"><i>{place}</i><h3>{title(each)}</h3>'
        f'<div class="lp-badges">{drawn}</div></div>'
    )


def _mark_button(each: Suggestion, scope: Scope, applied: Applied | None) -> None:
    may = permission.may_write()
    if st.session_state.get(_FAILED, ("", ""))[0] == each.id:
        st.html(f'<span class="lp-bad">{inline(st.session_state.pop(_FAILED)[1], 300)}</span>')
    if applied is None:
        st.button(
            "Mark as applied",
            key=f"lp_mark_{each.id}",
            disabled=not may,
            help="Once you have made the change: keeps what is predicted now, and measures the "
            "requests that start from now on against it."
            if may
            else READ_ONLY,
            on_click=_mark,
            args=(scope, each.id),
        )
        return
    when = quantities.local_time(applied.applied_ns, visitor.zone()).strftime("%d %b %H:%M")
    st.html(f'<span class="lp-dim">Applied {when}</span>')


def _mark(scope: Scope, suggestion_id: str) -> None:
    try:
        with st.spinner("Keeping what is predicted"):
            advice_queries.mark_applied(scope, suggestion_id)
    except LatprobeError as error:
        st.session_state[_FAILED] = suggestion_id, str(error)


def _gains(found: Given, saving: Saving | None) -> str:
    if saving is None:
        return '<p class="lp-note">What it saves is not known.</p>'
    is_bound = saving.basis == "bound"
    known = [
        (name, before, gain)
        for name, before, gain in (
            ("p95", found.advice.p95_ms, saving.p95_ms),
            ("p50", found.advice.p50_ms, saving.p50_ms),
        )
        if before and gain is not None and not (is_bound and gain.value / before < _NOTHING)
    ]
    ends = [(before, *left_of(before, gain, is_bound=is_bound)) for _, before, gain in known]
    top = max((end for each in ends for end in each if end is not None), default=0.0)
    drawn = "".join(_latency(*each, is_bound=is_bound, top=top) for each in known)
    rest = saved_and_spent([*token_words(saving), *_cost(found, saving)])
    if not drawn:
        drawn = f'<p class="lp-note">{_no_latency(saving)}</p>'
    return f'<div class="lp-gains">{drawn}</div>' + (
        f'<p class="lp-rest">{rest}</p>' if rest else ""
    )


def _no_latency(saving: Saving) -> str:
    if saving.p95_ms is None and saving.p50_ms is None:
        return "Its effect on latency is not known."
    return "It gains no latency."


def _latency(name: str, before: float, gain: Gain, *, is_bound: bool, top: float) -> str:
    after, low, high = left_of(before, gain, is_bound=is_bound)
    shown = intervals.bar(before, after, low, high, top=top)
    least = "\u2265 " if is_bound else ""
    words = (
        f"{quantities.milliseconds(before)} → <b>{least}{quantities.milliseconds(after)}</b> "
        f"({'+' if gain.value < 0 else MINUS}{quantities.share(abs(gain.value) / before)})"
    )
    between = ""
    if low is not None and high is not None:
        between = f"{quantities.milliseconds(max(low, 0.0))} to {quantities.milliseconds(high)}"
        sure = at_least(gain, quantities.milliseconds)
        between += f"; {sure}" if sure else ""
    told = "the least that it can be" if is_bound else "predicted"
    line = " The line is its 95 % interval" if between else ""
    return (
        f'<div class="lp-gain" title="{name} of the requests now, and {told} with the change.'
        f'{line}"><b>{name}</b>{shown}<span>{words}'
        f"<small>{between}</small></span></div>"
    )


def _cost(found: Given, saving: Saving) -> list[str]:
    cost = saving.cost_usd_per_1000
    if cost is None or not cost.value:
        return []
    whole = found.cost_usd_per_1000
    share = f" ({quantities.share(abs(cost.value) / whole)})" if whole else ""
    if cost.value < 0:
        return [f"costs {quantities.dollars(-cost.value)} more per 1,000 requests{share}"]
    return [f"{quantities.dollars(cost.value)} per 1,000 requests{share}"]


def _how(each: Suggestion) -> str:
    link = ""
    if each.link and each.link.startswith("https://"):
        url = html.escape(each.link, quote=True)
        link = f' <a href="{url}" target="_blank" rel="noopener noreferrer">Read more</a>'
    before = "".join(f"<li>{inline(text, 300)}</li>" for text in each.preconditions)
    needs = f'<p class="lp-sub">Only if</p><ul class="lp-needs">{before}</ul>' if before else ""
    what = f'<p class="lp-how">{inline(each.how, 600)}{link}</p>'
    return f'<p class="lp-sub">What to do</p>{what}{needs}'


def _overlap(found: Given, ranked: Ranked, places: Mapping[str, int]) -> str:
    titles = {each.suggestion.id: title(each.suggestion) for each in found.advice.ranked}
    known = [each for each in ranked.overlaps if each in places]
    if not known:
        return ""
    names = ", ".join(f"{places[each]} ({titles[each]})" for each in known)
    left = (
        "nothing of it is left"
        if ranked.left_share < 0.005
        else f"{quantities.share(ranked.left_share)} of it is left"
    )
    return f'<p class="lp-overlap">Saves from the same as {names}: once that is done, {left}.</p>'


def _verify(each: Suggestion) -> None:
    if each.verify:
        words = f'<p class="lp-how">{inline(each.verify, 400)}</p>'
        st.html(f'<p class="lp-sub">How to verify</p>{words}')
    known = commands(each.verify) or [f"latprobe applied {each.id}"]
    listing.mount("\n".join(shown_text.line(one, 300) for one in known), key=f"lp_run_{each.id}")


def _sample(sample: Sample, key: str) -> None:
    before, after = sample.before_tokens, sample.after_tokens
    counts = ""
    if before is not None and after is not None:
        counts = f": {quantities.exact(before)} → {quantities.exact(after)} tokens"
    with st.expander(f"Before and after, one recorded text{counts}", key=f"lp_fold_{key}"):
        side_by_side.mount(
            sample.before,
            sample.after,
            key=f"lp_pair_{key}",
            before_note=_tokens(before),
            after_note=_tokens(after),
        )
        meaning = html.escape(sample.meaning)
        st.html(
            f'<p class="lp-note"><b>{meaning[0].upper()}{meaning[1:]}.</b> '
            f"{inline(sample.check, 600)}</p>"
        )


def _tokens(count: int | None) -> str:
    return "" if count is None else f"{quantities.exact(count)} tokens"
