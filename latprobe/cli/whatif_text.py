"""A prediction as text: one sentence, the percentiles, what was assumed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from latprobe.cli import figures, output
from latprobe.cli.output import Column

if TYPE_CHECKING:
    from latprobe.analysis.whatif import Change, Percentile, Prediction


def print_prediction(found: Prediction, changes: Sequence[Change]) -> None:
    """Prints the whole prediction."""
    output.line(headline(found), style="bold")
    output.line()
    columns = [Column("", "left"), Column("Recorded"), Column("With the change"), Column("95 %")]
    rows = [
        [name, figures.ms(each.before_ms), figures.ms(each.after_ms), interval(each)]
        for name, each in (("p50", found.p50), ("p95", found.p95), ("p99", found.p99))
    ]
    output.table(columns, rows)
    output.line()
    output.line(f"Change    {' · '.join(map(str, changes))}")
    if found.throughput is not None:
        rate = found.throughput
        output.line(f"Requests  {rate.before_per_s:.2f}/s -> {rate.after_per_s:.2f}/s")
    output.line(
        f"Interval  where {figures.many(found.requests, 'new request')} with the change would lie"
    )
    for note in found.notes:
        output.line(f"Note      {note}")


def headline(found: Prediction) -> str:
    """The sentence that matters: p50 812 ms -> 640 ms (610 ms-665 ms), over 1,200 requests."""
    each = found.p50
    return (
        f"p50 {figures.ms(each.before_ms)} -> {figures.ms(each.after_ms)} ({interval(each)}), "
        f"p95 {figures.ms(found.p95.before_ms)} -> {figures.ms(found.p95.after_ms)} "
        f"({interval(found.p95)}), over {figures.many(found.requests, 'request')}."
    )


def interval(figure: Percentile) -> str:
    """Where a re-run would lie."""
    if figure.ci95_ms is None:
        return figures.UNMEASURED
    return f"{figures.ms(figure.ci95_ms.low)} to {figures.ms(figure.ci95_ms.high)}"
