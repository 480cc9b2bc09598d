"""What is said of an attribute that separates slow requests from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.cohorts.attributes import Attribute
from latprobe.analysis.cohorts.rank_columns import centred_ranks, rank_biserial
from latprobe.analysis.cohorts.separation import Separation
from latprobe.analysis.cohorts.telling import (
    HALVES_MARK,
    Among,
    Groups,
    tell_level,
    tell_number,
    value_text,
)
from latprobe.analysis.intervals import SEED, Interval, block_draws, block_length, interval_of

# A difference that nobody would act on is no finding, however certain it is.
_LEAST_RATIO = 1.03
_LEAST_LIFT = 1.5
_LEAST_RANK_BISERIAL = 0.1
# From this rank correlation on two attributes tell the same story.
_SAME_STORY = 0.6
_DRAWS = 200
# Medians of more requests than this are known well enough from an even sample.
_MOST_DRAWN = 20_000

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Finding:
    """An attribute that goes with latency. An association: what else differs is not held still.

    For a category, `level` with its share of the slow requests and of the rest, and how often it is
    slow; for a number, its median in both and `rank_biserial`, -1..1 (2 * AUC - 1). Where the two
    medians do not tell them apart, `at_least` is the value that does best, and the shares are those
    with as much or more. What the slow 5 % do not show is told of the slower and the faster half:
    `among` says which of the two the shares are of.
    `latency_ratio`: the median of the level over that of all others; of the upper quarter of a
    number over the lower. `goes_with` names a stronger finding that tells the same story.
    """

    attribute: str
    kind: Literal["number", "category"]
    level: str | None
    requests: int
    slow_share: float | None
    rest_share: float | None
    slow_rate: float | None
    other_rate: float | None
    slow_median: float | None
    rest_median: float | None
    rank_biserial: float | None
    latency_ratio: float | None
    ratio_ci95: Interval | None
    p_value: float
    q_value: float
    goes_with: str | None
    at_least: float | None = None
    among: Among = "slow"

    @property
    def name(self) -> str:
        """What the shares or medians are of: "model = large", "pages >= 2", "tokens".

        With a * where they are of the slower and the faster half.
        """
        mark = f" {HALVES_MARK}" if self.among == "halves" else ""
        if self.level is not None:
            return f"{self.attribute} = {self.level}{mark}"
        if self.at_least is not None:
            return f"{self.attribute} >= {value_text(self.at_least)}{mark}"
        return self.attribute

    @property
    def is_share(self) -> bool:
        """It is told by `slow_share` and `rest_share`, else by the medians."""
        return self.kind == "category" or self.at_least is not None

    def to_json(self) -> dict[str, Any]:
        """All figures; the interval as [low, high]."""
        found: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        found["ratio_ci95"] = None if self.ratio_ci95 is None else self.ratio_ci95.to_json()
        return found


def findings(
    separations: Sequence[Separation], latency_ns: NDArray[np.int64], is_slow: Bools
) -> list[Finding]:
    """The believed ones that are large enough to matter, the clearest first."""
    kept: list[tuple[Separation, Finding]] = []
    for each in sorted(separations, key=lambda each: -abs(each.deviation)):
        if not each.is_found:
            continue
        with_whom = next((f for s, f in kept if f.goes_with is None and _is_same(s, each)), None)
        found = _finding(each, latency_ns, is_slow, with_whom.attribute if with_whom else None)
        if _matters(found):
            kept.append((each, found))
    return [found for _, found in kept]


def _finding(
    each: Separation, latency_ns: NDArray[np.int64], is_slow: Bools, goes_with: str | None
) -> Finding:
    attribute, groups = each.attribute, Groups.of(latency_ns, is_slow)
    if attribute.kind == "category":
        level, inside, outside = _level_groups(each)
        slow_median = rest_median = biserial = None
        is_more = each.deviation > 0 or level != each.level
        told = tell_level(inside, groups, is_more=is_more)
        rates = _share(is_slow[inside]), _share(is_slow[outside])
    else:
        level, (inside, outside) = None, _quarters(attribute)
        values, known = attribute.values, attribute.is_known
        slow_median = float(np.median(values[known & is_slow])) if any(known & is_slow) else None
        rest_median = float(np.median(values[known & ~is_slow])) if any(known & ~is_slow) else None
        biserial = rank_biserial(values[is_slow], values[~is_slow])
        rates = (None, None)
        told = tell_number(values, groups, (slow_median, rest_median), is_more=each.deviation > 0)
    ratio, interval = _ratio(latency_ns, inside, outside)
    return Finding(
        attribute=attribute.name,
        kind=attribute.kind,
        level=level,
        requests=int(inside.sum() if level is not None else attribute.is_known.sum()),
        slow_share=told.slow_share,
        rest_share=told.rest_share,
        slow_rate=rates[0],
        other_rate=rates[1],
        slow_median=slow_median,
        rest_median=rest_median,
        rank_biserial=biserial,
        latency_ratio=ratio,
        ratio_ci95=interval,
        p_value=each.p_value,
        q_value=each.q_value,
        goes_with=goes_with,
        at_least=told.at_least,
        among=told.among,
    )


def _level_groups(each: Separation) -> tuple[str, Bools, Bools]:
    """The level, its requests and the others'. Of two levels the slower one is told."""
    attribute, level = each.attribute, each.level or ""
    inside = attribute.codes == attribute.levels.index(level)
    if each.deviation < 0 and len(attribute.levels) == 2 and attribute.is_known.all():
        other = next(name for name in attribute.levels if name != level)
        return other, ~inside, inside
    return level, inside, ~inside


