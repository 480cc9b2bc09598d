"""When is this stage slow? Its figures, its latency over time, its distribution, its worst."""

from __future__ import annotations

import html
from dataclasses import replace

import streamlit as st

from latprobe.analysis.fan_out import FanOut
from latprobe.analysis.gpu.programs import DIFFERS
from latprobe.analysis.log_bins import BIN_WIDTH
from latprobe.analysis.overview import Overview
from latprobe.analysis.percentiles import StageStats
from latprobe.analysis.report import StageRow
from latprobe.analysis.scope import Scope
from latprobe.analysis.stage_detail import SlowSpan, StageDetail
from latprobe.analysis.timeline import TimelinePoint
from latprobe.errors import NoDataError
from latprobe_dashboard import (
    analysis_queries,
    data,
    links,
    quantities,
    shown_text,
    stage_verdicts,
    visitor,
)
from latprobe_dashboard.charts import cards, histogram, latency, rows
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.pages import stage_analysis, stage_heat

TITLE, PATH, ICON = "Stage", "stage", ":material/timeline:"
QUESTION = "When is this stage slow?"
SPREAD_FROM = 20  # of fewer spans the p99 is just the longest one
LOOK_AGAIN_S = 0.5
HARDLY = 0.0005  # a stage around others, or one that always runs beside a longer one

COLUMNS = (
    rows.Column("Started", field="started"),
    rows.Column("Duration", field="duration_ms", is_bar=True),
    rows.Column("Status", field="status"),
    rows.Column("Model", field="model"),
    rows.Column("Tokens in", field="input_tokens", is_number=True),
    rows.Column("Tokens out", field="output_tokens", is_number=True),
    rows.Column("Trace", field="trace_id"),
)


def render() -> None:
    show(QUESTION, _body)


def _body(scope: Scope) -> None:
    _begin(scope, st.query_params.get("name"))
    seen = data.overview(scope)
    name = _chosen([row.name for row in seen.stages])
    if name is None:
        return
    row = next(row for row in seen.stages if row.name == name)
    within = replace(scope, stage=name)
    try:
        detail = data.detail(within)
    except NoDataError:
        st.info("This stage has no spans in this window. Choose a longer one.")
        return
    points = data.timeline(within)
    limit = stage_verdicts.limit(scope, seen, row)
    sentence(_answer(detail.stats, row.critical_share, limit.word))
    if limit.is_coming:
        _wait_for_limit(scope, seen, row)
    _say_fan_out(analysis_queries.fan_out(within))
    stage_analysis.gain_of(scope, name)
    cards.mount(_cards(detail.stats, row.self_ms_per_trace, points))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.html('<p class="lp-h">Latency and failures over time</p>')
        latency.mount(points, key="lp_stage_time", height=320)
    with right:
        basis = (
            "" if seen.is_exact else f"; percentiles from {quantities.share(BIN_WIDTH)} wide ones"
        )
        st.html(f'<p class="lp-h">Distribution<small>logarithmic bins{basis}</small></p>')
        histogram.mount(
            detail.histogram,
            p50_ms=detail.stats.p50_ms,
            p95_ms=detail.stats.p95_ms,
            key="lp_histogram",
            height=320,
        )
    stage_heat.heat_over_time(within)
    stage_analysis.findings(scope, name, calls_models=row.input_tokens is not None)
    _slowest(detail)


@st.fragment(run_every=LOOK_AGAIN_S)
def _wait_for_limit(scope: Scope, seen: Overview, row: StageRow) -> None:
    """Draws the page again when what limits the stage is known."""
    if not stage_verdicts.limit(scope, seen, row).is_coming:
        st.rerun()


def _begin(scope: Scope, name: str | None) -> None:
    if name is not None:
        within = replace(scope, stage=name)
        data.begin(
            lambda: data.detail(within),
            lambda: data.timeline(within),
            lambda: analysis_queries.heat(within),
            lambda: analysis_queries.fan_out(within),
        )


def _chosen(names: list[str]) -> str | None:
    """The stage in the address, else the one with the greatest critical share."""
    asked = st.query_params.get("name")
    if asked is not None and asked not in names:
        st.info(
            f"No stage called {shown_text.line(asked)} is in this window. "
            "Choose one of those that are."
        )
    known = asked if asked in names else None
    st.session_state["w_stage"] = known or (names[0] if asked is None else None)
    picked: str | None = st.selectbox(
        "Stage",
        names,
        key="w_stage",
        format_func=shown_text.line,
        width=360,
        label_visibility="collapsed",
        placeholder="Choose a stage",
        on_change=_picked,
    )
    return picked


def _picked() -> None:
    if st.session_state["w_stage"] is not None:
        st.query_params["name"] = st.session_state["w_stage"]


