"""What the interactive charts share: text made safe, axes, colours in both themes, time.

A chart is Plotly's JSON as plain values: nothing of Plotly is imported to describe one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from latprobe_dashboard import quantities, shown_text
from latprobe_dashboard.theme import ERROR, OTHER, TEXT, WAITING, Hue

Values = dict[str, Any]

# The colours of the pages. A file shows the theme of whoever reads it, so each colour is a pair.
INK = "light-dark(#1b2129, #e4e8ee)"
DIM = "light-dark(#5b6672, #98a3b0)"
LINE = "light-dark(#dde2e8, #2c3541)"
PANEL = "light-dark(#f4f6f8, #1a2029)"
GREY = "light-dark(#c3cacf, #4a5563)"
FAINT = "light-dark(#c9d4f3, #263a68)"
BACK = "light-dark(#ffffff, #11151b)"
# Rows of several traces are of one thickness only if each trace is told it.
ROW_WIDTH = 0.74
BLUE = TEXT.css
BAD = ERROR.css

_TIMES = ((60e3, 120e3, "min"), (1e3, 900.0, "s"), (1.0, 1.0, "ms"))


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: its title, what it rests on ("1,204 requests"), Plotly's traces and layout."""

    title: str
    basis: str
    traces: Sequence[Values]
    layout: Mapping[str, Any] = field(default_factory=dict)
    height: int = 520


def text(name: str | None, limit: int = shown_text.NAME_CHARS) -> str:
    """A recorded name as Plotly shows it literally: it reads some tags in labels as markup."""
    return plain(shown_text.line(name, limit))


def plain(words: str) -> str:
    """Our own words with the signs that begin a tag or an entity written as entities."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def on_hue(hue: Hue) -> str:
    """The colour of text on that lane's colour."""
    return {OTHER.key: "#ffffff", WAITING.key: INK}.get(hue.key, BACK)


def lines(*words: str) -> str:
    """Lines of a tip; what is empty is left out. The words are already safe."""
    return "<br>".join(word for word in words if word)


def unit_of(longest_ms: float) -> tuple[float, str]:
    """The unit of an axis that ends at that many ms: its length in ms and its sign."""
    return next(((size, unit) for size, at, unit in _TIMES if longest_ms >= at), (1e-3, "µs"))


def axis(title: str = "", **more: Any) -> Values:
    """An axis with its title, in the pages' colours."""
    lined = {"gridcolor": LINE, "zerolinecolor": LINE, "linecolor": LINE, "automargin": True}
    return {**lined, "title": {"text": title}, **more}


def row_bars(
    hue: Hue, *, rows: Sequence[float | str], lengths: Sequence[float], tips: Sequence[str]
) -> Values:
    """Bars that lie in their rows, of one hue and under its name in the legend."""
    return {
        "type": "bar",
        "orientation": "h",
        "name": plain(hue.label),
        "y": list(rows),
        "x": list(lengths),
        "width": ROW_WIDTH,
        "hovertext": list(tips),
        "hoverinfo": "text",
        "marker": {"color": hue.css},
        "showlegend": True,
    }


def edged(hue: Hue, edges: Sequence[str | None]) -> Values:
    """The marker of bars of one hue, those with an edge of another colour outlined in it."""
    line = {"color": [e or hue.css for e in edges], "width": [2 if e else 1 for e in edges]}
    return {"color": hue.css, "line": line}


def named_places(title: str, names: Mapping[float, str], **more: Any) -> Values:
    """An axis of places with a name at some of them."""
    ticks = {"tickmode": "array", "tickvals": list(names), "ticktext": list(names.values())}
    return axis(title, **ticks, **more)


def clock(times_ns: Sequence[int], zone: tzinfo) -> list[str]:
    """The moments as Plotly's dates, on the clock of `zone`."""
    return [quantities.local_time(t, zone).strftime("%Y-%m-%dT%H:%M:%S.%f") for t in times_ns]


def clock_axis(zone: tzinfo, **more: Any) -> Values:
    """An axis of moments that says whose clock it shows."""
    return axis(f"Time ({plain(str(zone))})", type="date", **more)


def panels(heights: Sequence[float], gap: float = 0.08) -> list[list[float]]:
    """The share of the chart's height of each panel, from the top down."""
    room = (1 - gap * (len(heights) - 1)) / sum(heights)
    domains, top = [], 1.0
    for height in heights:
        domains.append([max(top - height * room, 0.0), top])
        top -= height * room + gap
    return domains
