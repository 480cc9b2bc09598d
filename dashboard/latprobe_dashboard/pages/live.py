"""Is it healthy now? The last minute, redrawn often enough that spans appear within 2 s."""

from __future__ import annotations

import streamlit as st

from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.errors import LatprobeError
from latprobe_dashboard import connection, data, filters, links, quantities, shown_text, visitor
from latprobe_dashboard.charts import cards, rows
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.live_queries import NewRequest, Pulse

TITLE, PATH, ICON = "Live", "live", ":material/monitor_heart:"
QUESTION = "Is it healthy now?"
REFRESH_S = 1.5
_LOOKED = "latprobe_live_looked"
RUNNING_WORDS = (
    "those of which a stage has ended: the journal keeps spans when they end, so a request that is "
    "still in its first stage cannot be seen"
)
_NONE_ENDED = "none ended"
QUIET_NS = 15_000_000_000
QUIET_S = 5.0  # without new rows only the window moves on

COLUMNS = (
    rows.Column("Request"),
    rows.Column("Duration", is_bar=True),
    rows.Column("Status"),
    rows.Column("Service"),
    rows.Column("Ended", is_number=True),
    rows.Column("Trace"),
)


def render() -> None:
    show(QUESTION, _body, has_window=False)


def _body(scope: Scope) -> None:
    _last_minute(scope)


@st.fragment(run_every=REFRESH_S)
def _last_minute(scope: Scope) -> None:
    now_ns = filters.now_ns()
    try:
        pulse = _pulse(now_ns, scope)
    except LatprobeError as error:
        st.warning(f"{shown_text.block(str(error))} Trying again.")
        return
    sentence([_answer(pulse, now_ns, is_all=scope == EVERYTHING)])
    cards.mount(_cards(pulse))
    _running(pulse, now_ns)
    st.html('<p class="lp-h">Newest requests<small>the last 20</small></p>')
    top = max((row.duration_ms for row in pulse.newest), default=0.0) or 1.0
    shown = [_row(row, top, now_ns) for row in pulse.newest]
    opened = rows.mount(COLUMNS, shown, key="lp_newest", label="Newest requests")
    if opened is not None:
        links.go("trace", id=pulse.newest[opened].trace_id)


def _pulse(now_ns: int, scope: Scope) -> Pulse:
    """The last minute, asked for anew when rows came in: spans are to appear within 2 seconds."""
    before: tuple[int, tuple[int, Scope], Pulse] | None = st.session_state.get(_LOOKED)
    asked = connection.version(), scope
    if before is not None:
        at_ns, seen, pulse = before
        if asked == seen and (now_ns - at_ns) / 1e9 < QUIET_S:
            return pulse
    pulse = data.pulse(now_ns, scope)
    st.session_state[_LOOKED] = (now_ns, asked, pulse)
    return pulse


RUNNING_COLUMNS = (
    rows.Column("Last stage that ended"),
    rows.Column("Running for", is_number=True),
    rows.Column("Stages so far", is_number=True),
    rows.Column("Service"),
    rows.Column("Trace"),
)


def _running(pulse: Pulse, now_ns: int) -> None:
    if not pulse.running:
        st.html(f'<p class="lp-note">No request is seen running. Shown are {RUNNING_WORDS}.</p>')
        return
    st.html(f'<p class="lp-h">Running requests<small>{RUNNING_WORDS}</small></p>')
    shown = [
        rows.Row(
            cells=(
                rows.Cell(shown_text.line(row.last_stage)),
                rows.Cell(quantities.nanoseconds(max(now_ns - row.begun_ns, 0))),
                rows.Cell(quantities.count(row.spans)),
                rows.Cell(shown_text.line_or_dash(row.service, 30)),
                rows.Cell(row.trace_id[:8], hint=row.trace_id, value=row.trace_id),
            ),
        )
        for row in pulse.running
    ]
    rows.mount(RUNNING_COLUMNS, shown, key="lp_running", label="Running requests")


