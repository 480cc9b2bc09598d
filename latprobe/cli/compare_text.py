"""A comparison as text: the sentence that matters, then the changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprobe.cli import figures, output
from latprobe.cli.output import Column

if TYPE_CHECKING:
    from latprobe.analysis.compare.comparison import Comparison, Row

WHOLE = "whole request"
_TITLES = {
    "p50_ms": "p50",
    "p95_ms": "p95",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "cost_usd": "cost",
    "error_share": "errors",
    "throughput_per_s": "throughput",
}
# In the text, stages that stayed as they were are only counted.
_QUIET = ("same", "unclear")


def print_comparison(found: Comparison, before: str, after: str) -> None:
    """Prints the comparison."""
    output.line(headline(found), style="bold")
    counts = (
        figures.many(found.requests_before, "request"),
        figures.many(found.requests_after, "request"),
    )
    output.line(f"Before: {before}, {counts[0]}. After: {after}, {counts[1]}.")
    output.line()
    shown, quiet = _shown(found.rows)
    output.table(
        [
            Column("Of", "left", shorten=True),
            Column("Figure", "left"),
            Column("Before"),
            Column("After"),
            Column("Change"),
            Column("95 % interval", give_up=1),
            Column("Per request", give_up=2),
            Column("Verdict", "left"),
        ],
        [_cells(row) for row in shown],
    )
    if quiet:
        names = ", ".join(quiet)
        output.line(f"No change shown in {figures.many(len(quiet), 'stage')}: {names}.")
    for note in found.notes:
        output.line(note)


def headline(found: Comparison) -> str:
    """What to know first."""
    row = found.row("p50_ms")
    if row is None or row.change is None:
        return "The requests cannot be compared."
    words = {
        "worse": "Requests got slower",
        "better": "Requests got faster",
        "same": "Requests take as long as before",
        "unclear": "Whether requests got slower cannot be told",
    }
    text = words.get(row.verdict, "Requests changed")
    moved = next(
        (r for r in found.rows if r.stage and r.verdict in ("worse", "better", "appeared")), None
    )
    line = f"{text}: p50 {change_text(row)}{interval_text(row, ' (', ')')}."
    if moved is not None and moved.effect_ms is not None and row.verdict in ("worse", "better"):
        line += f" Most of it in {moved.stage}: {signed_ms(moved.effect_ms.value)} a request."
    return line


def title(metric: str) -> str:
    """A metric as the tables call it."""
    return _TITLES.get(metric, metric)


def value_text(metric: str, value: float | None) -> str:
    """A figure with its unit."""
    if value is None:
        return figures.UNMEASURED
    if metric.endswith("_ms"):
        return figures.ms(value)
    if metric == "cost_usd":
        return figures.usd(value)
    if metric == "error_share":
        return figures.percent(value)
    if metric == "throughput_per_s":
        return f"{value:.3g}/s"
    return figures.count(value) if value >= 100 else f"{value:.3g}"


def share_text(metric: str, change: float) -> str:
    """A change with its sign: per cent, for shares percentage points."""
    text = f"{change * 100:+.1f}"
    return f"{text} pp" if metric == "error_share" else f"{text} %"


def change_text(row: Row) -> str:
    """The row's change."""
    if row.change is None:
        return figures.UNMEASURED
    return share_text(row.metric, row.change.value)


def interval_text(row: Row, opening: str = "", closing: str = "") -> str:
    """The change's interval; nothing where there is none."""
    interval = None if row.change is None else row.change.interval
    if interval is None:
        return "" if opening else figures.UNMEASURED
    low, high = interval.low * 100, interval.high * 100
    return f"{opening}{low:+.1f} to {high:+.1f}{closing}"


def signed_ms(value: float) -> str:
    """A difference in ms with its sign."""
    text = figures.ms(abs(value))
    return text if value == 0 else f"{'+' if value > 0 else '-'}{text}"


def _shown(rows: tuple[Row, ...]) -> tuple[list[Row], list[str]]:
    """All rows of the request, of stages those that say something; and the quiet stages."""
    loud = {row.stage for row in rows if row.stage and row.verdict not in _QUIET}
    shown = [row for row in rows if row.stage is None or row.verdict not in _QUIET]
    quiet = dict.fromkeys(row.stage for row in rows if row.stage and row.stage not in loud)
    return shown, [str(name) for name in quiet]


def _cells(row: Row) -> list[str]:
    effect = figures.UNMEASURED if row.effect_ms is None else signed_ms(row.effect_ms.value)
    return [
        row.stage or WHOLE,
        title(row.metric),
        value_text(row.metric, row.before),
        value_text(row.metric, row.after),
        change_text(row),
        interval_text(row),
        effect if row.metric.endswith("_ms") else "",
        "cannot tell" if row.verdict == "unclear" else row.verdict,
    ]
