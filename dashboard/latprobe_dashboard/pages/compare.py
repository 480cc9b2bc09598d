"""What changed? Two runs, or versions, side by side; what may be noise is out of the way."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from latprobe.analysis.compare import Comparison
from latprobe.analysis.scope import Scope
from latprobe.errors import LatprobeError
from latprobe_dashboard import analysis_queries, compared_runs, quantities, shown_text, visitor
from latprobe_dashboard.charts import listing
from latprobe_dashboard.compared_runs import Side
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.later import Later, comes_soon, fill
from latprobe_dashboard.pages import compare_words
from latprobe_dashboard.pages.compare_table import request_table, stage_tables

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
        _compared(offered[before], offered[after])


def _compared(before: Side, after: Side) -> None:
    """Whole requests first; of many spans their stages take three times as long."""
    found = analysis_queries.comparison(before.scope, after.scope)
    requests = analysis_queries.request_comparison(before.scope, after.scope)
    if not found.is_there:
        requests.begin()
    first = found if comes_soon(found) else requests
    fill(first, lambda compared: _whole(compared, before, after), height=360)
    if not first.is_there or not _has_answer(first):
        return
    fill(found, _stages, height=240, words="Comparing the stages…")


def _has_answer(first: Later[Comparison]) -> bool:
    """Whether there is more to ask for; what went wrong was said."""
    try:
        return bool(first.get().rows)
    except LatprobeError:
        return False


def _whole(found: Comparison, before: Side, after: Side) -> None:
    sentence([compare_words.headline(found)])
    counts = (
        quantities.counted(found.requests_before, "request"),
        quantities.counted(found.requests_after, "request"),
    )
    st.html(
        f'<p class="lp-note">Before: {shown_text.markup(before.words)}, {counts[0]}. '
        f"After: {shown_text.markup(after.words)}, {counts[1]}.</p>"
    )
    request_table(found)


def _stages(found: Comparison) -> None:
    stage_tables(found)
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
