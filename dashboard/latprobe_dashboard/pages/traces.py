"""Show me the requests that... A table to sort, search and pick from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pandas as pd
import streamlit as st

from latprobe.analysis.scope import Scope
from latprobe.analysis.traces import Order, TraceRow
from latprobe_dashboard import data, links, quantities, shown_text, visitor
from latprobe_dashboard.frame import sentence, show

TITLE, PATH, ICON = "Traces", "traces", ":material/table_rows:"
QUESTION = "Which requests were slow?"
ROWS = 1_000
ORDERS: dict[Order, str] = {
    "slowest": "Slowest",
    "recent": "Newest",
    "tokens": "Most tokens",
    "errors": "Failed",
}


def render() -> None:
    show(QUESTION, _body)


def _body(scope: Scope) -> None:
    order, search = _choices()
    found = data.traces(scope, order=order, limit=ROWS)
    kept = [row for row in found if _matches(row, search)]
    sentence([_answer(found, kept, order, search)])
    if not kept:
        return
    top_ms = max(row.duration_ms for row in kept)
    unit_ms = 1_000.0 if top_ms >= 2_000 else 1.0
    event = st.dataframe(
        _frame(kept, unit_ms=unit_ms),
        hide_index=True,
        height=640,
        key="lp_traces",
        on_select="rerun",
        selection_mode="single-row",
        column_config=_columns(top_ms, unit_ms=unit_ms),
        alt="Requests; select a row to open its trace",
    )
    picked = event["selection"]["rows"]
    if picked and picked[0] < len(kept):
        links.go("trace", id=kept[picked[0]].trace_id)


def _choices() -> tuple[Order, str]:
    """The order and the search text, both kept in the address."""
    asked = st.query_params.get("order", "slowest")
    if asked not in ORDERS:
        st.info(f"{shown_text.line(asked)} is not an order ({', '.join(ORDERS)}); showing slowest.")
        asked = "slowest"
    st.session_state["w_order"] = asked
    st.session_state["w_search"] = st.query_params.get("search", "")[:200]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Order",
            list(ORDERS),
            key="w_order",
            format_func=ORDERS.__getitem__,
            required=True,
            label_visibility="collapsed",
            on_change=_keep,
            args=("order",),
        )
        st.text_input(
            "Search",
            key="w_search",
            placeholder="Name, stage, service or trace id",
            label_visibility="collapsed",
            width=320,
            on_change=_keep,
            args=("search",),
        )
    return cast("Order", asked), str(st.session_state["w_search"])


def _keep(name: str) -> None:
    value = st.session_state[f"w_{name}"]
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def _matches(row: TraceRow, search: str) -> bool:
    wanted = search.strip().casefold()
    fields = (row.name, row.slowest_stage, row.service, row.trace_id)
    return not wanted or any(wanted in (text or "").casefold() for text in fields)


def _answer(found: list[TraceRow], kept: list[TraceRow], order: Order, search: str) -> str:
    if not found:
        return "No request failed here." if order == "errors" else "No request is in this window."
    basis = f"{len(found):,} requests" if len(found) < ROWS else f"the first {ROWS:,} requests"
    if search and not kept:
        return f"None of {basis} matches <b>{shown_text.markup(search)}</b>."
    some = f"<b>{len(kept):,}</b> of {basis}" if search else f"<b>{basis.capitalize()}</b>"
    return f"{some}, {ORDERS[order].lower()} first. Select a row to open it."


def _frame(found: list[TraceRow], *, unit_ms: float) -> pd.DataFrame:
    zone = visitor.zone()
    return pd.DataFrame(
        {
            "request": [shown_text.line(row.name) for row in found],
            "duration": [row.duration_ms / unit_ms for row in found],
            "waits most for": [
                shown_text.line(row.slowest_stage) if row.slowest_stage else None for row in found
            ],
            "spans": [row.spans for row in found],
            "errors": [row.errors for row in found],
            "tokens in": pd.array([row.input_tokens for row in found], dtype="Int64"),
            "tokens out": pd.array([row.output_tokens for row in found], dtype="Int64"),
            "service": [shown_text.line(row.service) if row.service else None for row in found],
            "started": [
                quantities.local_time(row.start_ns, zone).replace(tzinfo=None) for row in found
            ],
            "trace": [row.trace_id[:8] for row in found],
        }
    )


def _columns(top_ms: float, *, unit_ms: float) -> Mapping[str, Any]:
    config = st.column_config
    return {
        "request": config.TextColumn("Request", width="medium"),
        "duration": config.ProgressColumn(
            "Duration",
            format="%.2f s" if unit_ms > 1 else "%.1f ms",
            min_value=0.0,
            max_value=max(top_ms / unit_ms, 1e-6),
            color="primary",
        ),
        "waits most for": config.TextColumn(
            "Waits most for", help="The stage with the greatest part of the critical path"
        ),
        "spans": config.NumberColumn("Spans", format="localized", width="small"),
        "errors": config.NumberColumn("Errors", help="Failed spans", width="small"),
        "tokens in": config.NumberColumn("Tokens in", format="localized"),
        "tokens out": config.NumberColumn("Tokens out", format="localized"),
        "service": config.TextColumn("Service"),
        "started": config.DatetimeColumn("Started", format="YYYY-MM-DD HH:mm:ss"),
        "trace": config.TextColumn("Trace", width="small"),
    }
