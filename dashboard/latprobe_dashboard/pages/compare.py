"""What changed? Two runs, or versions, side by side; what may be noise is out of the way."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from latprobe.analysis.compare import Comparison
from latprobe.analysis.scope import Scope
from latprobe_dashboard import analysis_queries, compared_runs, quantities, shown_text, visitor
from latprobe_dashboard.charts import listing
from latprobe_dashboard.compared_runs import Side
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.later import fill
from latprobe_dashboard.pages import compare_words
from latprobe_dashboard.pages.compare_table import compare_tables

TITLE, PATH, ICON = "Compare", "compare", ":material/compare_arrows:"
QUESTION = "What changed?"


def render() -> None:
    show(QUESTION, _body, is_filtered=False)


def _body(_scope: Scope) -> None:
    runs = compared_runs.recorded_runs()
    if len(runs) < 2:
        _needs_two(len(runs))
        return
    offered = compared_runs.sides(runs, visitor.zone())
    asked = {name: st.query_params[name] for name in ("a", "b") if name in st.query_params}
    before, after, notes = compared_runs.parse(asked, offered, runs)
    _choose(offered, before, after)
    for note in notes:
        st.info(note)
    if before is None or after is None:
        sentence(["There is no earlier run of this service. Choose what to compare with."])
    elif before == after:
        sentence(["Both sides are the same recording, so nothing can have changed."])
        st.info("Choose another one for one of the sides.")
    else:
        sides = offered[before], offered[after]
        fill(
            analysis_queries.comparison(sides[0].scope, sides[1].scope),
            lambda found: _shown(found, *sides),
            height=360,
        )


def _shown(found: Comparison, before: Side, after: Side) -> None:
    sentence([compare_words.headline(found)])
    counts = (
        quantities.counted(found.requests_before, "request"),
        quantities.counted(found.requests_after, "request"),
    )
    st.html(
        f'<p class="lp-note">Before: {shown_text.markup(before.words)}, {counts[0]}. '
        f"After: {shown_text.markup(after.words)}, {counts[1]}.</p>"
    )
    compare_tables(found)
    for note in found.notes:
        st.html(f'<p class="lp-note">{shown_text.block_markup(note)}</p>')


def _needs_two(count: int) -> None:
    sentence(["Two runs are needed to say what changed." if count else "Nothing to compare yet."])
    st.info(f"{quantities.counted(count, 'run')} recorded. Record another one, then look again:")
    listing.mount("latprobe run -- python app.py", key="lp_record_another")


def _choose(offered: Mapping[str, Side], before: str | None, after: str | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="lp_compare"):
        for name, label, value in (("a", "Before", before), ("b", "After", after)):
            st.session_state[f"w_side_{name}"] = value
            st.selectbox(
                label,
                list(offered),
                key=f"w_side_{name}",
                format_func=lambda each: offered[each].words,
                placeholder=f"Choose: {label.lower()}",
                width=380,
                on_change=_picked,
                args=(name,),
            )
        if before is not None and after is not None:
            st.button(
                "Swap",
                key="lp_swap",
                on_click=_swapped,
                args=(before, after),
                help="Before becomes after",
            )


def _picked(name: str) -> None:
    value = st.session_state[f"w_side_{name}"]
    if value is not None:
        st.query_params[name] = value


def _swapped(before: str, after: str) -> None:
    st.query_params["a"], st.query_params["b"] = after, before
