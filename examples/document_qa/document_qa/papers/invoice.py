"""A one-page invoice with a table of items."""

from __future__ import annotations

import datetime as dt
import random

from document_qa.papers import wording
from document_qa.papers.layout import MARGIN_PX, TEXT_RIGHT_PX, Cell, Paper, Row, line, paragraph

_ITEMS = (
    "Copy paper A4 80 g, box of 5", "Toner cartridge black", "Desk lamp with dimmer",
    "Lever arch files, set of 10", "Whiteboard markers, assorted", "Monitor arm, single",
    "Envelopes C5, pack of 500", "Ergonomic keyboard", "Delivery and assembly",
)  # fmt: skip
_QUANTITY_X_PX = 720
_PRICE_X_PX = 920
_TAX_PERCENT = 20


def compose(rng: random.Random) -> Paper:
    """An invoice whose totals add up."""
    issued = wording.day(rng)
    due = issued + dt.timedelta(days=rng.choice((14, 21, 30)))
    number = f"INV-{rng.randrange(20000, 99999)}"
    vendor, customer = rng.sample(wording.COMPANIES, 2)
    table, subtotal_cents = _table(rng)
    tax_cents = subtotal_cents * _TAX_PERCENT // 100
    total = wording.money(subtotal_cents + tax_cents)
    sheet = (
        *_head(vendor, rng=rng),
        *_references(number, issued=wording.written(issued), due=wording.written(due)),
        *_bill_to(customer, rng=rng),
        *table,
        _sum_row("Subtotal", wording.money(subtotal_cents), space_before_px=18),
        _sum_row(f"VAT {_TAX_PERCENT}%", wording.money(tax_cents)),
        _sum_row("Total amount due", total, is_bold=True),
        *_terms(wording.written(due), number=number, rng=rng),
    )
    facts = {"total": total, "due_date": wording.written(due), "invoice_number": number}
    return Paper("invoice", (sheet,), facts)


def _head(vendor: str, *, rng: random.Random) -> tuple[Row, ...]:
    return (
        line(vendor, size_px=40, is_bold=True),
        line(f"{rng.choice(wording.STREETS)}, {rng.choice(wording.TOWNS)}", size_px=22),
        line("INVOICE", size_px=48, is_bold=True, space_before_px=40),
    )


def _references(number: str, *, issued: str, due: str) -> tuple[Row, ...]:
    return (
        line(f"Invoice number: {number}", space_before_px=16),
        line(f"Invoice date: {issued}"),
        line(f"Payment due date: {due}"),
    )


def _bill_to(customer: str, *, rng: random.Random) -> tuple[Row, ...]:
    return (
        line("Bill to", is_bold=True, space_before_px=30),
        line(customer),
        line(f"Attention: {rng.choice(wording.PEOPLE)}, Accounts Payable"),
    )


def _table(rng: random.Random) -> tuple[tuple[Row, ...], int]:
    heading = Row(
        _cells("Description", "Qty", "Unit price", "Amount"),
        is_bold=True,
        space_before_px=44,
        has_rule=True,
    )
    rows, sum_cents = [heading], 0
    for item in rng.sample(_ITEMS, rng.randint(4, 7)):
        quantity, price_cents = rng.randint(1, 12), rng.randrange(450, 18900, 5)
        sum_cents += quantity * price_cents
        price, amount = wording.money(price_cents), wording.money(quantity * price_cents)
        rows.append(Row(_cells(item, str(quantity), price, amount), space_before_px=8))
    return tuple(rows), sum_cents


def _cells(item: str, quantity: str, price: str, amount: str) -> tuple[Cell, ...]:
    return (
        Cell(item, MARGIN_PX),
        Cell(quantity, _QUANTITY_X_PX, "right"),
        Cell(price, _PRICE_X_PX, "right"),
        Cell(amount, TEXT_RIGHT_PX, "right"),
    )


def _sum_row(label: str, amount: str, *, is_bold: bool = False, space_before_px: int = 6) -> Row:
    cells = (Cell(label, _PRICE_X_PX, "right"), Cell(amount, TEXT_RIGHT_PX, "right"))
    return Row(cells, is_bold=is_bold, space_before_px=space_before_px)


def _terms(due: str, *, number: str, rng: random.Random) -> tuple[Row, ...]:
    return (
        *paragraph(
            f"Please pay by bank transfer no later than {due} and quote {number} as the "
            f"reference. Late payments are charged interest of {rng.choice((2, 3, 4))}% a month.",
            space_before_px=60,
        ),
        *paragraph(
            "Goods remain our property until they are paid in full. Complaints about the "
            "quantity or the condition of goods must reach us within seven working days."
        ),
    )
