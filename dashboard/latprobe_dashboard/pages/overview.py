"""Where is the time going? The stages ranked by what requests wait for."""

from __future__ import annotations

import streamlit as st

from latprobe.analysis.error_origins import ErrorOrigin
from latprobe.analysis.log_bins import BIN_WIDTH
from latprobe.analysis.overview import Overview
from latprobe.analysis.report import StageRow
from latprobe.analysis.scope import Scope
from latprobe.analysis.timeline import TimelinePoint
from latprobe_dashboard import data, links, quantities, shown_text
from latprobe_dashboard.charts import budget, cards, latency, rows
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.pages import overview_advice, stage_table
from latprobe_dashboard.pages.request_table import request_table

TITLE, PATH, ICON = "Overview", "", ":material/speed:"
QUESTION = "Where is the time going?"
SLOWEST = 20
TABLE_HEIGHT = 392
# The words for one origin of all costs, and for one of several.
_COST_WORDS = {
    "provider": ("as reported by the provider", "the provider"),
    "prices": ("by list prices", "list prices"),
    "override": ("by your own prices", "your own prices"),
}


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
    cards.mount(_cards(seen, points, scope))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _stage_table(seen)
    with right:
        st.html('<p class="lp-h">Latency and errors over time</p>')
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


def _cards(seen: Overview, points: list[TimelinePoint], scope: Scope) -> list[cards.Card]:
    requests = seen.requests
    tokens = data.token_points(scope)
    spans = quantities.counted(seen.spans, "span")
    total = _sum(requests.input_tokens, requests.output_tokens)
    share = requests.errors / requests.count if requests.count else None
    return [
        cards.Card(
            "Requests",
            quantities.count(requests.count),
            f"{quantities.rate(requests.throughput_per_s)} · {spans}",
            [point.count for point in points],
        ),
        cards.Card(
            "p50",
            quantities.milliseconds(requests.p50_ms),
            "half are faster",
            [point.p50_ms for point in points],
        ),
        cards.Card(
            "p95",
            quantities.milliseconds(requests.p95_ms),
            f"p99 {quantities.milliseconds(requests.p99_ms)}",
            [point.p95_ms for point in points],
        ),
        cards.Card(
            "Errors",
            quantities.share(share),
            f"{quantities.count(requests.errors)} of {quantities.count(requests.count)}",
            [point.errors / point.count if point.count else None for point in points],
            is_error=bool(requests.errors),
        ),
        cards.Card(
            "Tokens",
            quantities.count(total),
            _token_words(seen),
            [point.tokens for point in tokens],
        ),
        cards.Card(
            "Cost",
            quantities.dollars(requests.cost_usd),
            _cost_words(seen),
            [point.cost_usd for point in tokens],
        ),
    ]


def _cost_words(seen: Overview) -> str:
    """Who says what the calls cost."""
    if seen.requests.cost_usd is None:
        return "not measured"
    if len(seen.cost_origins) > 1:
        return "from " + " and ".join(_COST_WORDS[each][1] for each in seen.cost_origins)
    return _COST_WORDS[seen.cost_origins[0]][0] if seen.cost_origins else "as recorded"


def _token_words(seen: Overview) -> str:
    requests = seen.requests
    if requests.input_tokens is None and requests.output_tokens is None:
        return "no call reported any"
    return (
        f"{quantities.count(requests.input_tokens)} in · "
        f"{quantities.count(requests.output_tokens)} out"
    )


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None and second is None else (first or 0) + (second or 0)


def _stage_table(seen: Overview) -> None:
    st.html(f'<p class="lp-h">Stages by critical path<small>{_basis(seen)}</small></p>')
    top = max((row.critical_share for row in seen.stages), default=0.0) or 1.0
    shown = [stage_table.stage_row(row, top) for row in seen.stages]
    opened = rows.mount(
        stage_table.COLUMNS,
        shown,
        key="lp_stages",
        label="Stages by critical path",
        height=TABLE_HEIGHT,
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