def _quarters(attribute: Attribute) -> tuple[Bools, Bools]:
    values = attribute.values
    low, high = np.nanquantile(values, [0.25, 0.75])
    if low == high:  # mostly one value: those above it against it, or it against those below
        return (
            (values > low, values <= low) if np.any(values > low) else (values >= low, values < low)
        )
    return values >= high, values <= low


def _share(flags: Bools) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _ratio(
    latency_ns: NDArray[np.int64], inside: Bools, outside: Bools
) -> tuple[float | None, Interval | None]:
    """The ratio of the medians and where it lies, by blocks of time."""
    if len(latency_ns) > _MOST_DRAWN:
        rows = np.linspace(0, len(latency_ns) - 1, _MOST_DRAWN).astype(np.int64)
        latency_ns, inside, outside = latency_ns[rows], inside[rows], outside[rows]
    ratio = _ratio_of(latency_ns, inside, outside)
    if ratio is None:
        return None, None
    rng = np.random.default_rng(SEED)
    drawn = [
        _ratio_of(latency_ns[rows], inside[rows], outside[rows])
        for rows in block_draws(
            len(latency_ns), rng=rng, draws=_DRAWS, block=block_length(latency_ns)
        )
    ]
    return ratio, interval_of(np.array([each for each in drawn if each is not None]))


def _ratio_of(latency_ns: NDArray[np.int64], inside: Bools, outside: Bools) -> float | None:
    if not inside.any() or not outside.any():
        return None
    below = float(np.median(latency_ns[outside]))
    return float(np.median(latency_ns[inside])) / below if below > 0 else None


def _matters(found: Finding) -> bool:
    ratio = found.latency_ratio
    if ratio is not None and (ratio >= _LEAST_RATIO or ratio <= 1 / _LEAST_RATIO):
        return True
    if found.kind == "number":
        return abs(found.rank_biserial or 0.0) >= _LEAST_RANK_BISERIAL
    slow, other = found.slow_rate or 0.0, found.other_rate or 0.0
    return max(slow, other) >= _LEAST_LIFT * min(slow, other)


def _is_same(one: Separation, other: Separation) -> bool:
    first, second = _story(one), _story(other)
    spread = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    return spread > 0 and abs(float(np.sum(first * second))) / spread >= _SAME_STORY


def _story(each: Separation) -> NDArray[np.float64]:
    attribute = each.attribute
    if attribute.kind == "number":
        return centred_ranks(attribute.values)
    column = (attribute.codes == attribute.levels.index(each.level or "")).astype(np.float64)
    return np.asarray(column - column.mean())
