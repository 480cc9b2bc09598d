"""Names, dates and amounts that the papers draw from."""

from __future__ import annotations

import datetime as dt
import random

PEOPLE = (
    "Maria Jensen", "Thomas Keller", "Anna Kowalska", "Daniel Moreau", "Grace Whitfield",
    "Peter Lindqvist", "Helen Carter", "Victor Almeida",
)  # fmt: skip
COMPANIES = (
    "Northfield Office Supply", "Harbour Print Works", "Alder Facility Services",
    "Brightwater Laboratories", "Quarry Lane Logistics", "Meridian Catering",
)  # fmt: skip
STREETS = ("14 Mill Road", "220 Harbour Street", "7 Chapel Lane", "95 Station Avenue")
TOWNS = ("Bristol BS1 4QA", "Leeds LS2 7EW", "Norwich NR3 1AB", "Exeter EX4 6PS")

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_FIRST_DAY = dt.date(2024, 1, 8)


def day(rng: random.Random) -> dt.date:
    """A day in the two years from January 2024."""
    return _FIRST_DAY + dt.timedelta(days=rng.randrange(700))


def written(date: dt.date) -> str:
    """The date as British letters write it, `3 March 2024`, whatever the locale is."""
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


def money(cents: int) -> str:
    """The amount with thousands separators: `£1,234.50`."""
    return f"£{cents // 100:,}.{cents % 100:02d}"
