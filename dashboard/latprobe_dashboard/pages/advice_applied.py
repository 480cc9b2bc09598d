"""Applied: what was predicted for the suggestions that were followed, against what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from latprobe.advice.verify import Outcome, Verified
from latprobe.analysis.intervals import Estimate
from latprobe.errors import LatprobeError
from latprobe_dashboard import advice_queries, later, permission, quantities, shown_text, visitor
from latprobe_dashboard.charts import intervals
from latprobe_dashboard.pages.advice_card import READ_ONLY
from latprobe_dashboard.pages.advice_words import inline, title

_BAD: tuple[Outcome, ...] = ("less than predicted",)
_FAILED = "latprobe_take_back_failed"


def applied_section() -> None:
    """Draws the section, if anything was marked as applied."""
    rows = advice_queries.applied()
    if not rows:
        return
    st.html(
        '<p class="lp-h">Applied: predicted against measured<small>requests that started after it, '
        "until the next change</small></p>"
    )
    if (failed := st.session_state.pop(_FAILED, None)) is not None:
        st.error(shown_text.block(failed))
    later.fill(advice_queries.verified(rows), _all, height=110 * len(rows))


def _all(found: list[Verified]) -> None:
    """The newest first; those that were followed together share their figures."""
    shown: set[str] = set()
    for each in reversed(found):
        if each.applied.id in shown:
            continue
        same = {each.applied.id, *each.applied.together}
        members = [one for one in found if one.applied.id in same]
        shown |= {one.applied.id for one in members}
        with st.container(border=True, key=f"lp_applied_{each.applied.id}"):
            for one in members:
                _top(one)
            st.html(_about(each) + _figures(each))


def _top(each: Verified) -> None:
    """What was followed and its verdict, beside the button that takes it back."""
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"lp_atop_{each.applied.id}"
    ):
        st.html(_head(each), width="stretch")
        may = permission.may_write()
        st.button(
            "Take back",
            key=f"lp_back_{each.applied.id}",
            type="tertiary",
            disabled=not may,
            help="Takes it off this list; the recording stays." if may else READ_ONLY,
            on_click=_take_back,
            args=(each.applied.id,),
        )


def _take_back(suggestion_id: str) -> None:
    try:
        advice_queries.take_back(suggestion_id)
    except LatprobeError as error:
        st.session_state[_FAILED] = str(error)


def _head(each: Verified) -> str:
    tone = " lp-bad" if each.outcome in _BAD else ""
    return (
        f'<div class="lp-card-head"><h3>{title(each.applied)}</h3>'
        f'<div class="lp-badges"><span class="lp-outcome{tone}">{inline(each.verdict, 200)}</span>'
        "</div></div>"
    )


def _about(each: Verified) -> str:
    """When it was followed, on how many requests it was measured, and what else moved."""
    mark = each.applied
    when = quantities.moment(mark.applied_ns, visitor.zone())
    how = "Applied together" if mark.together else "Applied"
    return (
        f'<p class="lp-note">{how} {when}; {quantities.counted(mark.requests, "request")}'
        f" before, {quantities.counted(each.after.requests, 'request')} since."
        f"{' ' + inline(mark.note, 300) if mark.note else ''}</p>"
        + "".join(
            f'<p class="lp-note">{inline(words, 300)}</p>'
            for words in (each.doubt, *each.meanwhile)
            if words
        )
    )


def _figures(each: Verified) -> str:
    mark, before, after, alike = each.applied, each.before, each.after, each.like_for_like
    both = [
        _Against(
            "p50",
            before.p50_ms,
            (mark.p50_after_ms, mark.p50_low_ms, mark.p50_high_ms),
            after.p50_ms,
            None if alike is None else alike.p50_ms,
        ),
        _Against(
            "p95",
            before.p95_ms,
            (mark.p95_after_ms, mark.p95_low_ms, mark.p95_high_ms),
            after.p95_ms,
            None if alike is None else alike.p95_ms,
        ),
    ]
    top = max((each.most for each in both), default=0.0) * 1.02 or 1.0
    drawn = "".join(_latency(each, top) for each in both)
    tokens = [
        _tokens("output", mark.output_tokens_saved, each.output_tokens_saved),
        _tokens("input", mark.input_tokens_saved, each.input_tokens_saved),
    ]
    rest = " · ".join(words for words in tokens if words)
    return f'<div class="lp-gains">{drawn}</div>' + (
        f'<p class="lp-rest">{rest}</p>' if rest else ""
    )


@dataclass(frozen=True, slots=True)
class _Against:
    """A quantile before, predicted (with its range), measured, and like for like; None: unknown."""

    name: str
    before: Estimate | None
    predicted: tuple[float | None, float | None, float | None]
    after: Estimate | None
    alike: Estimate | None

    @property
    def most(self) -> float:
        """The greatest of its figures; 0 where none is known."""
        ends = (*self.predicted, *_of(self.before), *_of(self.after), *_of(self.alike))
        return max((each for each in ends if each is not None), default=0.0)


def _latency(each: _Against, top: float) -> str:
    """Its rows, on a scale that ends at `top`."""
    value, low, high = each.predicted
    if value is None and each.after is None and each.before is None:
        return ""
    rows = [
        ("before", _words(each.before), _span(each.before, top, "was")),
        (
            "predicted",
            _between(value, low, high),
            intervals.span(low, high, value, top, "predicted"),
        ),
        ("measured", _words(each.after), _span(each.after, top, "measured")),
    ]
    if each.alike is not None:
        rows.append(("like for like", _words(each.alike), _span(each.alike, top, "measured")))
    return (
        f'<div class="lp-against"><b>{each.name}</b><div>'
        + "".join(
            f"<div><em>{label}</em>{drawn}<span>{words}</span></div>"
            for label, words, drawn in rows
        )
        + "</div></div>"
    )


def _span(each: Estimate | None, top: float, name: str) -> str:
    return intervals.span(*_ends(each), _value(each), top, name)


def _value(each: Estimate | None) -> float | None:
    return None if each is None else each.value


def _ends(each: Estimate | None) -> tuple[float | None, float | None]:
    if each is None or each.interval is None:
        return None, None
    return each.interval.low, each.interval.high


def _of(each: Estimate | None) -> tuple[float | None, ...]:
    return (_value(each), *_ends(each))


def _words(each: Estimate | None) -> str:
    return "not measured yet" if each is None else _between(each.value, *_ends(each))


def _between(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "not predicted"
    words = f"<b>{quantities.milliseconds(value)}</b>"
    if low is None or high is None:
        return words
    return (
        f"{words} <small>{quantities.milliseconds(low)} to {quantities.milliseconds(high)}</small>"
    )


def _tokens(side: str, predicted: float | None, measured: Estimate | None) -> str:
    if predicted is None:
        return ""
    sign = -1 if predicted < 0 else 1
    less = "more" if predicted < 0 else "less"
    words = f"{quantities.count(abs(predicted))} {side} tokens a request {less} predicted"
    if measured is None:
        return words
    return f"{words}, <b>{quantities.count(sign * measured.value)}</b> measured"
