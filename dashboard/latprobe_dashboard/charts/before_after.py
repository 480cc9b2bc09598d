"""Percentiles before and after a change, the interval of the prediction drawn: a small canvas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import streamlit as st

from latprobe.analysis.whatif import Percentile
from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive import changes
from latprobe_dashboard.charts.saving import as_html
from latprobe_dashboard.charts.scripts import source

HEIGHT = 196


def mount(figures: Sequence[tuple[str, Percentile]], *, key: str, height: int = HEIGHT) -> None:
    """Draws a pair of bars for each named percentile."""
    with as_html("what-if", lambda _: changes.before_after(figures), key=key):
        _component()(data=before_after_data(figures, height=height), key=key)


def before_after_data(
    figures: Sequence[tuple[str, Percentile]], *, height: int = HEIGHT
) -> dict[str, Any]:
    """Times in ms; those that were not predicted are left out."""
    rows = [
        {
            "name": name,
            "before": each.before_ms,
            "after": each.after_ms,
            "low": None if each.ci95_ms is None else each.ci95_ms.low,
            "high": None if each.ci95_ms is None else each.ci95_ms.high,
        }
        for name, each in figures
        if each.before_ms is not None and each.after_ms is not None
    ]
    return {"height": height, "rows": rows, "words": _words(figures)}


def _words(figures: Sequence[tuple[str, Percentile]]) -> str:
    """The chart in a sentence, for whoever cannot see it."""
    told = [
        f"{name} {quantities.milliseconds(each.before_ms)} to "
        f"{quantities.milliseconds(each.after_ms)}"
        for name, each in figures
    ]
    return f"Recorded and with the change: {', '.join(told)}."


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_before_after",
        html='<div class="frame"></div>',
        css=source("latency.css"),
        js=source("saving.js", "drawing.js", "before_after.js"),
    )