def _answer(stats: StageStats, critical_share: float, verdict: str | None) -> list[str]:
    spread = stats.p99_ms / stats.p50_ms if stats.p50_ms and stats.count >= SPREAD_FROM else None
    name = f"<b>{shown_text.markup(stats.name)}</b>"
    if critical_share < HARDLY:
        words = [f"Requests hardly wait for {name} itself."]
    else:
        words = [f"{name} is <b>{quantities.share(critical_share)}</b> of what requests wait for."]
    if spread is not None:
        words.append(f"Its p99 is <b>{quantities.times(spread)}</b> its p50.")
    if verdict == DIFFERS:
        words.append(f"What limits it <b>{verdict}</b>: choose one above.")
    elif verdict is not None:
        words.append(f"It is <b>{html.escape(shown_text.line(verdict))}</b>.")
    if stats.errors:
        words.append(
            f'<span class="lp-bad">{quantities.share(stats.errors / stats.count)} fail.</span>'
        )
    return words


def _say_fan_out(found: FanOut | None) -> None:
    if found is None or (found.spans <= 1 and found.most_at_once <= 1):
        return
    basis = f"Of the newest {quantities.counted(found.requests, 'request')}, medians"
    st.html(f'<p class="lp-note" title="{basis}">{fan_out_words(found)}</p>')


def fan_out_words(found: FanOut) -> str:
    """Whether the runs of one request stand side by side, as HTML: they then add up to more than
    it took."""
    many = f"A request runs it {_times(found.spans)}"
    if found.at_once > 1:
        last = ": it waits for the last one only, so" if found.at_once == found.spans else ":"
        return (
            f"{many}, <b>{found.at_once:g} side by side</b>{last} "
            "their durations add up to more than it waits."
        )
    if found.most_at_once > 1:
        return (
            f"Most requests run it {_times(found.spans)}; in "
            f"{quantities.share(found.parallel_share)} it runs <b>side by side</b>, at most "
            f"{found.most_at_once:,} at once, and they wait for the last one only."
        )
    return f"{many}, one after the other."


def _times(median: float) -> str:
    return "once" if median == 1 else f"{median:g} times"


def _cards(stats: StageStats, self_ms: float, points: list[TimelinePoint]) -> list[cards.Card]:
    return [
        cards.Card(
            "Spans",
            quantities.count(stats.count),
            f"{quantities.milliseconds(stats.total_ms)} in all",
            [p.count for p in points],
            help="How often the stage ran, and all its runs added up",
        ),
        cards.Card(
            "p50",
            quantities.milliseconds(stats.p50_ms),
            "half are faster",
            [p.p50_ms for p in points],
            help=f"The median duration, n = {stats.count:,}",
        ),
        cards.Card(
            "p95",
            quantities.milliseconds(stats.p95_ms),
            f"p99 {quantities.milliseconds(stats.p99_ms)}",
            [p.p95_ms for p in points],
            help=f"5 % of the runs took longer, 1 % longer than p99; n = {stats.count:,}",
        ),
        cards.Card(
            "Own time",
            quantities.milliseconds(self_ms),
            "per request, self only",
            help="What no stage below it accounts for, of all its runs in a request",
        ),
        cards.Card(
            "Failed spans",
            quantities.share(stats.errors / stats.count),
            f"{quantities.count(stats.errors)} of {quantities.count(stats.count)}",
            [p.errors / p.count if p.count else None for p in points],
            is_error=bool(stats.errors),
            help="Runs of the stage that failed; the request may have gone on, after a retry",
        ),
        cards.Card(
            "Tokens out",
            quantities.count(stats.output_tokens),
            f"{quantities.count(stats.input_tokens)} in",
            help="Of the model calls under this name",
        ),
    ]


def _slowest(detail: StageDetail) -> None:
    st.html('<p class="lp-h">Slowest spans<small>a row opens the request</small></p>')
    top = max((span.duration_ms for span in detail.slowest), default=0.0) or 1.0
    opened = rows.mount(
        COLUMNS,
        [_slow_row(span, top) for span in detail.slowest],
        key="lp_slow_spans",
        label="Slowest spans",
    )
    if opened is not None:
        span = detail.slowest[opened]
        links.go("trace", id=span.trace_id, span=span.span_id)
    if detail.attributes:
        names = ", ".join(shown_text.markup(name, 60) for name in detail.attributes[:30])
        st.html(f'<p class="lp-note">Attributes recorded on it: {names}</p>')


def _slow_row(span: SlowSpan, top: float) -> rows.Row:
    return rows.Row(
        cells=(
            rows.Cell(quantities.moment(span.start_ns, visitor.zone())),
            rows.figure(quantities.milliseconds, span.duration_ms, share=span.duration_ms / top),
            rows.Cell(shown_text.outcome(span.status), is_bad=span.status == "error"),
            rows.Cell(shown_text.line_or_dash(span.model, 40)),
            rows.figure(quantities.count, span.input_tokens),
            rows.figure(quantities.count, span.output_tokens),
            rows.Cell(span.trace_id[:8], hint=span.trace_id, value=span.trace_id),
        ),
        link=links.address("trace", id=span.trace_id, span=span.span_id),
    )
