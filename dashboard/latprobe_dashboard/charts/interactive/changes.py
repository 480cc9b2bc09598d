"""Percentiles before and after a change, the interval of the prediction drawn."""

from __future__ import annotations

from collections.abc import Sequence

from latprobe.analysis.whatif import Percentile
from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive.parts import (
    BLUE,
    GREY,
    INK,
    Chart,
    Values,
    axis,
    lines,
    plain,
    unit_of,
)


def before_after(figures: Sequence[tuple[str, Percentile]]) -> Chart:
    """Percentiles as recorded and as predicted, the prediction with its 95 % interval."""
    found = [
        (name, each, each.before_ms, each.after_ms)
        for name, each in figures
        if each.before_ms is not None and each.after_ms is not None
    ]
    size, unit = unit_of(max((max(before, after) for _, _, before, after in found), default=0.0))
    names = [name for name, *_ in found]
    after: Values = {
        "type": "bar",
        "name": "with the change, predicted",
        "x": names,
        "y": [ms / size for *_, ms in found],
        "hovertext": [_predicted(name, each) for name, each, *_ in found],
        "hoverinfo": "text",
        "marker": {"color": BLUE},
        "error_y": whisker(
            [
                None if each.ci95_ms is None else (ms, each.ci95_ms.low, each.ci95_ms.high)
                for _, each, _, ms in found
            ],
            size,
        ),
    }
    before: Values = {
        "type": "bar",
        "name": "recorded",
        "x": names,
        "y": [ms / size for _, _, ms, _ in found],
        "hovertext": [f"{name} recorded: {_ms(ms)}" for name, _, ms, _ in found],
        "hoverinfo": "text",
        "marker": {"color": GREY},
    }
    layout = {
        "xaxis": axis(type="category"),
        "yaxis": axis(f"Duration ({unit})", rangemode="tozero"),
        "barmode": "group",
    }
    basis = "The whisker is where a re-run of as many requests would measure it, 95 times in 100"
    return Chart("Before and after the change", basis, [before, after], layout)


def _predicted(name: str, each: Percentile) -> str:
    within = ""
    if each.ci95_ms is not None:
        within = f"95 %: {_ms(each.ci95_ms.low)} to {_ms(each.ci95_ms.high)}"
    return lines(f"{name} predicted: {_ms(each.after_ms)}", within)


def whisker(places: Sequence[tuple[float, float, float] | None], size: float) -> Values:
    """The reach from each value to its interval's ends; none where there is no interval."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [None if each is None else max(each[2] - each[0], 0) / size for each in places],
        "arrayminus": [
            None if each is None else max(each[0] - each[1], 0) / size for each in places
        ],
        "color": INK,
        "thickness": 1.5,
        "width": 6,
    }


def _ms(ms: float | None) -> str:
    return plain(quantities.milliseconds(ms))
