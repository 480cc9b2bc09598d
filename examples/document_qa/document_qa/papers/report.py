"""A two-page quarterly operations report in running text."""

from __future__ import annotations

import random

from document_qa.papers import wording
from document_qa.papers.layout import Paper, Row, line, paragraph

_CAUSES = ("a failed cooling pump", "an expired certificate", "a cut fibre line", "a full disk")


def compose(rng: random.Random) -> Paper:
    """A report whose findings stand on its first page and whose plans stand on its second."""
    facts = {
        "availability": f"99.{rng.randrange(10, 99)}%",
        "incidents": str(rng.randint(3, 28)),
        "cost": wording.money(rng.randrange(4_000_000, 39_000_000, 500)),
        "budget": wording.money(rng.randrange(40_000_000, 90_000_000, 500)),
        "audit_date": wording.written(wording.day(rng)),
    }
    sheets = (_findings(facts, rng=rng), _plans(facts, rng=rng))
    return Paper("report", sheets, facts)


def _findings(facts: dict[str, str], *, rng: random.Random) -> tuple[Row, ...]:
    quarter, year = rng.randint(1, 4), rng.choice((2024, 2025))
    return (
        line("Quarterly Operations Report", size_px=42, is_bold=True),
        line(f"Quarter {quarter}, {year}", size_px=26),
        line(f"Prepared by {rng.choice(wording.PEOPLE)}", size_px=22),
        line("1. Summary", size_px=28, is_bold=True, space_before_px=40),
        *paragraph(
            "Operations were steady in the quarter. Demand rose in the second month and the "
            "night shift was extended by one team to keep up with it."
        ),
        *paragraph(
            f"The measured service availability was {facts['availability']}, against an agreed "
            "target for the year that the board will review in spring."
        ),
        line("2. Incidents", size_px=28, is_bold=True, space_before_px=34),
        *paragraph(
            f"The team handled {facts['incidents']} incidents in the quarter. The longest of "
            f"them was caused by {rng.choice(_CAUSES)} and kept two sites waiting until noon."
        ),
        *paragraph(
            "Each cause was written up within a week, and the duty roster now names a second "
            "person for every weekend."
        ),
        line("3. Cost", size_px=28, is_bold=True, space_before_px=34),
        *paragraph(
            f"The operating cost of the quarter came to {facts['cost']}. Energy and "
            "transport were the two largest items, as in the quarter before."
        ),
    )


def _plans(facts: dict[str, str], *, rng: random.Random) -> tuple[Row, ...]:
    return (
        line("4. Plans", size_px=28, is_bold=True),
        *paragraph(
            f"The board approved a budget of {facts['budget']} for the next year. It covers "
            "new scanners for the mail room and the repair of the loading dock."
        ),
        *paragraph(
            f"The external audit is scheduled for {facts['audit_date']}. All sites should have "
            "their maintenance records ready two weeks before that day."
        ),
        line("5. Staff", size_px=28, is_bold=True, space_before_px=34),
        *paragraph(
            f"{rng.choice(wording.PEOPLE)} takes over the planning team. Two posts in the "
            "warehouse remain open, and the training course for forklift drivers is full."
        ),
    )
