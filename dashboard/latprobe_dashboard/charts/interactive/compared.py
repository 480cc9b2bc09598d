"""What changed between two runs, each figure with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from latprobe.analysis.compare import Row
from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive.changes import whisker
from latprobe_dashboard.charts.interactive.parts import (
    BAD,
    BLUE,
    GREY,
    INK,
    Chart,
    Values,
    axis,
    lines,
    named_places,
    plain,
    text,
)
from latprobe_dashboard.pages import compare_words


def compared(found: Sequence[Row], *, title: str) -> Chart:
    """The relative change of each figure with its 95 % interval; worse is red, noise is grey."""
    rows = [row for row in found if row.change is not None]
    drawn = [
        _points("worse", BAD, rows, lambda row: row.verdict == "worse"),
        _points("better", BLUE, rows, lambda row: row.verdict == "better"),
        _points("no change shown", GREY, rows, lambda row: row.verdict not in ("worse", "better")),
    ]
    names = {float(at): _row_name(row) for at, row in enumerate(rows)}
    layout = {
        "xaxis": axis(
            "Change (%; of failures in percentage points)", zerolinecolor=INK, rangemode="tozero"
        ),
        "yaxis": named_places("", names, range=[len(rows) - 0.5, -0.5], showgrid=False),
    }
    left = len(found) - len(rows)
    basis = "Relative change with its 95 % interval" + (
        f"; {quantities.counted(left, 'figure')} could not be compared" if left else ""
    )
    return Chart(title, basis, [each for each in drawn if each["x"]], layout, 210 + 28 * len(rows))


def _points(name: str, color: str, rows: Sequence[Row], is_own: Callable[[Row], bool]) -> Values:
    own = [(at, row, row.change) for at, row in enumerate(rows) if row.change and is_own(row)]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [100 * change.value for _, _, change in own],
        "y": [at for at, _, _ in own],
        "hovertext": [_compared_tip(row) for _, row, _ in own],
        "hoverinfo": "text",
        "marker": {"color": color, "size": 10},
        "error_x": {
            **whisker(
                [
                    None
                    if change.interval is None
                    else (change.value, change.interval.low, change.interval.high)
                    for _, _, change in own
                ],
                0.01,
            ),
            "color": color,
        },
        "showlegend": True,
    }


def _row_name(row: Row) -> str:
    of = compare_words.WHOLE if row.stage is None else row.stage
    return f"{text(of, 40)} · {plain(compare_words.title(row.metric))}"


def _compared_tip(row: Row) -> str:
    interval = None if row.change is None else row.change.interval
    before = compare_words.figure(row.metric, row.before)
    after = compare_words.figure(row.metric, row.after)
    return lines(
        _row_name(row),
        f"{plain(before)} to {plain(after)}: {plain(compare_words.change(row))}",
        plain(compare_words.reach(interval)) if interval is not None else "",
        plain(compare_words.verdict(row)),
        f"n = {row.count_before:,} before, {row.count_after:,} after",
    )
