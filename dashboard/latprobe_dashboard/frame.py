"""What every page has around its content: the question, the filters, errors, the footer."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

import streamlit as st

from latprobe.analysis.scope import Scope
from latprobe.clock import monotonic_ns
from latprobe.errors import LatprobeError, NoDataError
from latprobe_dashboard import data, filters, shown_text
from latprobe_dashboard.empty import how_to_get_data
from latprobe_dashboard.filters import WINDOW_WORDS, Filters
from latprobe_dashboard.store_lists import RunChoice
from latprobe_dashboard.theme import ERROR, HUES, PARTS, STYLE_FILE

_RESTARTS_SEEN = "latprobe_restarts_seen"


def show(question: str, body: Callable[[Scope], None], *, is_filtered: bool = True) -> None:
    """One page: its question as the title, its content, and in one sentence what went wrong."""
    started = monotonic_ns()
    st.html(f"<style>{_hue_rules()}{STYLE_FILE.read_text('utf-8')}</style>")
    try:
        is_empty = not data.has_spans()
        runs = [] if is_empty or not is_filtered else data.runs()
        chosen = _head(question, runs)
        _say_restarts()
        if is_empty:
            how_to_get_data()
        else:
            _content(body, chosen)
    except LatprobeError as error:
        st.error(shown_text.block(str(error)))
    milliseconds = (monotonic_ns() - started) / 1e6
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
                "Choose a longer window or another run."
            )


def _head(question: str, runs: list[RunChoice]) -> Filters:
    with st.container(horizontal=True, vertical_alignment="center", key="lp_head"):
        st.title(question, anchor=False)
        if not runs:
            return Filters()
        chosen, notes = filters.current(runs)
        filters.choose(chosen, runs)
    for note in notes:
        st.info(note)
    return chosen


def _say_restarts() -> None:
    restarts = data.agent_restarts()
    if restarts > st.session_state.setdefault(_RESTARTS_SEEN, restarts):
        st.session_state[_RESTARTS_SEEN] = restarts
        st.warning("The agent had stopped and was started again; nothing recorded was lost.")


def _hue_rules() -> str:
    return "".join(f".lp-{hue.key}{{--hue:{hue.css}}}" for hue in (*HUES, *PARTS, ERROR))
