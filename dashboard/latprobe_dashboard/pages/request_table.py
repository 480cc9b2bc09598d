"""The table of requests that several pages end with; a row opens its trace."""

from __future__ import annotations

from collections.abc import Sequence

from latprobe.analysis.traces import TraceRow
from latprobe_dashboard import links, quantities, shown_text, visitor
from latprobe_dashboard.charts import rows

COLUMNS = (
    rows.Column("Request", field="request"),
    rows.Column("Duration", field="duration_ms", is_bar=True),
    rows.Column("Waits most for", field="slowest_stage"),
    rows.Column("Spans", field="spans", is_number=True),
    rows.Column(
        "Failed spans", field="failed_spans", is_number=True, help="Of the request's spans"
    ),
    rows.Column("Tokens in", field="input_tokens", is_number=True),
    rows.Column("Tokens out", field="output_tokens", is_number=True),
    rows.Column("Service", field="service"),
    rows.Column("Started", field="started", is_number=True),
    rows.Column("Trace", field="trace_id"),
)


def request_table(
    found: Sequence[TraceRow], *, key: str, label: str, height: int = 0, is_saved: bool = True
) -> None:
    """Draws the rows; opening one leaves for its trace. `height` and `is_saved` are the table's."""
    top = max((row.duration_ms for row in found), default=0.0) or 1.0
    zone = visitor.zone()
    shown = [
        rows.Row(
            cells=(
                rows.Cell(shown_text.line(row.name)),
                rows.figure(quantities.milliseconds, row.duration_ms, share=row.duration_ms / top),
                rows.Cell(shown_text.line_or_dash(row.slowest_stage)),
                rows.figure(quantities.count, row.spans),
                rows.figure(quantities.count, row.errors, is_bad=row.errors > 0),
                rows.figure(quantities.count, row.input_tokens),
                rows.figure(quantities.count, row.output_tokens),
                rows.Cell(shown_text.line_or_dash(row.service, 30)),
                rows.Cell(quantities.moment(row.start_ns, zone)),
                rows.Cell(row.trace_id[:8], hint=row.trace_id, value=row.trace_id),
            ),
            link=links.address("trace", id=row.trace_id),
        )
        for row in found
    ]
    opened = rows.mount(COLUMNS, shown, key=key, label=label, height=height, is_saved=is_saved)
    if opened is not None:
        links.go("trace", id=found[opened].trace_id)
