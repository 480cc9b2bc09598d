"""The ways in which an attribute may tell requests apart, as columns to be tested together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.cohorts.attributes import LEAST_OF_LEVEL, OTHER, Attribute
from latprobe.analysis.cohorts.rank_columns import centred_ranks
from latprobe.analysis.intervals import Floats

# More of a number is what is told of it where that goes at least so far of what goes furthest.
_TOLD_AS_NUMBER = 0.5


@dataclass(frozen=True, slots=True)
class View:
    """One centred column: more of a number (`level` None), or one level of a category."""

    attribute: Attribute
    level: str | None
    column: Floats


def views(attribute: Attribute) -> list[View]:
    """All that are asked about; empty where an attribute has no level worth asking about."""
    if attribute.kind == "category":
        return list(_levels(attribute))
    found = [View(attribute, None, centred_ranks(attribute.values))]
    if not attribute.is_one_sided:
        for group in attribute.groups:
            found += _levels(group)
    return found


def told(asked: list[View], deviations: Floats) -> tuple[View, float]:
    """What is said of the attribute, and how far that goes.

    `deviations` has as many a view as there are columns of latency.
    """
    each = deviations.reshape(len(asked), -1)
    furthest = each[np.arange(len(each)), np.argmax(np.abs(each), axis=1)]
    at = int(np.argmax(np.abs(furthest)))
    if asked[0].level is None and abs(furthest[0]) >= _TOLD_AS_NUMBER * abs(furthest[at]):
        at = 0
    return asked[at], float(furthest[at])


def _levels(attribute: Attribute) -> Iterator[View]:
    levels = [
        (code, name)
        for code, name in enumerate(attribute.levels)
        if name != OTHER and int(np.sum(attribute.codes == code)) >= LEAST_OF_LEVEL
    ]
    if len(levels) == 2 and len(attribute.levels) == 2 and attribute.is_known.all():
        levels = levels[-1:]  # the other one says the same
    for code, name in levels:
        column = (attribute.codes == code).astype(np.float64)
        yield View(attribute, name, column - column.mean())
