"""What happened in this request? Its waterfall, and all that is known about one span of it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from latprobe.analysis.flame import flame
from latprobe.analysis.scope import Scope
from latprobe.analysis.trace import Trace, TraceSpan
from latprobe.errors import NoDataError, UsageError
from latprobe_dashboard import data, gpu_data, links, quantities, shown_text, token_queries, visitor
from latprobe_dashboard.charts import flame as flame_chart
from latprobe_dashboard.charts import gpu_timeline, waterfall
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.pages.span_panel import span_panel
from latprobe_dashboard.theme import HUES, hue_of

TITLE, PATH, ICON = "Trace", "trace", ":material/account_tree:"
QUESTION = "What happened in this request?"
TEXT_ROWS = 1_000
LEAST_PANEL = 420
VIEWS = {"waterfall": "Waterfall", "flame": "Flame"}
# From so many spans on a trace is first shown by its paths.
FLAME_FROM = 1_000
COUNTERS = (
    "gpu.sm_active_pct",
    "gpu.utilization_pct",
    "gpu.power_mw",
    "gpu.memory_used_bytes",
    "host.cpu_pct",
    "host.mem_used_bytes",
)


def render() -> None:
    show(QUESTION, _body, is_filtered=False)


def _body(scope: Scope) -> None:
    asked = st.query_params.get("id")
    if asked is None:
        slowest = data.traces(scope, order="slowest", limit=1)
        if not slowest:
            raise NoDataError("No request has finished yet.")
        asked = st.query_params["id"] = slowest[0].trace_id
    try:
        trace = data.trace(asked)
    except (NoDataError, UsageError) as error:
        st.info(shown_text.block(str(error), 400))
        if st.button("Show all requests"):
            links.go("traces")
        return
    sentence(_answer(trace))
    with st.container(horizontal=True, vertical_alignment="center", key="lp_trace_line"):
        st.html(f'<p class="lp-note">{_identity(trace)}</p>', width="stretch")
        _beside(scope, trace)
    _details(trace)
    _as_text(trace)


def _answer(trace: Trace) -> list[str]:
    total_ms = trace.duration_ns / 1e6
    words = [f"<b>{quantities.milliseconds(total_ms)}</b>"]
    if trace.usual_p50_ms:
        ratio = total_ms / trace.usual_p50_ms
        words.append(
            f"<b>{quantities.times(ratio)}</b> the usual "
            f"{quantities.milliseconds(trace.usual_p50_ms)} (p50)"
        )
    name, held_ns, spans = _greatest(trace)
    if trace.duration_ns > 0 and held_ns > 0:
        part = quantities.share(held_ns / trace.duration_ns)
        often = f" in {spans:,} spans" if spans > 1 else ""
        words.append(
            f"<b>{shown_text.markup(name)}</b> held it up for "
            f"{quantities.nanoseconds(held_ns)} ({part}){often}"
        )
    failed = sum(span.status == "error" for span in trace.spans)
    if failed:
        words.append(f'<span class="lp-bad">{quantities.counted(failed, "span")} failed</span>')
    return [" · ".join(words)]


def _greatest(trace: Trace) -> tuple[str, int, int]:
    """The stage with the greatest part of the critical path: its name, that part, its spans."""
    held: dict[str, int] = {}
    for span in trace.spans:
        held[span.name] = held.get(span.name, 0) + span.critical_ns
    name = max(held, key=held.__getitem__)
    return name, held[name], sum(span.name == name and span.critical_ns > 0 for span in trace.spans)


def _identity(trace: Trace) -> str:
    service = shown_text.markup(trace.service, 40) if trace.service else "unknown service"
    return (
        f'<span class="lp-mono">{trace.trace_id}</span> · {service} · run {trace.run_id} · '
        f"{quantities.moment(trace.start_ns, visitor.zone())}"
    )


def _beside(scope: Scope, trace: Trace) -> None:
    """The requests that took a little longer and a little less, of those chosen on other pages."""
    place = data.place(scope, trace.trace_id)
    if place is None or place.of < 2:
        return
    chosen = "" if scope == Scope() else " chosen"
    words = f"{place.rank:,} of {place.of:,}{chosen}, slowest first"
    st.html(f'<p class="lp-note">{words}</p>', width="content")
    for words, there, hint in (
        ("Slower", place.longer, "The next slower request"),
        ("Faster", place.shorter, "The next faster request"),
    ):
        st.button(
            words,
            key=f"lp_{words.lower()}",
            help=hint,
            disabled=there is None,
            on_click=_open,
            args=(there,),
        )


def _open(trace_id: str) -> None:
    st.query_params.pop("span", None)
    st.query_params["id"] = trace_id


def _legend(trace: Trace, view: str) -> None:
    used = {hue_of(span.modality).key for span in trace.spans}
    lanes = "".join(
        f'<span><i class="lp-{hue.key}"></i>{hue.label}</span>' for hue in HUES if hue.key in used
    )
    path = '<span><i class="lp-under"></i>on the critical path</span>'
    keys = "scroll: rows · Ctrl+scroll: zoom · drag: pan · double-click: fit"
    if view == "flame":
        path, keys = "", "width: own time, what runs in parallel adds up · double-click: zoom"
    st.html(
        f'<div class="lp-legend">{lanes}{path}<span class="lp-keys">{keys}</span></div>',
        width="stretch",
    )


@st.fragment
def _details(trace: Trace) -> None:
    """The drawing and the panel beside it; picking a span redraws only these."""
    with st.container(horizontal=True, vertical_alignment="center", key="lp_view_line"):
        view = _view(trace)
        _legend(trace, view)
    left, right = st.columns([5, 2], gap="small")
    selected = _selected(trace)
    with left:
        if view == "flame":
            picked = _flame(trace, selected)
        else:
            picked = waterfall.mount(
                trace.spans,
                duration_ns=trace.duration_ns,
                selected=selected,
                key=f"lp_waterfall_{trace.trace_id}",
            )
            _counters(trace)
    if picked is not None and picked != selected:
        selected = picked
        st.query_params["span"] = trace.spans[picked].span_id
    with right, st.container(border=True, key="lp_span"):
        tall = max(waterfall.height_of(len(trace.spans)) - 105, LEAST_PANEL)
        span_panel(trace, trace.spans[selected], height=tall)


def _view(trace: Trace) -> str:
    """Waterfall or flame, as in the address; a large trace is first shown as a flame."""
    asked = st.query_params.get("view")
    usual = "flame" if len(trace.spans) >= FLAME_FROM else "waterfall"
    st.session_state["w_view"] = asked if asked in VIEWS else usual
    st.segmented_control(
        "View",
        list(VIEWS),
        key="w_view",
        format_func=VIEWS.__getitem__,
        required=True,
        label_visibility="collapsed",
        on_change=_keep_view,
    )
    return str(st.session_state["w_view"])


def _keep_view() -> None:
    st.query_params["view"] = st.session_state["w_view"]


def _flame(trace: Trace, selected: int) -> int | None:
    """Draws the paths; the longest span of the one that was picked, None if none was."""
    nodes = token_queries.kept(lambda: flame(trace.spans), "flame", trace.trace_id)
    at = next((i for i, node in enumerate(nodes) if node.longest == selected), None)
    key = f"lp_flame_{trace.trace_id}"
    picked = flame_chart.mount(nodes, duration_ns=trace.duration_ns, selected=at, key=key)
    return None if picked is None else nodes[picked].longest


def _counters(trace: Trace) -> None:
    """What the GPU and the host read meanwhile, under the waterfall and on its time axis."""
    end_ns = trace.start_ns + trace.duration_ns
    readings = gpu_data.readings(trace.start_ns, end_ns, metrics=COUNTERS, device=None)
    during = [each for each in readings if each.is_within(trace.start_ns, end_ns)]
    if not during:
        return
    st.html('<p class="lp-h">Counters meanwhile<small>on the same time axis</small></p>')
    drawn = gpu_timeline.counters_data(trace.start_ns, end_ns, during, follows="waterfall")
    gpu_timeline.mount(drawn, key=f"lp_counters_{trace.trace_id}")


def _selected(trace: Trace) -> int:
    """The span in the address, else the one that held the request up longest."""
    asked = st.query_params.get("span")
    for at, span in enumerate(trace.spans):
        if span.span_id == asked:
            return at
    return max(range(len(trace.spans)), key=lambda at: trace.spans[at].critical_ns)


def _as_text(trace: Trace) -> None:
    """The same as a table, for screen readers, for searching and for copying."""
    with st.expander("As a table", on_change="rerun", key="lp_as_table") as box:
        if not box.open:
            return
        st.dataframe(_frame(trace.spans[:TEXT_ROWS]), hide_index=True, height=400)
        if len(trace.spans) > TEXT_ROWS:
            st.caption(f"The first {TEXT_ROWS:,} of {len(trace.spans):,} spans.")


def _frame(spans: tuple[TraceSpan, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "span": ["\u2003" * min(s.depth, 12) + shown_text.line(s.name) for s in spans],
            "from ms": [s.offset_ns / 1e6 for s in spans],
            "duration ms": [s.duration_ns / 1e6 for s in spans],
            "own ms": [s.self_ns / 1e6 for s in spans],
            "critical ms": [s.critical_ns / 1e6 for s in spans],
            "modality": [s.modality for s in spans],
            "status": [shown_text.outcome(s.status) for s in spans],
            "tokens in": pd.array([s.input_tokens for s in spans], dtype="Int64"),
            "tokens out": pd.array([s.output_tokens for s in spans], dtype="Int64"),
        }
    )
