"""What stands where on a sheet, as plain data that `pages.py` draws."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SHEET_WIDTH_PX = 1240
"""A4 at 150 dpi, the resolution that office scanners default to for text."""
SHEET_HEIGHT_PX = 1754
MARGIN_PX = 110
TEXT_RIGHT_PX = SHEET_WIDTH_PX - MARGIN_PX

_PARAGRAPH_CHARACTERS = 74
"""Fits between the margins at the body size in the widest of the fonts, DejaVu Serif."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and the x of its left edge, or of its right edge when aligned right."""

    text: str
    x_px: int = MARGIN_PX
    align: Literal["left", "right"] = "left"


@dataclass(frozen=True, slots=True)
class Row:
    """Cells on one baseline, the space above them, and whether a rule is drawn below."""

    cells: tuple[Cell, ...]
    size_px: int = 24
    is_bold: bool = False
    space_before_px: int = 0
    has_rule: bool = False


@dataclass(frozen=True, slots=True)
class Paper:
    """One document's sheets, and the facts that a reader should find in it, by name."""

    kind: str
    sheets: tuple[tuple[Row, ...], ...]
    facts: Mapping[str, str]


def line(text: str, *, size_px: int = 24, is_bold: bool = False, space_before_px: int = 0) -> Row:
    """A row of a single cell at the left margin."""
    return Row((Cell(text),), size_px=size_px, is_bold=is_bold, space_before_px=space_before_px)


def paragraph(text: str, *, space_before_px: int = 22) -> tuple[Row, ...]:
    """Rows of wrapped body text; the space stands above the first of them."""
    first, *rest = textwrap.wrap(text, _PARAGRAPH_CHARACTERS)
    return (line(first, space_before_px=space_before_px), *(line(row) for row in rest))


def text_of(sheet: tuple[Row, ...]) -> str:
    """The sheet's text as a perfect OCR would give it: a line a row, cells split by a space."""
    return "\n".join(" ".join(cell.text for cell in row.cells) for row in sheet)
