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
    """Draws the row; room for sparklines only where a card has one."""
    is_plain = not any(_lines(card.trend) for card in cards)
    drawn = "".join(_card(card, is_plain) for card in cards)
    st.html(f'<div class="lp-cards">{drawn}</div>')


def _card(card: Card, is_plain: bool) -> str:
    helped = f' lp-helped" title="{html.escape(card.help)}' if card.help else ""
    return (
        f'<div class="lp-card{helped}">'
        f'<div class="lp-label">{html.escape(card.label)}</div>'
        f'<div class="lp-figure">{html.escape(card.figure)}</div>'
        f'<div class="lp-context" title="{html.escape(card.context)}">'
        f"{html.escape(card.context)}</div>"
        f"{'' if is_plain else _sparkline(card)}</div>"
    )


def _sparkline(card: Card) -> str:
    """The trend as a mask over the ink, so that its colour follows the theme."""
    lines = _lines(card.trend)
    if not lines:
        return '<div class="lp-spark"></div>'
    drawn = "".join(_stretch(points) for points in lines)
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH:g} {_HEIGHT:g}' "
        "preserveAspectRatio='none'><g fill='none' stroke='black' stroke-linejoin='round' "
        f"stroke-linecap='round'>{drawn}</g></svg>"
    )
    tone = " lp-error" if card.is_error else ""
    mask = f"url(&quot;data:image/svg+xml,{quote(svg)}&quot;)"
    return (
        f'<div class="lp-spark{tone}" style="background:var(--hue);mask:{mask} 0 0 / 100% 100% '
        'no-repeat" aria-hidden="true"></div>'
    )


def _stretch(points: list[str]) -> str:
    """A line without a break; a lone value is a line of no length, drawn as a dot."""
    wide = 1.5 if len(points) > 1 else 4
    line = " ".join(points if len(points) > 1 else points * 2)
    return f"<polyline points='{line}' stroke-width='{wide}' vector-effect='non-scaling-stroke'/>"


def _lines(trend: Sequence[float | None]) -> list[list[str]]:
    """The points of each unbroken stretch; nothing where there are fewer than two values."""
    known = [value for value in trend if value is not None]
    top = max(known, default=0.0)
    if len(known) < 2:
        return []
    step = (_WIDTH - 4) / (len(trend) - 1)
    lines: list[list[str]] = [[]]
    for index, value in enumerate(trend):
        if value is None:
            lines.append([])
        else:
            y = _HEIGHT - 2 - (value / top if top else 0.0) * (_HEIGHT - 4)
            lines[-1].append(f"{2 + index * step:.1f},{y:.1f}")
    return [line for line in lines if line]
