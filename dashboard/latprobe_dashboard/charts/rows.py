"""A table whose rows open something: bars in the modality's colour, keyboard, real links.

Drawn by a small component instead of `st.dataframe`, which costs 0.3 s more on the first page and
has one colour a column. Text reaches the browser as data and is set as text, never as HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from latprobe_dashboard.charts.saving import as_html
from latprobe_dashboard.charts.scripts import nothing, source
from latprobe_dashboard.theme import TEXT, Hue

if TYPE_CHECKING:
    from latprobe_dashboard.charts.interactive.parts import Chart

SCRIPTS = ("saving.js", "rows.js")
MARKUP = (
    '<div class="shell"><span class="save"><button class="save" type="button" hidden>HTML</button>'
    '<button class="save" type="button">CSV</button></span>'
    '<div class="frame"></div></div>'
)


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; `is_number` aligns right. `is_bar` draws the cell's share as a bar.

    `field` is its name with the unit in the CSV file, where cells have values: "p95_ms".
    """

    label: str
    help: str = ""
    is_number: bool = False
    is_bar: bool = False
    field: str = ""


class _AsShown:
    """A cell's value that is its text."""


AS_SHOWN = _AsShown()


@dataclass(frozen=True, slots=True)
class Reach:
    """A figure on its column's scale, all places 0..1: a bar from `zero` to `at`, and over it the
    interval from `low` to `high`, where it is known. `is_faint`: not more than noise."""

    zero: float
    at: float
    low: float | None = None
    high: float | None = None
    is_faint: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's text with what marks it: the lane's colour, a bar of `share`, red for trouble.

    `reach` draws a figure with its interval instead of a bar of `share`. `note` is a second,
    smaller line. `value` is what is sorted by and written to a CSV file: a
    number in the column's unit, None where it was not measured.
    """

    text: str
    hue: Hue | None = None
    share: float | None = None
    reach: Reach | None = None
    is_bad: bool = False
    hint: str = ""
    note: str = ""
    value: float | str | _AsShown | None = AS_SHOWN


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `link` is where it leads; it also opens in a new tab. `is_selected` marks it."""

    cells: tuple[Cell, ...]
    link: str = ""
    is_selected: bool = False


V = TypeVar("V", float, int, str)


def figure(words: Callable[[V | None], str], value: V | None, **more: Any) -> Cell:
    """A cell that shows the value in words, and is sorted and saved by the value itself."""
    return Cell(words(value), value=value, **more)


def mount(
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    key: str,
    label: str,
    height: int = 0,
    is_saved: bool = True,
    chart: tuple[str, Callable[[tzinfo], Chart]] | None = None,
) -> int | None:
    """Draws the table; returns the index of the row that was just opened.

    `height` in pixels limits the table, which then scrolls; 0 shows all rows. A viewer sorts it by
    its headings and, where it `is_saved`, writes it to a CSV file. `chart` is the name of a file
    of its bars and what describes them, as in `as_html`.
    """
    data = rows_data(columns, rows, label=label, height=height, is_saved=is_saved)
    with nullcontext() if chart is None else as_html(*chart, key=key):
        opened = _component()(data=data, key=key, on_open_change=nothing).open
    return int(opened) if isinstance(opened, (int, float)) and 0 <= opened < len(rows) else None


def rows_data(
    columns: Sequence[Column], rows: Sequence[Row], *, label: str, height: int, is_saved: bool
) -> dict[str, Any]:
    """What the browser draws the table from."""
    return {
        "label": label,
        "height": height,
        "saved": is_saved,
        "hues": _hues(rows),
        "columns": [
            {
                **{"label": c.label, "help": c.help, "field": c.field},
                **{"number": c.is_number, "bar": c.is_bar},
            }
            for c in columns
        ],
        "rows": [_row(row) for row in rows],
    }


def _hues(rows: Sequence[Row]) -> dict[str, str]:
    marked = {cell.hue for row in rows for cell in row.cells if cell.hue is not None}
    return {hue.key: hue.css for hue in (TEXT, *marked)}


def _row(row: Row) -> dict[str, Any]:
    drawn: dict[str, Any] = {"link": row.link, "cells": [_cell(cell) for cell in row.cells]}
    if row.is_selected:
        drawn["selected"] = 1
    return drawn


def _cell(cell: Cell) -> dict[str, Any]:
    drawn: dict[str, Any] = {"t": cell.text}
    if cell.hue is not None:
        drawn["hue"] = cell.hue.key
    if cell.share is not None:
        drawn["share"] = round(min(max(cell.share, 0.0), 1.0), 4)
    if cell.reach is not None:
        drawn["reach"] = _reach(cell.reach)
    if cell.is_bad:
        drawn["bad"] = 1
    if cell.hint:
        drawn["hint"] = cell.hint
    if cell.note:
        drawn["note"] = cell.note
    if not isinstance(cell.value, _AsShown):
        drawn["v"] = cell.value
    return drawn


def _reach(reach: Reach) -> dict[str, Any]:
    places = {"zero": reach.zero, "at": reach.at, "low": reach.low, "high": reach.high}
    return {
        "faint": int(reach.is_faint),
        **{k: round(min(max(v, 0.0), 1.0), 4) for k, v in places.items() if v is not None},
    }


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_rows",
        html=MARKUP,
        css=source("rows.css"),
        js=source(*SCRIPTS),
    )
