"""Tokens as stacked bars: a row for each template of a stage, a segment for each part.

Drawn as boxes, not by a chart engine: some 20 rows of 10 segments cost the browser nothing, read
out as a table and can be used with the keyboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st

from latprobe_dashboard import quantities
from latprobe_dashboard.charts.scripts import nothing, source
from latprobe_dashboard.theme import Hue

# Thinner ones cannot be seen or hovered; their tokens stay in the row's figures.
THINNEST_SHARE = 0.002


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens of one part. Those of the answer stand apart from those of the prompt."""

    hue: Hue
    tokens: int
    is_output: bool = False
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A row. Without segments it is the heading of those that follow."""

    name: str
    tokens: int
    segments: tuple[Segment, ...] = ()
    note: str = ""
    link: str = ""
    is_selected: bool = False


def mount(bars: Sequence[Bar], *, key: str, label: str, height: int = 0) -> None:
    """Draws the rows. Which was opened is kept in Streamlit's state under `key`."""
    _component()(data=bars_data(bars, label=label, height=height), key=key, on_open_change=nothing)


def bars_data(bars: Sequence[Bar], *, label: str, height: int = 0) -> dict[str, Any]:
    """What the browser draws: the widths in per cent of the longest row."""
    top = max((_positive(bar) for bar in bars), default=0) or 1
    return {"label": label, "height": height, "rows": [_row(bar, top) for bar in bars]}


def _row(bar: Bar, top: int) -> dict[str, Any]:
    whole = _positive(bar) or 1
    return {
        "name": bar.name,
        "tokens": quantities.count(bar.tokens),
        "note": bar.note,
        "link": bar.link,
        "head": not bar.segments,
        "selected": bar.is_selected,
        "segments": [
            _segment(segment, whole, top)
            for segment in bar.segments
            if segment.tokens > whole * THINNEST_SHARE
        ],
    }


def _segment(segment: Segment, whole: int, top: int) -> dict[str, Any]:
    sign = "~" if segment.is_estimated else ""
    share = quantities.share(segment.tokens / whole)
    return {
        "css": segment.hue.css,
        "width": round(100 * segment.tokens / top, 3),
        "out": segment.is_output,
        "hatched": segment.hue.key in ("part-residual", "part-untaken"),
        "words": [
            segment.hue.label,
            f"{sign}{quantities.count(segment.tokens)} tokens · {share}",
            "estimated" if segment.is_estimated else "",
        ],
    }


def _positive(bar: Bar) -> int:
    return sum(max(segment.tokens, 0) for segment in bar.segments)


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_token_bars",
        html='<div class="frame"></div>',
        css=source("token_bars.css"),
        js=source("token_bars.js"),
    )
