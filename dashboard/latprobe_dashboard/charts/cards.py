"""A row of cards, all alike: a label, a figure with its unit, a line of context, a sparkline."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import streamlit as st

_WIDTH, _HEIGHT = 120.0, 28.0


@dataclass(frozen=True, slots=True)
class Card:
    """One figure. `trend` holds its values over time, None where nothing was measured."""

    label: str
    figure: str
    context: str = ""
    trend: Sequence[float | None] = ()
    is_error: bool = False
    help: str = ""


def mount(cards: Sequence[Card]) -> None:
    """Draws the row."""
    drawn = "".join(_card(card) for card in cards)
    st.html(f'<div class="lp-cards">{drawn}</div>')


def _card(card: Card) -> str:
    return (
        f'<div class="lp-card" title="{html.escape(card.help)}">'
        f'<div class="lp-label">{html.escape(card.label)}</div>'
        f'<div class="lp-figure">{html.escape(card.figure)}</div>'
        f'<div class="lp-context">{html.escape(card.context)}</div>'
        f"{_sparkline(card)}</div>"
    )


def _sparkline(card: Card) -> str:
    """The trend as a mask over the ink, so that its colour follows the theme."""
    lines = _lines(card.trend)
    if not lines:
        return '<div class="lp-spark"></div>'
    drawn = "".join(f"<polyline points='{points}'/>" for points in lines)
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH:g} {_HEIGHT:g}' "
        "preserveAspectRatio='none'><g fill='none' stroke='black' stroke-width='1.5' "
        f"stroke-linejoin='round' vector-effect='non-scaling-stroke'>{drawn}</g></svg>"
    )
    tone = " lp-error" if card.is_error else ""
    mask = f"url(&quot;data:image/svg+xml,{quote(svg)}&quot;)"
    return (
        f'<div class="lp-spark{tone}" style="background:var(--hue);mask:{mask} 0 0 / 100% 100% '
        'no-repeat" aria-hidden="true"></div>'
    )


def _lines(trend: Sequence[float | None]) -> list[str]:
    """The points of each unbroken stretch; nothing where there are fewer than two values."""
    known = [value for value in trend if value is not None]
    top = max(known, default=0.0)
    if len(known) < 2:
        return []
    step = _WIDTH / (len(trend) - 1)
    lines: list[list[str]] = [[]]
    for index, value in enumerate(trend):
        if value is None:
            lines.append([])
        else:
            y = _HEIGHT - 1 - (value / top if top else 0.0) * (_HEIGHT - 3)
            lines[-1].append(f"{index * step:.1f},{y:.1f}")
    return [" ".join(line) for line in lines if len(line) > 1]
