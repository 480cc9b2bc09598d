"""What slow requests have in common, and when stages changed: two tables, or one sentence each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from latprobe.analysis.change_points import Change, Changes
from latprobe.analysis.cohorts import Finding, SlowFast
from latprobe.analysis.intervals import Interval
from latprobe_dashboard import links, quantities, shown_text, visitor
from latprobe_dashboard.charts import rows
from latprobe_dashboard.theme import TEXT

FINDING_COLUMNS = (
    rows.Column("Attribute", field="attribute"),
    rows.Column("Among slow", field="among_slow", is_number=True,
                help="Share of the slow that have it; of a number, its median among them"),
    rows.Column("Among the rest", field="among_rest", is_number=True),
    rows.Column("Latency", field="latency_ratio", is_bar=True,
                help="Median with it over the median without; of a number, its upper quarter over "
                "its lower. The whisker is the 95 % interval, the line is no difference"),
    rows.Column("q", field="q_value", is_number=True,
                help="How many of the findings up to this one are expected to be chance"),
    rows.Column("Goes with", field="goes_with",
                help="A clearer finding that tells the same story"),
)  # fmt: skip
CHANGE_COLUMNS = (
    rows.Column("Stage", field="stage"),
    rows.Column("Of", field="percentile"),
    rows.Column("Before", field="before_ms", is_number=True),
    rows.Column("After", field="after_ms", is_number=True),
    rows.Column("Ratio", field="ratio", is_bar=True,
                help="After over before, with its 95 % interval; the line is no change"),
    rows.Column("From", field="from"),
    rows.Column("Until", field="until"),
    rows.Column("Began with", field="began_with"),
    rows.Column("At the same time", field="also"),
)  # fmt: skip


def slow_findings(found: SlowFast, *, key: str) -> None:
    """What separates the slowest 5 % from the rest."""
    st.html('<p class="lp-h">Slow against fast<small>the slowest 5 % and the rest</small></p>')
    if found.refused is not None:
        st.info(shown_text.block(found.refused))
        return
    what = "request" if found.stage is None else f"run of {shown_text.line(found.stage)}"
    slow = (
        f"{quantities.count(found.slow)} of {_many(found.requests, what)} took "
        f"{quantities.milliseconds(found.threshold_ms)} and more, the median "
        f"{quantities.milliseconds(found.median_ms)}."
    )
    if not found.findings:
        tried = quantities.counted(len(found.tried), "attribute")
        _note(f"Nothing separates the slow from the rest. {slow} {tried} tried.")
    else:
        _note(slow)
        rows.mount(
            FINDING_COLUMNS,
            _finding_rows(found.findings),
            key=key,
            label="Slow against fast",
        )
    if found.findings or not found.tried:
        for note in found.notes:
            _note(note)


def change_points(found: Changes, *, key: str) -> None:
    """When stages began to take another time."""
    st.html(
        '<p class="lp-h">When it changed<small>lasting changes of p50 or p95, largest first'
        "</small></p>"
    )
    if found.refused is not None:
        st.info(shown_text.block(found.refused))
        return
    if not found.changes:
        looked = quantities.count(found.tried)
        _note(f"No stage changed for good; {looked} series were looked at.")
        return
    edge = _edge([(each.ratio, each.ratio_ci95) for each in found.changes])
    opened = rows.mount(
        CHANGE_COLUMNS,
        [_change_row(each, edge) for each in found.changes],
        key=key,
        label="When it changed",
    )
    if opened is not None:
        links.go("stage", name=found.changes[opened].stage)


def _many(count: int, what: str) -> str:
    if what.startswith("run of"):
        return f"{quantities.count(count)} {what.replace('run of', 'runs of', 1)}"
    return quantities.counted(count, what)


def _note(words: str) -> None:
    st.html(f'<p class="lp-note">{shown_text.block_markup(words)}</p>')


def _finding_rows(found: Sequence[Finding]) -> list[rows.Row]:
    edge = _edge([(each.latency_ratio, each.ratio_ci95) for each in found])
    return [_finding_row(each, edge) for each in found]


def _finding_row(each: Finding, edge: float) -> rows.Row:
    if each.is_share:
        among = [
            rows.figure(quantities.share, share) for share in (each.slow_share, each.rest_share)
        ]
    else:
        among = [rows.figure(_number, middle) for middle in (each.slow_median, each.rest_median)]
    return rows.Row(
        cells=(
            rows.Cell(shown_text.line(each.name)),
            *among,
            _ratio(each.latency_ratio, each.ratio_ci95, edge),
            rows.figure(_chance, each.q_value),
            rows.Cell(shown_text.line_or_dash(each.goes_with)),
        )
    )


def _change_row(each: Change, edge: float) -> rows.Row:
    zone = visitor.zone()
    is_median = each.metric == "p50"
    before = each.before_p50_ms if is_median else each.before_p95_ms
    after = each.after_p50_ms if is_median else each.after_p95_ms
    until = "still" if each.until_ns is None else quantities.moment(each.until_ns, zone)
    return rows.Row(
        cells=(
            rows.Cell(shown_text.line(each.label)),
            rows.Cell(each.metric),
            rows.figure(quantities.milliseconds, before),
            rows.figure(quantities.milliseconds, after),
            _ratio(each.ratio, each.ratio_ci95, edge, is_bad=each.ratio > 1),
            rows.Cell(quantities.moment(each.at_ns, zone)),
            rows.Cell(until),
            rows.Cell(_began_with(each)),
            _also(each.also),
        ),
        link=links.stage_address(each.stage),
    )


def _also(stages: Sequence[str]) -> rows.Cell:
    """The first of them and how many more there are; all of them in the hint and in the file."""
    if not stages:
        return rows.Cell(quantities.NOT_MEASURED, value=None)
    names = [shown_text.line(name) for name in stages]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    joined = ", ".join(names)
    return rows.Cell(f"{shown_text.line(stages[0], 24)}{more}", hint=joined, value=joined)


def _began_with(each: Change) -> str:
    if each.run_id is None:
        return quantities.NOT_MEASURED
    version = each.version or (each.git_commit or "")[:12]
    return f"run {each.run_id}" + (f", {shown_text.line(version, 20)}" if version else "")


def _edge(found: Sequence[tuple[float | None, Interval | None]]) -> float:
    """How far from no difference the column's scale goes, as a logarithm."""
    ends = [
        abs(math.log(value))
        for ratio, interval in found
        for value in (ratio, *(() if interval is None else (interval.low, interval.high)))
        if value is not None and value > 0
    ]
    return max([*ends, math.log(1.1)])


def _ratio(
    ratio: float | None, interval: Interval | None, edge: float, *, is_bad: bool = False
) -> rows.Cell:
    """A ratio on a logarithmic scale whose middle is no difference."""
    if ratio is None or ratio <= 0:
        return rows.Cell(quantities.NOT_MEASURED, value=None)

    def place(value: float) -> float:
        return 0.5 + math.log(max(value, 1e-9)) / edge / 2

    words = f"{interval.low:.2f} to {interval.high:.2f}" if interval is not None else ""
    return rows.Cell(
        f"{quantities.TIMES_SIGN} {ratio:.2f}",
        value=ratio,
        hint=words,
        hue=TEXT,
        is_bad=is_bad,
        reach=rows.Reach(
            zero=0.5,
            at=place(ratio),
            low=None if interval is None else place(interval.low),
            high=None if interval is None else place(interval.high),
        ),
    )


def _number(value: float | None) -> str:
    return quantities.NOT_MEASURED if value is None else quantities.significant(value)


def _chance(value: float | None) -> str:
    if value is None:
        return quantities.NOT_MEASURED
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
