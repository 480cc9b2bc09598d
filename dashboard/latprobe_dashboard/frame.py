"""What every page has around its content: the question, the filters, errors, the footer."""

from __future__ import annotations

import contextlib
import html
import time
from collections.abc import Callable, Sequence

import streamlit as st

from latprobe.analysis.scope import Scope
from latprobe.clock import monotonic_ns
from latprobe.errors import LatprobeError, NoDataError
from latprobe_dashboard import data, filters, more_filters, shown_text
from latprobe_dashboard.empty import how_to_get_data
from latprobe_dashboard.filters import WINDOW_WORDS, Filters
from latprobe_dashboard.store_lists import RunChoice
from latprobe_dashboard.theme import ERROR, HUES, PARTS, STYLE_FILE

FOLLOW_S = 2.0
# A page rests for so many times the CPU time that this process used since it began to draw it,
# what it worked out in the background included: about 1 % of a core.
REST_FACTOR = 80
_DRAWN = "latprobe_drawn"
_RESTARTS_SEEN = "latprobe_restarts_seen"


def show(
    question: str,
    body: Callable[[Scope], None],
    *,
    is_filtered: bool = True,
    follows: bool = False,
) -> None:
    """One page: its question as the title, its content, and in one sentence what went wrong.

    A page that is not filtered gets the scope that the visitor chose elsewhere. One that `follows`
    is drawn again while rows are being added.
    """
    started, used_s = monotonic_ns(), time.process_time()
    st.html(f"<style>{_hue_rules()}{STYLE_FILE.read_text('utf-8')}</style>")
    try:
        is_empty = not data.has_spans()
        runs = [] if is_empty else data.runs()
        chosen = _head(question, runs, is_filtered)
        _say_restarts()
        if is_empty:
            how_to_get_data()
        else:
            _content(body, chosen)
    except LatprobeError as error:
        st.error(shown_text.block(str(error)))
    milliseconds = (monotonic_ns() - started) / 1e6
    if follows:
        st.session_state[_DRAWN] = (started, used_s, data.drawn_version())
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


def _content(body: Callable[[Scope], None], chosen: Filters) -> None:
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


def _head(question: str, runs: list[RunChoice], is_filtered: bool) -> Filters:
    with st.container(horizontal=True, vertical_alignment="center", key="lp_head"):
        st.title(question, anchor=False)
        if not runs:
            return Filters()
        if not is_filtered:
            return filters.remembered(runs, data.exists)
        chosen, notes = filters.current(runs, data.exists)
        filters.choose(chosen, runs)
        more_filters.choose(chosen, runs)
    for note in notes:
        st.info(note)
    return chosen


@st.fragment(run_every=FOLLOW_S)
def _follow() -> None:
    """Draws the page again when there are new rows, and at most so often that it costs little."""
    at_ns, used_s, version = st.session_state[_DRAWN]
    rest_s = max((time.process_time() - used_s) * REST_FACTOR, FOLLOW_S)
    if (monotonic_ns() - at_ns) / 1e9 < rest_s:
        return
    with contextlib.suppress(LatprobeError):  # the next look finds the store again, or says so
        if data.version() != version:
            st.rerun()


def _say_restarts() -> None:
    restarts = data.agent_restarts()
    if restarts > st.session_state.setdefault(_RESTARTS_SEEN, restarts):
        st.session_state[_RESTARTS_SEEN] = restarts
        st.warning("The agent had stopped and was started again; nothing recorded was lost.")


def _hue_rules() -> str:
    return "".join(f".lp-{hue.key}{{--hue:{hue.css}}}" for hue in (*HUES, *PARTS, ERROR))
