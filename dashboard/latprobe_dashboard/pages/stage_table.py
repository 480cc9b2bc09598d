"""Stages ranked by critical share, as the overview and a notebook show them."""

from __future__ import annotations

from latprobe.analysis.report import StageRow
from latprobe_dashboard import links, quantities, shown_text
from latprobe_dashboard.charts import rows
from latprobe_dashboard.theme import hue_of

COLUMNS = (
    rows.Column("Stage", field="stage"),
    rows.Column(
        "Critical share",
        field="critical_share",
        help="Share of the requests' critical path: what they would gain if this took no time",
        is_bar=True,
    ),
    rows.Column("p50", field="p50_ms", is_number=True),
    rows.Column("p95", field="p95_ms", is_number=True),
    rows.Column("p99", field="p99_ms", is_number=True),
    rows.Column("Spans", field="spans", is_number=True),
    rows.Column("Failed spans", field="failed_spans", is_number=True, help="Of the stage's spans"),
)


def stage_row(row: StageRow, top: float, *, is_linked: bool = True) -> rows.Row:
    """One stage; `top` is the greatest critical share."""
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
            rows.figure(quantities.milliseconds, row.p50_ms),
            rows.figure(quantities.milliseconds, row.p95_ms),
            rows.figure(quantities.milliseconds, row.p99_ms),
            rows.figure(quantities.count, row.count),
            rows.figure(quantities.count, row.errors, is_bad=row.errors > 0),
        ),
        link=links.stage_address(row.name) if is_linked else "",
    )
