"""Durations over time as a heatmap on a canvas; a cell can be picked, by mouse or keyboard."""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st

from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive import heat as heat_figure
from latprobe_dashboard.charts.saving import as_html
from latprobe_dashboard.charts.scripts import nothing, source
from latprobe_dashboard.heat_queries import Heat

HEIGHT = 300


def mount(heat: Heat, *, key: str, height: int = HEIGHT) -> tuple[int, int] | None:
    """Draws the cells; returns row and column of the cell that was just picked."""
    drawn = heat_data(heat, height=height)
    with as_html("heatmap", lambda zone: heat_figure.heatmap(heat, zone=zone), key=key):
        picked = _component()(data=drawn, key=key, on_pick_change=nothing)
    place = picked.pick
    if not isinstance(place, (int, float)) or not heat.columns:
        return None
    row, column = divmod(int(place), heat.columns)
    return (row, column) if 0 <= row < len(heat.counts) else None


def heat_data(heat: Heat, *, height: int = HEIGHT) -> dict[str, Any]:
    """Counts row after row, the shortest durations first, and the words of the rows' edges."""
    return {
        "height": height,
        "first_ms": heat.first_ns / 1e6,
        "step_ms": heat.step_ns / 1e6,
        "columns": heat.columns,
        "counts": [count for row in heat.counts for count in row],
        "edges": [
            quantities.milliseconds(heat.edge_ms(row)) for row in range(len(heat.counts) + 1)
        ],
        "words": _words(heat),
    }


def _words(heat: Heat) -> str:
    """The chart in a sentence, for whoever cannot see it."""
    totals = [sum(row) for row in heat.counts]
    most = max(range(len(totals)), key=totals.__getitem__)
    return (
        f"Durations over time: {quantities.counted(sum(totals), 'span')}, most of them from "
        f"{quantities.milliseconds(heat.edge_ms(most))} to "
        f"{quantities.milliseconds(heat.edge_ms(most + 1))}. Arrow keys choose a cell, Enter "
        "shows its requests."
    )


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_heatmap",
        html='<div class="frame"></div>',
        css=source("latency.css"),
        js=source("saving.js", "drawing.js", "time_axis.js", "heatmap.js"),
    )
