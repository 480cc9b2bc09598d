"""Where is the time going? The stages ranked by what requests wait for."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from latprobe.analysis.error_origins import ErrorOrigin
from latprobe.analysis.log_bins import BIN_WIDTH
from latprobe.analysis.overview import Overview
from latprobe.analysis.report import StageRow
from latprobe.analysis.scope import Scope
from latprobe_dashboard import data, links, quantities, shown_text
from latprobe_dashboard.charts import budget, latency, rows
from latprobe_dashboard.charts.interactive import shares
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.pages import overview_advice, overview_cards, stage_table
from latprobe_dashboard.pages.request_table import request_table
from latprobe_dashboard.stage_verdicts import limit_so_far

TITLE, PATH, ICON = "Overview", "", ":material/speed:"
QUESTION = "Where is the time going?"
SLOWEST = 20
TABLE_HEIGHT = 392


def render() -> None:
    show(QUESTION, _body, follows=True)


def _body(scope: Scope) -> None:
    data.begin(
        lambda: data.error_origins(scope),
        lambda: data.token_points(scope),
        lambda: data.traces(scope, order="slowest", limit=SLOWEST),
    )
    seen = data.overview(scope)
    points = data.timeline(scope)
    advice = st.container(key="lp_advice")
    sentence(_answer(seen, data.error_origins(scope)))
    change = st.container(key="lp_change")
    budget.mount(budget.by_modality((row.modality, row.critical_share) for row in seen.stages))
    overview_cards.mount(scope)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _stage_table(scope, seen)
    with right:
        st.html('<p class="lp-h">Latency and failures over time</p>')
        latency.mount(points, key="lp_latency")
    st.html(f'<p class="lp-h">Slowest requests<small>the {SLOWEST} longest</small></p>')
    slowest = data.traces(scope, order="slowest", limit=SLOWEST)
    request_table(slowest, key="lp_slowest", label="Slowest requests")
    with advice:
        overview_advice.advise(scope)
    with change:
        overview_advice.since(scope)


def _answer(seen: Overview, origins: list[ErrorOrigin]) -> list[str]:
    ranked = [row for row in seen.stages if row.critical_share > 0]
    if not ranked:
        return ["No request took measurable time in this window."]
    first = ranked[0]
    words = (
        f"<b>{shown_text.markup(first.name)}</b> is "
        f"<b>{quantities.share(first.critical_share)}</b> of what requests wait for"
    )
    others = [
        f"<b>{shown_text.markup(row.name)}</b> {quantities.share(row.critical_share)}"
        for row in ranked[1:2]
    ]
    if others:
        words += f", then {' and '.join(others)}"
    return [f"{words}{_tail(ranked)}.", _failing(seen, origins)]


def _tail(ranked: list[StageRow]) -> str:
    """What the slowest 5 % wait for, where that is another story."""
    worst = max(ranked, key=lambda row: row.critical_share_p95)
    share = quantities.share(worst.critical_share_p95)
    if worst is not ranked[0]:
        return f"; the slowest 5 % wait for <b>{shown_text.markup(worst.name)}</b> ({share})"
    if worst.critical_share_p95 > worst.critical_share * 1.15:
        return f"; in the slowest 5 % it is <b>{share}</b>"
    return ""


def _failing(seen: Overview, origins: list[ErrorOrigin]) -> str:
    """How many requests fail, and the stage in which most of their errors begin."""
    if not seen.requests.errors:
        return ""
    share = quantities.share(seen.requests.errors / max(seen.requests.count, 1))
    if not origins:
        return f'<span class="lp-bad">{share} fail.</span>'
    is_most = origins[0].errors * 2 > sum(origin.errors for origin in origins)
    often = "mostly" if is_most else "most often"
    name = shown_text.markup(origins[0].name)
    return f'<span class="lp-bad">{share} fail</span>, {often} in <b>{name}</b>.'


def _stage_table(scope: Scope, seen: Overview) -> None:
    st.html(f'<p class="lp-h">Stages by critical path<small>{_basis(seen)}</small></p>')
    top = max((row.critical_share for row in seen.stages), default=0.0) or 1.0
    shown = [
        stage_table.stage_row(replace(row, verdict=limit_so_far(scope, seen, row).word), top)
        for row in seen.stages
    ]
    opened = rows.mount(
        stage_table.COLUMNS,
        shown,
        key="lp_stages",
        label="Stages by critical path",
        height=TABLE_HEIGHT,
        chart=("stages", lambda _: shares.stages(seen)),
    )
    if opened is not None:
        links.go("stage", name=seen.stages[opened].name)


def _basis(seen: Overview) -> str:
    """What the shares and the percentiles were computed on."""
    words = f"over {quantities.counted(seen.sampled_traces, 'request')}"
    if seen.sampled_traces < seen.requests.count:
        words += f", a sample of {quantities.count(seen.requests.count)}"
    if not seen.is_exact:
        words += f"; percentiles from {quantities.share(BIN_WIDTH)} wide bins"
    return words
