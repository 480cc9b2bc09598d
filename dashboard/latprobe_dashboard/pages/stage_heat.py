"""A stage's durations over time as a heatmap, and the requests behind a cell."""

from __future__ import annotations

import streamlit as st

from latprobe.analysis.scope import Scope
from latprobe_dashboard import analysis_queries, links, quantities, shown_text, visitor
from latprobe_dashboard.charts import heatmap, rows
from latprobe_dashboard.heat_queries import CellSpan, Place

COLUMNS = (
    rows.Column("Trace", field="trace_id"),
    rows.Column("Started", field="started"),
    rows.Column("Duration", field="duration_ms", is_number=True),
    rows.Column("Status", field="status"),
)


@st.fragment
def heat_over_time(scope: Scope) -> None:
    """The heatmap of `scope.stage`; a picked cell is kept in the address."""
    heat = analysis_queries.heat(scope)
    if heat is None:
        return
    st.html(
        '<p class="lp-h">All spans over time<small>darker: more spans; click a cell for its '
        "requests</small></p>"
    )
    picked = heatmap.mount(heat, key="lp_heatmap")
    if picked is not None:
        st.query_params["cell"] = heat.place(*picked).text()
    asked = st.query_params.get("cell")
    if asked is None:
        return
    place = Place.parse(asked)
    if place is None:
        st.info(f"{shown_text.line(asked)} is not a cell; click one.")
        return
    _examples(place, analysis_queries.cell(scope, place))


def _examples(place: Place, found: list[CellSpan]) -> None:
    zone = visitor.zone()
    low, high = map(quantities.milliseconds, place.edges_ms)
    begin = quantities.moment(place.begin_ns, zone)
    if not found:
        st.info(f"No span of this stage took {low} to {high} from {begin} on. Click another cell.")
        return
    st.html(
        f'<p class="lp-note">The longest spans of {low} to {high}, from {begin} on; '
        "a row opens the request</p>"
    )
    opened = rows.mount(
        COLUMNS,
        [
            rows.Row(
                cells=(
                    rows.Cell(span.trace_id[:8], hint=span.trace_id, value=span.trace_id),
                    rows.Cell(quantities.moment(span.start_ns, zone)),
                    rows.figure(quantities.milliseconds, span.duration_ms),
                    rows.Cell(shown_text.outcome(span.status), is_bad=span.status == "error"),
                ),
                link=links.address("trace", id=span.trace_id, span=span.span_id),
            )
            for span in found
        ],
        key="lp_cell",
        label="Spans of the cell",
    )
    if opened is not None:
        links.go("trace", id=found[opened].trace_id, span=found[opened].span_id)