def _answer(pulse: Pulse, now_ns: int, *, is_all: bool) -> str:
    of = "" if is_all else " of this choice"
    if not pulse.requests:
        if pulse.last_end_ns is None:
            return f"No request{of} has finished yet."
        return f"<b>Quiet.</b> The last request{of} ended {_ago(now_ns - pulse.last_end_ns)}."
    failing = pulse.errors / pulse.requests
    words = f"<b>{quantities.rate(pulse.rate_per_s)}</b> over the last minute"
    words += f", p95 <b>{quantities.milliseconds(pulse.p95_ms)}</b>"
    if failing:
        words += f', <span class="lp-bad">{quantities.share(failing)} failing</span>'
    else:
        words += ", none failed"
    if pulse.last_end_ns is not None and now_ns - pulse.last_end_ns > QUIET_NS:
        words += f". The last request ended {_ago(now_ns - pulse.last_end_ns)}"
    return words + "."


def _cards(pulse: Pulse) -> list[cards.Card]:
    points = pulse.points
    return [
        cards.Card(
            "Rate",
            quantities.rate(pulse.rate_per_s),
            f"{quantities.count(pulse.requests)} in the last minute",
            [point.requests for point in points],
            help="Requests that ended in the last minute, in steps of two seconds",
        ),
        cards.Card(
            "p50",
            quantities.milliseconds(pulse.p50_ms),
            "half are faster" if pulse.requests else _NONE_ENDED,
            [point.p50_ms for point in points],
            help=f"The median of the last minute, n = {pulse.requests:,}",
        ),
        cards.Card(
            "p95",
            quantities.milliseconds(pulse.p95_ms),
            f"of {quantities.counted(pulse.requests, 'request')}"
            if pulse.requests
            else _NONE_ENDED,
            [point.p95_ms for point in points],
            help="5 % of the requests of the last minute took longer",
        ),
        cards.Card(
            "Failed requests",
            quantities.share(pulse.errors / pulse.requests if pulse.requests else None),
            f"{quantities.count(pulse.errors)} of {quantities.count(pulse.requests)}"
            if pulse.requests
            else _NONE_ENDED,
            [point.errors / point.requests if point.requests else None for point in points],
            is_error=bool(pulse.errors),
            help="Requests whose outermost span failed, of those that ended in the last minute",
        ),
        _host_card(pulse, "CPU of this host", "host.cpu_pct"),
        _host_card(pulse, "Memory of this host", "host.mem_used_bytes"),
    ]


def _host_card(pulse: Pulse, label: str, metric: str) -> cards.Card:
    """The host's newest reading of a metric, whose unit is in its name."""
    values = [point.value for point in pulse.host if point.metric == metric]
    if not values:
        return cards.Card(label, quantities.NOT_MEASURED, "read while programs record")
    whole = "Of the whole host, whatever is chosen above"
    if metric.endswith("_bytes"):
        return cards.Card(label, quantities.size(values[-1]), "in use", values, help=whole)
    share = quantities.share(values[-1] / 100)
    return cards.Card(label, share, "of all cores", values, help=whole)


def _row(row: NewRequest, top: float, now_ns: int) -> rows.Row:
    ended_ns = row.start_ns + int(row.duration_ms * 1e6)
    return rows.Row(
        cells=(
            rows.Cell(shown_text.line(row.name)),
            rows.figure(quantities.milliseconds, row.duration_ms, share=row.duration_ms / top),
            rows.Cell(shown_text.outcome(row.status), is_bad=row.status == "error"),
            rows.Cell(shown_text.line_or_dash(row.service, 30)),
            rows.Cell(_ago(now_ns - ended_ns), hint=quantities.moment(ended_ns, visitor.zone())),
            rows.Cell(row.trace_id[:8], hint=row.trace_id, value=row.trace_id),
        ),
        link=links.address("trace", id=row.trace_id),
    )


def _ago(age_ns: int) -> str:
    seconds = max(age_ns, 0) / 1e9
    if seconds < 1:
        return "just now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
