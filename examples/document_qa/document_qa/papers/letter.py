"""A one-page letter from a letting agent to a tenant."""

from __future__ import annotations

import datetime as dt
import random

from document_qa.papers import wording
from document_qa.papers.layout import Paper, Row, line, paragraph


def compose(rng: random.Random) -> Paper:
    """A letter about a new rent, a deposit and a visit."""
    written_on = wording.day(rng)
    visit = written_on + dt.timedelta(days=rng.randint(9, 25))
    start = (written_on + dt.timedelta(days=70)).replace(day=1)
    facts = {
        "rent": wording.money(rng.randrange(78000, 245000, 500)),
        "deposit": wording.money(rng.randrange(250000, 400000, 500)),
        "visit_date": wording.written(visit),
        "start_date": wording.written(start),
    }
    tenant, agent = rng.sample(wording.PEOPLE, 2)
    sheet = (
        *_head(tenant, date=wording.written(written_on), rng=rng),
        *_body(facts),
        line("Yours sincerely,", space_before_px=40),
        line(agent, space_before_px=70),
        line("Property Manager, Elm Tree Lettings"),
    )
    return Paper("letter", (sheet,), facts)


def _head(tenant: str, *, date: str, rng: random.Random) -> tuple[Row, ...]:
    return (
        line("Elm Tree Lettings", size_px=38, is_bold=True),
        line("3 Market Place, Norwich NR2 1ND", size_px=22),
        line(tenant, space_before_px=60),
        line(rng.choice(wording.STREETS)),
        line(rng.choice(wording.TOWNS)),
        line(date, space_before_px=34),
        line("Renewal of your tenancy agreement", is_bold=True, space_before_px=34),
        line(f"Dear {tenant},", space_before_px=28),
    )


def _body(facts: dict[str, str]) -> tuple[Row, ...]:
    return (
        *paragraph(
            "Thank you for looking after the flat so well in the past two years. We would be "
            "glad if you stayed, and we have set out the terms of the renewal below."
        ),
        *paragraph(
            f"The new monthly rent will be {facts['rent']}. The new agreement starts on "
            f"{facts['start_date']} and runs for twelve months."
        ),
        *paragraph(
            f"Your deposit of {facts['deposit']} remains with the protection scheme and does "
            "not change. You need not pay anything towards it now."
        ),
        *paragraph(
            f"Our surveyor will visit the flat on {facts['visit_date']} between nine and "
            "eleven in the morning to inspect the boiler and the windows. Please let us know "
            "if that day does not suit you."
        ),
        *paragraph(
            "To accept the terms, sign the enclosed copy and send it back to this office. If "
            "you have questions, our telephone line is open on weekdays until five."
        ),
    )
