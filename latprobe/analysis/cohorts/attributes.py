"""What is known of each request beside its latency: numbers and categories as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.intervals import Floats

# A level needs so many requests, of which one in twenty is slow, to be asked about by itself.
LEAST_OF_LEVEL = 20
# Levels after the most frequent ones are folded into "other": an id is no cohort.
MOST_LEVELS = 12
OTHER = "other"
# Where a value is missing that others have: that alone may tell requests apart.
NOT_SET, SET = "(not set)", "(set)"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One value a request. A number has `values`, NaN where it is not known; a category has
    `codes` into `levels`, -1 where it is not known. With `is_one_sided` only more of it with
    more latency is a finding. `groups` are a number's requests as categories: by its value (in
    fifths where there are many), and by whether it is set."""

    name: str
    kind: Literal["number", "category"]
    values: Floats
    codes: NDArray[np.int64]
    levels: tuple[str, ...]
    is_one_sided: bool = False
    groups: tuple[Attribute, ...] = ()

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Which requests have a value."""
        return ~np.isnan(self.values) if self.kind == "number" else self.codes >= 0


def number(name: str, values: NDArray[np.generic]) -> Attribute | None:
    """A number a request; None where too few have one, or all have the same.

    One that is the same wherever it is set is a category: set or not.
    """
    floats = np.asarray(values, np.float64)
    floats = np.where(np.isfinite(floats), floats, np.nan)
    is_known = ~np.isnan(floats)
    known = floats[is_known]
    if len(known) < LEAST_OF_LEVEL:
        return None
    different = np.unique(known)
    if len(different) == 1:
        return category(name, _as_texts(floats))
    groups: list[Attribute | None] = []
    if len(different) > MOST_LEVELS:
        groups.append(_fifths(name, floats))
    elif len(different) > 2:
        groups.append(category(name, _as_texts(floats)))
    if len(known) < len(floats):
        groups.append(category(name, [SET if each else None for each in is_known.tolist()]))
    kept = tuple(each for each in groups if each is not None)
    return Attribute(name, "number", floats, np.empty(0, np.int64), (), groups=kept)


def category(name: str, texts: Sequence[str | None]) -> Attribute | None:
    """A text a request; None where it does not split the requests into groups worth comparing.

    Requests without one are a level of their own where there are enough of them.
    """
    array = np.array(["" if text is None else text for text in texts], dtype=object)
    is_known = np.array([text is not None for text in texts], np.bool_)
    levels, codes, counts = np.unique(
        array[is_known].astype(str), return_inverse=True, return_counts=True
    )
    order = [at for at in np.argsort(-counts, kind="stable") if counts[at] >= LEAST_OF_LEVEL]
    kept = order[:MOST_LEVELS]
    rest, missing = int(is_known.sum()) - int(counts[kept].sum()), int((~is_known).sum())
    if not kept or (len(kept) == 1 and max(rest, missing) < LEAST_OF_LEVEL):
        return None
    new = np.full(len(levels), len(kept), np.int64)
    new[kept] = np.arange(len(kept))
    all_codes = np.full(len(array), -1, np.int64)
    all_codes[is_known] = new[codes]
    names = [str(levels[at]) for at in kept] + ([OTHER] if rest else [])
    if missing >= LEAST_OF_LEVEL:
        all_codes[~is_known] = len(names)
        names.append(NOT_SET)
    return Attribute(name, "category", np.empty(0), all_codes, tuple(names))


def _fifths(name: str, values: Floats) -> Attribute:
    """A number's requests in five groups of about as many, named by where they lie."""
    known = ~np.isnan(values)
    ends = np.unique(np.quantile(values[known], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]))
    codes = np.full(len(values), -1, np.int64)
    codes[known] = np.clip(np.searchsorted(ends, values[known], "right") - 1, 0, len(ends) - 2)
    levels = tuple(f"{low:.4g} to {high:.4g}" for low, high in pairwise(ends))
    return Attribute(name, "category", np.empty(0), codes, levels)


def _as_texts(values: Floats) -> list[str | None]:
    return [None if value != value else f"{value:.12g}" for value in values.tolist()]


def of_texts(name: str, texts: Sequence[str | None]) -> Attribute | None:
    """A number where every text is one, else a category; `true` and `false` are a category."""
    known = [text for text in texts if text is not None]
    if not known:
        return None
    try:
        floats = np.array([np.nan if text is None else float(text) for text in texts])
    except ValueError:
        return category(name, texts)
    return number(name, floats)
