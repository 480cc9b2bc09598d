"""Scanned pages: papers drawn with Pillow, tilted, blurred and noisy as a scanner leaves them.

They stand in for a scanner's output, so that the decoder and the OCR have honest work and need
no files. The same seed gives the same bytes.
"""

from __future__ import annotations

import functools
import io
import random
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from document_qa.papers import invoice, letter, report
from document_qa.papers.layout import (
    MARGIN_PX,
    SHEET_HEIGHT_PX,
    SHEET_WIDTH_PX,
    TEXT_RIGHT_PX,
    Row,
    text_of,
)

KINDS = {"invoice": invoice.compose, "letter": letter.compose, "report": report.compose}

_PAPER_GREY = 246
_INK_GREY = 28
_LINE_HEIGHT = 1.38
_MAX_TILT_DEGREES = 0.6
_NOISE_SIGMA_GREY = 4.0
_JPEG_QUALITY = 72

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Page:
    """A scanned page's JPEG, and the text that was drawn on it (for runs without OCR)."""

    jpeg: bytes
    known_text: str


@dataclass(frozen=True, slots=True)
class Document:
    """The pages of one document and the facts they state, which the pipeline never sees."""

    kind: str
    pages: tuple[Page, ...]
    facts: Mapping[str, str]


@functools.cache
def scan(kind: str, *, seed: int) -> Document:
    """The document of this kind and seed; drawn once (some 0.1 s a page), then kept in memory."""
    rng = random.Random(f"{kind}/{seed}")
    paper = KINDS[kind](rng)
    typeface = rng.choice(("DejaVuSans", "DejaVuSerif"))
    pages = tuple(
        Page(_scanned(_drawn(sheet, typeface=typeface), rng=rng), text_of(sheet))
        for sheet in paper.sheets
    )
    return Document(kind, pages, paper.facts)


def _drawn(sheet: tuple[Row, ...], *, typeface: str) -> Image.Image:
    image = Image.new("L", (SHEET_WIDTH_PX, SHEET_HEIGHT_PX), _PAPER_GREY)
    draw = ImageDraw.Draw(image)
    y_px = MARGIN_PX
    for row in sheet:
        y_px += row.space_before_px
        _draw_row(draw, row, y_px=y_px, typeface=typeface)
        y_px += round(row.size_px * _LINE_HEIGHT)
    return image


def _draw_row(draw: ImageDraw.ImageDraw, row: Row, *, y_px: int, typeface: str) -> None:
    font = _font(typeface, is_bold=row.is_bold, size_px=row.size_px)
    for cell in row.cells:
        left_px = cell.x_px - draw.textlength(cell.text, font) * (cell.align == "right")
        draw.text((left_px, y_px), cell.text, fill=_INK_GREY, font=font)
    if row.has_rule:
        rule_y_px = y_px + round(row.size_px * _LINE_HEIGHT)
        draw.line((MARGIN_PX, rule_y_px, TEXT_RIGHT_PX, rule_y_px), fill=_INK_GREY, width=2)


@functools.cache
def _font(typeface: str, *, is_bold: bool, size_px: int) -> Font:
    """The DejaVu font, or Pillow's own where DejaVu is not installed."""
    try:
        return ImageFont.truetype(f"{typeface}{'-Bold' if is_bold else ''}.ttf", size_px)
    except OSError:
        return ImageFont.load_default(size_px)


def _scanned(image: Image.Image, *, rng: random.Random) -> bytes:
    tilt = rng.uniform(-_MAX_TILT_DEGREES, _MAX_TILT_DEGREES)
    tilted = image.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=_PAPER_GREY)
    soft = np.asarray(tilted.filter(ImageFilter.GaussianBlur(0.5)), dtype=np.float32)
    generator = np.random.default_rng(rng.getrandbits(32))
    noise = _NOISE_SIGMA_GREY * generator.standard_normal(soft.shape, dtype=np.float32)
    grey = np.clip(soft + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).convert("RGB").save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()
