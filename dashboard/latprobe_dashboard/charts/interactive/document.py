"""A chart as a file that needs nothing else: Plotly's script, the data, and both themes.

The file's own policy forbids it to load anything. Its colours follow the reader's light or dark.
"""

from __future__ import annotations

import html
import json
from typing import Any

from latprobe_dashboard.charts.interactive.parts import BACK, DIM, INK, LINE, PANEL, Chart, plain
from latprobe_dashboard.charts.scripts import source

_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "scrollZoom": True,
    # Signs of dollars in names are no formulas.
    "typesetMath": False,
}

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline';
 style-src 'unsafe-inline'; img-src data: blob:">
<style>
:root { color-scheme: light dark; }
body { margin: 1rem 1.5rem; background: light-dark(#ffffff, #11151b); }
</style>
"""


def page(chart: Chart, *, choice: str = "", file_name: str = "latprobe") -> str:
    """The file's text. `choice` says what was chosen on the page it is from.

    ImportError without Plotly.
    """
    from plotly.offline import get_plotlyjs

    config = {**_CONFIG, "toImageButtonOptions": {"filename": file_name, "scale": 2}}
    return (
        f"{_HEAD}<title>latprobe: {html.escape(chart.title)}</title></head><body>"
        f'<div id="chart" style="height:{chart.height}px"></div>'
        f"{_data('figure', described(chart, choice=choice))}{_data('config', config)}"
        f"<script>{get_plotlyjs()}</script><script>{source('interactive/draw.js')}</script></body></html>\n"
    )


def described(chart: Chart, *, choice: str = "") -> dict[str, Any]:
    """The chart as Plotly's JSON, with its title and in the pages' look."""
    basis = " · ".join(plain(each) for each in (chart.basis, choice) if each)
    layout = {
        "title": {
            "text": plain(chart.title),
            "subtitle": {"text": basis, "font": {"size": 13, "color": DIM}},
            "x": 0,
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 16, "l": 24},
        },
        "font": {"family": 'Inter, "Segoe UI", system-ui, sans-serif', "size": 13, "color": INK},
        "paper_bgcolor": BACK,
        "plot_bgcolor": BACK,
        "margin": {"t": 108, "r": 24, "b": 56, "l": 64},
        "hoverlabel": {"bgcolor": PANEL, "bordercolor": LINE, "font": {"color": INK}},
        "legend": {"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom"},
        "modebar": {"bgcolor": BACK, "color": DIM, "activecolor": INK},
        **chart.layout,
    }
    return {"data": list(chart.traces), "layout": layout}


def _data(name: str, values: dict[str, Any]) -> str:
    """The values as data in the file: inside a script only "<" could end it."""
    packed = json.dumps(values, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{packed}</script>'
