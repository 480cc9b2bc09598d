"""Where is the time going? The stages ranked by what requests wait for."""

from __future__ import annotations

import streamlit as st

from latprobe.analysis.report import Report, StageRow
from latprobe.analysis.scope import Scope
from latprobe.analysis.timeline import TimelinePoint
from latprobe_dashboard import data, filters, links, quantities, shown_text
from latprobe_dashboard.charts import budget, cards, latency, rows
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.pages.request_table import request_table
from latprobe_dashboard.theme import hue_of

TITLE, PATH, ICON = "Overview", "", ":material/speed:"
QUESTION = "Where is the time going?"
SLOWEST = 20
TABLE_HEIGHT = 392
# From so many spans on, the other windows are answered before they are asked for.
FORESEE_SPANS = 100_000

COLUMNS = (
    rows.Column("Stage"),
    rows.Column(
        "Critical share",
        help="Share of the requests' critical path: what they would gain if this took no time",
        is_bar=True,
    ),
    rows.Column("p50", is_number=True),
    rows.Column("p95", is_number=True),
    rows.Column("p99", is_number=True),
    rows.Column("Spans", is_number=True),
    rows.Column("Errors", is_number=True),
)


def render() -> None:
    show(QUESTION, _body)


def _body(scope: Scope) -> None:
    report = data.report(scope)
    points = data.timeline(scope)
    sentence(_answer(report))
    budget.mount(budget.by_modality((row.modality, row.critical_share) for row in report.stages))
    cards.mount(_cards(report, points, scope), window=filters.shown_window())
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _stage_table(report)
    with right:
        st.html('<p class="lp-h">Latency and errors over time</p>')
        latency.mount(points, key="lp_latency")
    st.html(f'<p class="lp-h">Slowest requests<small>the {SLOWEST} longest</small></p>')
    slowest = data.traces(scope, order="slowest", limit=SLOWEST)
    request_table(slowest, key="lp_slowest", label="Slowest requests")
    if report.spans >= FORESEE_SPANS:
        data.foresee(filters.neighbours())


def _answer(report: Report) -> list[str]:
    ranked = [row for row in report.stages if row.critical_share > 0]
    if not ranked:
        return ["No request took measurable time in this window."]
    first = ranked[0]
    words = (
        f"<b>{shown_text.markup(first.name)}</b> is "
        f"<b>{quantities.share(first.critical_share)}</b> of what requests wait for"
    )
    others = [
        f"<b>{shown_text.markup(row.name)}</b> {quantities.share(row.critical_share)}"
        for row in ranked[1:3]
    ]
    if others:
        words += f", then {' and '.join(others)}"
    return [f"{words}{_tail(ranked)}.", _failing(report)]


def _tail(ranked: list[StageRow]) -> str:
    """What the slowest 5 % wait for, where that is another story."""
    worst = max(ranked, key=lambda row: row.critical_share_p95)
    share = quantities.share(worst.critical_share_p95)
    if worst is not ranked[0]:
        return f"; the slowest 5 % wait for <b>{shown_text.markup(worst.name)}</b> ({share})"
    if worst.critical_share_p95 > worst.critical_share * 1.15:
        return f"; in the slowest 5 % it is <b>{share}</b>"
    return ""


def _failing(report: Report) -> str:
    if not report.requests.errors:
        return ""
    share = quantities.share(report.requests.errors / max(report.requests.count, 1))
    failing = [row for row in report.stages if row.errors]
    # An error travels up to every parent; those hardly wait for themselves.
    leaves = [row for row in failing if row.critical_share > 0.005] or failing
    if not leaves:
        return f'<span class="lp-bad">{share} fail.</span>'
    worst = max(leaves, key=lambda row: row.errors)
    name = shown_text.markup(worst.name)
    return f'<span class="lp-bad">{share} fail</span>, mostly in <b>{name}</b>.'


def _cards(report: Report, points: list[TimelinePoint], scope: Scope) -> list[cards.Card]:
    requests = report.requests
    tokens = data.token_points(scope)
    spans = quantities.counted(report.spans, "span")
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
            _token_words(report),
            [point.tokens for point in tokens],
        ),
        cards.Card(
            "Cost",
            quantities.dollars(requests.cost_usd),
            "not measured" if requests.cost_usd is None else "as reported by the calls",
            [point.cost_usd for point in tokens],
        ),
    ]


def _token_words(report: Report) -> str:
    requests = report.requests
    if requests.input_tokens is None and requests.output_tokens is None:
        return "no call reported any"
    return (
        f"{quantities.count(requests.input_tokens)} in · "
        f"{quantities.count(requests.output_tokens)} out"
    )


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None and second is None else (first or 0) + (second or 0)


def _stage_table(report: Report) -> None:
    basis = f"over {quantities.counted(report.sampled_traces, 'request')}"
    if report.sampled_traces < report.traces:
        basis += f", a sample of {quantities.count(report.traces)}"
    st.html(f'<p class="lp-h">Stages by critical path<small>{basis}</small></p>')
    top = max((row.critical_share for row in report.stages), default=0.0) or 1.0
    shown = [_stage_row(row, top) for row in report.stages]
    opened = rows.mount(
        COLUMNS, shown, key="lp_stages", label="Stages by critical path", height=TABLE_HEIGHT
    )
    if opened is not None:
        links.go("stage", name=report.stages[opened].name)


def _stage_row(row: StageRow, top: float) -> rows.Row:
    hue = hue_of(row.modality)
    return rows.Row(
        cells=(
            rows.Cell(shown_text.line(row.name), hue=hue, hint=hue.label),
            rows.Cell(
                quantities.share(row.critical_share),
                hue=hue,
                share=row.critical_share / top,
                hint=row.verdict or "",
            ),
            rows.Cell(quantities.milliseconds(row.p50_ms)),
            rows.Cell(quantities.milliseconds(row.p95_ms)),
            rows.Cell(quantities.milliseconds(row.p99_ms)),
            rows.Cell(quantities.count(row.count)),
            rows.Cell(quantities.count(row.errors), is_bad=row.errors > 0),
        ),
        link=links.stage_address(row.name),
    )
