"""What every page has around its content: the question, the filters, errors, the footer."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from latprobe.analysis.scope import Scope
from latprobe.clock import monotonic_ns
from latprobe.errors import LatprobeError, NoDataError
from latprobe_dashboard import calm, connection, data, filters, later, more_filters, shown_text
from latprobe_dashboard.empty import how_to_get_data
from latprobe_dashboard.filters import WINDOW_WORDS, Filters
from latprobe_dashboard.store_lists import RunChoice
from latprobe_dashboard.theme import ERROR, HUES, PARTS, STYLE_FILE

FOLLOW_S = 2.0
# A page rests for so many times what drawing it has cost, and what was worked out in the background
# for it so many times what that has cost: 1 % of a core each.
REST_FACTOR = 100
_DRAWN = "latprobe_drawn"
_CHOSEN = "latprobe_chosen"
_FOLLOWED = "latprobe_followed"
_RESTARTS_SEEN = "latprobe_restarts_seen"
RESTART_SAID_S = 30.0


def show(
    question: str,
    body: Callable[[Scope], None],
    *,
    is_filtered: bool = True,
    has_window: bool = True,
    follows: bool = False,
) -> None:
    """One page: its question as the title, its content, and in one sentence what went wrong.

    A page that is not filtered gets the scope that the visitor chose elsewhere. One that has no
    window looks at its own stretch of time. One that `follows` is drawn again while rows are being
    added.
    """
    with calm.pages.drawing():
        _show(question, body, is_filtered, has_window, follows)


def _show(
    question: str,
    body: Callable[[Scope], None],
    is_filtered: bool,
    has_window: bool,
    follows: bool,
) -> None:
    started, before = monotonic_ns(), connection.spent()
    later.be_patient()
    st.session_state[_FOLLOWED] = False
    st.html(f"<style>{_hue_rules()}{STYLE_FILE.read_text('utf-8')}</style>")
    try:
        is_empty = not data.has_spans()
        runs = [] if is_empty else data.runs()
        chosen = _head(question, runs, is_filtered, has_window)
        _say_restarts()
        if is_empty:
            how_to_get_data()
        else:
            _content(body, chosen)
    except LatprobeError as error:
        st.error(shown_text.block(str(error)))
    milliseconds = (monotonic_ns() - started) / 1e6
    if follows:
        _note_drawn(question, started, connection.spent().since(before))
        if not st.session_state[_FOLLOWED]:
            _follow()
    shown = html.escape(filters.shown())
    st.html(
        f'<div class="lp-footer" data-lp="ready" data-filters="{shown}" data-page="'
        f'{html.escape(question)}">Answered in {milliseconds:.0f} ms</div>'
    )


def sentence(parts: Sequence[str]) -> None:
    """The page's answer: HTML that its page escaped, in one line of large text."""
    words = " ".join(part for part in parts if part)
    st.html(f'<p class="lp-answer">{words}</p>')


def scope_now() -> Scope:
    """What the page was drawn for, its window moved on to now."""
    chosen: Filters = st.session_state.get(_CHOSEN, Filters())
    return chosen.scope(now_ns=filters.now_ns())


def _content(body: Callable[[Scope], None], chosen: Filters) -> None:
    st.session_state[_CHOSEN] = chosen
    try:
        body(chosen.scope(now_ns=filters.now_ns()))
    except NoDataError as error:
        if chosen == Filters():
            st.info(shown_text.block(str(error)))
        else:
            st.info(
                f"Nothing was recorded for this choice in {WINDOW_WORDS[chosen.window]}. "
                f"Choose a longer window{', clear a filter' if chosen.more else ''} or another run."
            )


def _head(question: str, runs: list[RunChoice], is_filtered: bool, has_window: bool) -> Filters:
    with st.container(horizontal=True, vertical_alignment="center", key="lp_head"):
        st.title(question, anchor=False)
        if not runs:
            return Filters()
        if not is_filtered:
            return filters.remembered(runs, data.exists)
        chosen, notes = filters.current(runs, data.exists)
        filters.choose(chosen, runs, has_window=has_window)
        more_filters.choose(chosen, runs)
    for note in notes:
        st.info(note)
    return chosen if has_window else replace(chosen, window="all")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """When the rows of `version` were first drawn on this page, and what drawing them cost in
    seconds so far; `late_s` is what was last worked out in the background for it, by `late_at_ns`,
    and `worked_s` how much had been worked out there by the last look."""

    question: str
    version: int
    at_ns: int
    cost_s: float
    worked_s: float
    late_s: float
    late_at_ns: int


def _note_drawn(question: str, started_ns: int, cost_s: float) -> None:
    before: _Drawn | None = st.session_state.get(_DRAWN)
    version, worked_s = connection.drawn_version(), later.worked_s()
    if before is None or before.question != question:
        now = _Drawn(question, version, started_ns, cost_s, worked_s, 0.0, started_ns)
    else:
        now = _with_late(before, started_ns, worked_s)
        if before.version != version:
            now = replace(now, version=version, at_ns=started_ns, cost_s=cost_s)
        else:  # the same rows once more: another filter, or an answer that took its time
            now = replace(now, cost_s=before.cost_s + cost_s)
    st.session_state[_DRAWN] = now


def _with_late(drawn: _Drawn, now_ns: int, worked_s: float) -> _Drawn:
    """With what was worked out since the last look: more of the same work while the page rests from
    it, else new work."""
    new_s = worked_s - drawn.worked_s
    if new_s <= 0:
        return drawn
    is_resting = (now_ns - drawn.late_at_ns) / 1e9 < drawn.late_s * REST_FACTOR
    late_s = new_s + (drawn.late_s if is_resting else 0.0)
    return replace(drawn, worked_s=worked_s, late_s=late_s, late_at_ns=now_ns)


def follow_here() -> None:
    """The page draws a fragment every FOLLOW_S that calls `redraw_if_due`: one is enough."""
    st.session_state[_FOLLOWED] = True


@st.fragment(run_every=FOLLOW_S)
def _follow() -> None:
    redraw_if_due()


def redraw_if_due() -> None:
    """Draws the page again when there are new rows, and at most so often that it costs little; with
    the answers that came late while it rests from working them out."""
    drawn: _Drawn | None = st.session_state.get(_DRAWN)
    if drawn is None:
        return
    now_ns = monotonic_ns()
    if (now_ns - drawn.at_ns) / 1e9 < max(drawn.cost_s * REST_FACTOR, FOLLOW_S):
        return
    late = _with_late(drawn, now_ns, later.worked_s())
    is_resting = (now_ns - late.late_at_ns) / 1e9 < late.late_s * REST_FACTOR
    with contextlib.suppress(LatprobeError):  # the next look finds the store again, or says so
        if connection.version() != drawn.version and (not is_resting or later.hold_on()):
            st.rerun()


def _say_restarts() -> None:
    """Says so for a while: the page is soon drawn again, since a new agent has new answers."""
    restarts, now_ns = connection.agent_restarts(), monotonic_ns()
    seen: tuple[int, int | None] = st.session_state.setdefault(_RESTARTS_SEEN, (restarts, None))
    if restarts > seen[0]:
        seen = st.session_state[_RESTARTS_SEEN] = (restarts, now_ns)
    if seen[1] is not None and (now_ns - seen[1]) / 1e9 < RESTART_SAID_S:
        st.warning("The agent had stopped and was started again; nothing recorded was lost.")


def _hue_rules() -> str:
    return "".join(f".lp-{hue.key}{{--hue:{hue.css}}}" for hue in (*HUES, *PARTS, ERROR))
