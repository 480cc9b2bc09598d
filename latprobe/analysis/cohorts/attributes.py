"""What is known of each request beside its latency: numbers and categories as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.intervals import Floats

# A level needs so many requests, of which one in twenty is slow, to be asked about by itself.
LEAST_OF_LEVEL = 20
# More levels than this are folded into "other": an id is no cohort.
MOST_LEVELS = 12
OTHER = "other"
# A text with more distinct values than this share of its requests is an id.
_DISTINCT_SHARE = 0.2
_MOST_DISTINCT = 200


@dataclass(frozen=True, slots=True)
class Attribute:
    """One value a request. A number has `values`, NaN where it is not known; a category has
    `codes` into `levels`, -1 where it is not known. With `is_one_sided` only more of it with
    more latency is a finding."""

    name: str
    kind: Literal["number", "category"]
    values: Floats
    codes: NDArray[np.int64]
    levels: tuple[str, ...]
    is_one_sided: bool = False

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Which requests have a value."""
        return ~np.isnan(self.values) if self.kind == "number" else self.codes >= 0


def number(name: str, values: NDArray[np.generic]) -> Attribute | None:
    """A number a request; None where too few have one, or all have the same."""
    floats = np.asarray(values, np.float64)
    floats = np.where(np.isfinite(floats), floats, np.nan)
    known = floats[~np.isnan(floats)]
    if len(known) < LEAST_OF_LEVEL or known.min() == known.max():
        return None
    return Attribute(name, "number", floats, np.empty(0, np.int64), ())


def category(name: str, texts: Sequence[str | None]) -> Attribute | None:
    """A text a request; None where it does not split the requests into groups worth comparing."""
    array = np.array(["" if text is None else text for text in texts], dtype=object)
    is_known = np.array([text is not None for text in texts], np.bool_)
    levels, codes, counts = np.unique(
        array[is_known].astype(str), return_inverse=True, return_counts=True
    )
    if len(levels) > max(_DISTINCT_SHARE * len(codes), MOST_LEVELS) or len(levels) > _MOST_DISTINCT:
        return None
    order = [at for at in np.argsort(-counts, kind="stable") if counts[at] >= LEAST_OF_LEVEL]
    kept = order[:MOST_LEVELS]
    rest = int(is_known.sum()) - int(counts[kept].sum())
    if not kept or (len(kept) == 1 and rest < LEAST_OF_LEVEL and is_known.all()):
        return None
    new = np.full(len(levels), len(kept), np.int64)
    new[kept] = np.arange(len(kept))
    all_codes = np.full(len(array), -1, np.int64)
    all_codes[is_known] = new[codes]
    names = [str(levels[at]) for at in kept]
    return Attribute(
        name, "category", np.empty(0), all_codes, tuple(names + ([OTHER] if rest else []))
    )


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
