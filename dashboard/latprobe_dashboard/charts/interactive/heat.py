"""Durations over time as a heatmap."""

from __future__ import annotations

from datetime import tzinfo

from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive.parts import (
    BLUE,
    FAINT,
    Chart,
    clock,
    clock_axis,
    lines,
    named_places,
    plain,
)
from latprobe_dashboard.heat_queries import ROWS, Heat


def heatmap(heat: Heat, *, zone: tzinfo) -> Chart:
    """How many spans took how long, and when; cells without spans stay empty."""
    edges = [quantities.milliseconds(heat.edge_ms(row)) for row in range(len(heat.counts) + 1)]
    begins = [heat.first_ns + heat.step_ns * at for at in range(heat.columns + 1)]
    most = max(map(max, heat.counts))
    long = quantities.nanoseconds(heat.step_ns)
    drawn = {
        "type": "heatmap",
        "x": clock(begins, zone),
        "y": list(range(len(edges))),
        "z": [[count or None for count in row] for row in heat.counts],
        "text": [
            [_cell_tip(count, edges[at], edges[at + 1], long) for count in row]
            for at, row in enumerate(heat.counts)
        ],
        "hoverinfo": "x+text",
        "hoverongaps": False,
        "colorscale": [[0, FAINT], [1, BLUE]],
        "zmin": 0,
        "zmax": most,
        "colorbar": {
            "title": {"text": "Spans"},
            "outlinewidth": 0,
            "tick0": 0,
            "dtick": -(-most // 5),
        },
    }
    named = {float(at): plain(edge) for at, edge in enumerate(edges) if at % ROWS == 0}
    layout = {"xaxis": clock_axis(zone), "yaxis": named_places("Duration", named)}
    spans = sum(map(sum, heat.counts))
    return Chart("Durations over time", f"n = {quantities.exact(spans)} spans", [drawn], layout)


def _cell_tip(count: int, low: str, high: str, long: str) -> str:
    return lines(f"{plain(low)} to {plain(high)}", f"n = {count:,} in {plain(long)}")
