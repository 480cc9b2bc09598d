"""The rows of a comparison: what changed on top, what did not folded away."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from latprobe.analysis.compare import Comparison, Row
from latprobe_dashboard import links, quantities, shown_text
from latprobe_dashboard.charts import rows
from latprobe_dashboard.charts.interactive import compared
from latprobe_dashboard.pages import compare_words
from latprobe_dashboard.theme import OTHER, TEXT

COLUMNS = (
    rows.Column("Of", field="stage"),
    rows.Column("Figure", field="metric"),
    rows.Column("Before", field="before", is_number=True),
    rows.Column("After", field="after", is_number=True),
    rows.Column("Change", field="change", is_bar=True,
                help="Relative, of failures in percentage points. The whisker is its 95 % "
                "interval, the line in the middle is no change"),
    rows.Column("Per request", field="effect_ms", is_number=True,
                help="What the stage adds to the mean request: the change of its critical path"),
    rows.Column("Verdict", field="verdict",
                help="Worse or better: clear of noise, the false discovery rate controlled. Same: "
                "shown to be below 2 %. Cannot tell: too few requests"),
    rows.Column("n", field="n", is_number=True, help="Requests or calls before and after"),
)  # fmt: skip
# The scale of changes ends here at most, so that one that doubled leaves the others visible.
WIDEST = 1.0


def request_table(found: Comparison) -> None:
    """The figures of whole requests."""
    whole = _of_requests(found)
    _table(whole, _edge([*whole, *_changed(found)]), key="lp_whole", label="Whole request")


def stage_tables(found: Comparison) -> None:
    """The stages that changed; the others in a closed box."""
    loud = _changed(found)
    quiet = [row for row in found.rows if row.stage is not None and not compare_words.is_loud(row)]
    if loud:
        edge = _edge([*_of_requests(found), *loud])
        st.html('<p class="lp-h">Stages that changed<small>the greatest effect first</small></p>')
        _table(loud, edge, key="lp_changed", label="Stages that changed")
    if quiet:
        changed = {row.stage for row in loud}
        names = len({row.stage for row in quiet} - changed)
        title = f"No change shown in {quantities.counted(names, 'stage')}"
        with st.expander(f"{title} ({quantities.counted(len(quiet), 'figure')})"):
            _table(quiet, _edge(quiet), key="lp_unchanged", label="Unchanged")


def _of_requests(found: Comparison) -> list[Row]:
    return [row for row in found.rows if row.stage is None]


def _changed(found: Comparison) -> list[Row]:
    return [row for row in found.rows if row.stage is not None and compare_words.is_loud(row)]


def _table(found: Sequence[Row], edge: float, *, key: str, label: str) -> None:
    chart = ("compared", lambda _: compared.compared(found, title=label))
    body = [_row(row, edge) for row in found]
    opened = rows.mount(COLUMNS, body, key=key, label=label, chart=chart)
    if opened is not None and found[opened].stage:
        links.go("stage", name=found[opened].stage or "")


def _edge(found: Sequence[Row]) -> float:
    """The change at which the columns' scale ends, the same to both sides."""
    ends = [0.05]
    for row in found:
        if row.change is not None:
            ends.append(abs(row.change.value))
            if row.change.interval is not None:
                ends += [abs(row.change.interval.low), abs(row.change.interval.high)]
    return min(max(ends), WIDEST)


def _row(row: Row, edge: float) -> rows.Row:
    effect = row.effect_ms
    is_time = row.metric.endswith("_ms")
    counts = f"{quantities.count(row.count_before)} / {quantities.count(row.count_after)}"
    name = compare_words.WHOLE if row.stage is None else shown_text.line(row.stage)
    return rows.Row(
        cells=(
            rows.Cell(name),
            rows.Cell(compare_words.title(row.metric), value=row.metric),
            rows.Cell(compare_words.figure(row.metric, row.before), value=row.before),
            rows.Cell(compare_words.figure(row.metric, row.after), value=row.after),
            _change(row, edge),
            rows.Cell(
                compare_words.signed_ms(effect.value) if effect is not None and is_time else "",
                value=effect.value if effect is not None and is_time else None,
            ),
            rows.Cell(compare_words.verdict(row), is_bad=row.verdict == "worse", value=row.verdict),
            rows.Cell(counts),
        ),
        link="" if row.stage is None else links.stage_address(row.stage),
    )


def _change(row: Row, edge: float) -> rows.Cell:
    if row.change is None:
        return rows.Cell(quantities.NOT_MEASURED, value=None)

    def place(change: float) -> float:
        return 0.5 + change / edge / 2

    interval = row.change.interval
    is_loud = compare_words.is_loud(row)
    return rows.Cell(
        compare_words.change(row),
        value=row.change.value,
        hint="" if interval is None else compare_words.reach(interval),
        is_bad=row.verdict == "worse",
        hue=TEXT if is_loud else OTHER,
        reach=rows.Reach(
            zero=0.5,
            at=place(row.change.value),
            low=None if interval is None else place(interval.low),
            high=None if interval is None else place(interval.high),
            is_faint=not is_loud,
        ),
    )
