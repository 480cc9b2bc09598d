"""The filters that are needed less often, in a box that opens from the head of a page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from latprobe_dashboard import data, filters, shown_text
from latprobe_dashboard.filters import Filters
from latprobe_dashboard.store_lists import RunChoice

_KEY = "lp_more_filters"
_NAMES = ("version", "passes", "calls", "tag")


def choose(chosen: Filters, runs: list[RunChoice]) -> None:
    """Draws the button and, once it was opened, the controls."""
    words = shown_text.line(", ".join(chosen.more), 34) if chosen.more else "More filters"
    with st.popover(
        words,
        key=_KEY,
        on_change="rerun",
        type="primary" if chosen.more else "secondary",
    ) as box:
        if not box.open:
            return
        known = data.filter_choices()
        versions = list(dict.fromkeys(v for run in runs for v in (run.version or run.git_commit,)))
        _control("version", "Version", [v for v in versions if v], chosen.version)
        _control("passes", "Requests that pass the stage", known.stages, chosen.passes)
        _control("calls", "Requests that call the model", known.models, chosen.calls)
        _control(
            "tag",
            "Requests with the attribute",
            known.tags,
            None if chosen.tag is None else "=".join(chosen.tag),
            takes_new=True,
        )
        if chosen.more:
            st.button("Clear these", key="lp_clear_filters", on_click=_clear, width="stretch")


def _control(
    name: str, label: str, known: Sequence[str], value: str | None, *, takes_new: bool = False
) -> None:
    key = f"w_filter_{name}"
    options = [*known] if value is None or value in known else [value, *known]
    st.session_state[key] = value
    st.selectbox(
        label,
        options,
        index=None,
        key=key,
        format_func=_words,
        placeholder="Any, or write name=value" if takes_new else "Any",
        accept_new_options=takes_new,
        on_change=_picked,
        args=(name,),
        disabled=not options and not takes_new,
    )


def _words(text: str) -> str:
    return shown_text.line(text, 60)


def _picked(name: str) -> None:
    filters.keep(name, st.session_state[f"w_filter_{name}"])


def _clear() -> None:
    for name in _NAMES:
        filters.keep(name, None)
