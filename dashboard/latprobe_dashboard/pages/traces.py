"""Show me the requests that... A table to sort, search and pick from."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import streamlit as st

from latprobe.analysis.request_search import within
from latprobe.analysis.scope import Scope
from latprobe.analysis.traces import Order, TraceRow
from latprobe_dashboard import data, quantities, shown_text
from latprobe_dashboard.charts import duration_picker
from latprobe_dashboard.charts.duration_picker import Range
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.pages.request_table import request_table

TITLE, PATH, ICON = "Traces", "traces", ":material/table_rows:"
QUESTION = "Which requests were slow?"
# So many are described, sent and drawn well within the time that a click may take.
PAGE_ROWS = 200
TABLE_HEIGHT = 560
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
    drawn = data.answer("picker", (scope, order, search, took), lambda: _picker(found, took))
    picked = duration_picker.mount(drawn, key="lp_took")
    if picked is not None and picked != took:
        _keep_took(picked)
        st.rerun()
    with said:
        sentence([_answer(len(kept), len(data.roots().rows(scope)), order, search, took)])
    if len(kept):
        _table(kept[_page(len(kept))])


def _picker(found: np.ndarray[Any, np.dtype[np.int64]], took: Range) -> dict[str, Any]:
    took_ms = np.asarray(data.roots().duration_ns[found] / 1e6)
    return duration_picker.picker_data(took_ms, chosen=took)


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
    request_table(found, key="lp_traces", label="Requests", height=TABLE_HEIGHT, is_saved=False)
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
