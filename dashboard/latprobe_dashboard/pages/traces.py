"""Show me the requests that... A table to sort, search and pick from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
import streamlit as st

from latprobe.analysis.request_search import within
from latprobe.analysis.scope import Scope
from latprobe.analysis.traces import Order, TraceRow
from latprobe_dashboard import data, links, quantities, shown_text, visitor
from latprobe_dashboard.charts import duration_picker
from latprobe_dashboard.charts.duration_picker import Range
from latprobe_dashboard.frame import sentence, show

TITLE, PATH, ICON = "Traces", "traces", ":material/table_rows:"
QUESTION = "Which requests were slow?"
PAGE_ROWS = 1_000
ORDERS: dict[Order, str] = {
    "slowest": "Slowest",
    "recent": "Newest",
    "tokens": "Most tokens",
    "errors": "Failed",
}
_ANY: Range = (None, None)


def render() -> None:
    show(QUESTION, _body)


def _body(scope: Scope) -> None:
    order, search = _choices()
    found = data.searched(scope, order=order, text=search)
    took = _took()
    kept = within(data.roots(), found, *took)
    said = st.empty()
    took_ms = data.roots().duration_ns[found] / 1e6
    picked = duration_picker.mount(np.asarray(took_ms), chosen=took, key="lp_took")
    if picked is not None and picked != took:
        _keep_took(picked)
        st.rerun()
    with said:
        sentence([_answer(len(kept), len(data.roots().rows(scope)), order, search, took)])
    if len(kept):
        _table(kept[_page(len(kept))])


def _page(rows: int) -> slice:
    """Which of the rows are shown; the page's number is in the address."""
    pages = -(-rows // PAGE_ROWS)
    asked = st.query_params.get("page", "1")
    number = int(asked) if asked.isdecimal() and len(asked) < 7 else 1
    number = min(max(number, 1), pages)
    if pages > 1:
        st.session_state["w_page"] = number
        st.pagination(pages, key="w_page", on_change=_keep_page)
    return slice((number - 1) * PAGE_ROWS, number * PAGE_ROWS)


def _keep_page() -> None:
    st.query_params["page"] = str(st.session_state["w_page"])


def _table(rows: np.ndarray[Any, np.dtype[np.int64]]) -> None:
    found = data.described(tuple(rows.tolist()))
    top_ms = max(row.duration_ms for row in found)
    unit_ms = 1_000.0 if top_ms >= 2_000 else 1.0
    event = st.dataframe(
        _frame(found, unit_ms=unit_ms),
        hide_index=True,
        height=min(560, 37 + 32 * len(found)),
        key="lp_traces",
        on_select="rerun",
        selection_mode="single-row",
        column_config=_columns(top_ms, unit_ms=unit_ms),
        alt="Requests; select a row to open its trace",
    )
    picked = event["selection"]["rows"]
    if picked and picked[0] < len(found):
        links.go("trace", id=found[picked[0]].trace_id)
    st.download_button(
        "These rows as CSV",
        lambda: _csv(found),
        file_name="latprobe-traces.csv",
        mime="text/csv",
        on_click="ignore",
        type="tertiary",
        key="lp_traces_csv",
    )


def _csv(found: list[TraceRow]) -> bytes:
    """The rows with units in the headings; a text that a spreadsheet would run is quoted."""
    columns = {
        "trace_id": [row.trace_id for row in found],
        "request": [_cell(row.name) for row in found],
        "service": [_cell(row.service) for row in found],
        "start_ns": [row.start_ns for row in found],
        "duration_ms": [row.duration_ms for row in found],
        "waits_most_for": [_cell(row.slowest_stage) for row in found],
        "spans": [row.spans for row in found],
        "failed_spans": [row.errors for row in found],
        "input_tokens": pd.array([row.input_tokens for row in found], dtype="Int64"),
        "output_tokens": pd.array([row.output_tokens for row in found], dtype="Int64"),
    }
    return pd.DataFrame(columns).to_csv(index=False).encode()


def _cell(text: str | None) -> str | None:
    if text is None:
        return None
    shown = shown_text.line(text, 1_000)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown


def _took() -> Range:
    """The range of durations in the address, in ms: "120-4000", "120-" or "-4000"."""
    asked = st.query_params.get("took", "")
    low, sign, high = asked.partition("-")
    ends = [_milliseconds(text) for text in (low, high)]
    is_known = bool(sign) and all((end is not None) == bool(text) for end, text in
                                  zip(ends, (low, high), strict=True))  # fmt: skip
    if asked and (not is_known or ends == [None, None]):
        st.info(f"{shown_text.line(asked)} is not a range of milliseconds; showing all.")
        return _ANY
    return ends[0], ends[1]


def _milliseconds(text: str) -> float | None:
    digits = text.replace(".", "", 1)
    return float(text) if digits.isdecimal() and digits.isascii() and len(text) < 16 else None


def _keep_took(took: Range) -> None:
    st.query_params.pop("page", None)
    if took == _ANY:
        st.query_params.pop("took", None)
    else:
        low, high = ("" if end is None else f"{end:.3f}".rstrip("0").rstrip(".") for end in took)
        st.query_params["took"] = f"{low}-{high}"


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
            placeholder="Name, stage, service, trace id or attribute=value",
            label_visibility="collapsed",
            width=360,
            on_change=_keep,
            args=("search",),
        )
    return cast("Order", asked), str(st.session_state["w_search"])


def _keep(name: str) -> None:
    st.query_params.pop("page", None)
    value = st.session_state[f"w_{name}"]
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def _answer(kept: int, of: int, order: Order, search: str, took: Range) -> str:
    if not of:
        return "No request is in this window."
    about = f" match <b>{shown_text.markup(search)}</b>" if search.strip() else ""
    range_words = "" if took == _ANY else f" took {_range_words(took)}"
    joined = " and".join(part for part in (about, range_words) if part)
    if not kept:
        if joined:
            return f"None of {of:,} requests{joined.replace(' match ', ' matches ', 1)}."
        return "No request failed here."
    failed = " with failed spans" if order == "errors" else ""
    some = f"<b>{kept:,}</b> of {of:,} requests{joined}{failed}"
    if kept == of:
        some = f"<b>{kept:,} requests</b>"
    first = "most failed spans" if order == "errors" else ORDERS[order].lower()
    return f"{some}, {first} first. Select a row to open it."


def _range_words(took: Range) -> str:
    low, high = took
    if low is None:
        return f"at most <b>{quantities.milliseconds(high)}</b>"
    if high is None:
        return f"<b>{quantities.milliseconds(low)}</b> or more"
    return f"<b>{quantities.milliseconds(low)}</b> to <b>{quantities.milliseconds(high)}</b>"


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
