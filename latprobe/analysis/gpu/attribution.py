"""What each stage makes a device's counters read, from many windows that each hold several stages.

The hardware's counters tell of 100 ms or more, stages are shorter. Over many requests the windows
catch the stages in different shares, and least squares tells them apart (see `least_squares`).
Two stages that always come in the same shares cannot be told apart; that is said and not guessed,
and what they make it read together is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from latprobe.analysis.gpu.alignment import align
from latprobe.analysis.gpu.clock_spread import clock_spread
from latprobe.analysis.gpu.counters import CLOCK, CYCLES, HARDWARE, Windows
from latprobe.analysis.gpu.cycles import clock_shares, with_cycles
from latprobe.analysis.gpu.interval_ends import (
    SYSTEMATIC_CLOCK,
    SYSTEMATIC_VALUE,
    Limits,
    fitted,
)
from latprobe.analysis.gpu.least_squares import MIN_WINDOWS, Fit, fit
from latprobe.analysis.gpu.occupancy import Floats, Segments
from latprobe.analysis.gpu.placing import Placed, placed, same_times
from latprobe.analysis.spans import Ints

# Over this the columns of two stages are one column: the split between them is noise.
MAX_INFLATION = 50.0
# A window whose reading is this many robust standard deviations off is a bad reading (a counter
# that had not moved on reads 0), unless there are many of them.
OUTLIER_SIGMAS = 6.0
MAX_OUTLIERS = 0.05
TWIN_LIKENESS = 0.8
# With windows that are in their place the stages of an H200's pipeline explained 99.9 % of the
# readings; with windows a step off 55-74 %, and figures were up to 35 points wrong. Where a stage
# begins with other work than it goes on with (85 %), its neighbours were given a part of it.
MIN_EXPLAINED = 0.9


@dataclass(frozen=True, slots=True)
class Attributed:
    """A counter's mean while a stage is active, in its unit, with a 95 % interval.

    `value` is None where `reason` says why: too few windows, too little time, an interval that is
    too wide, or other stages that it cannot be told apart from (`twins`); `together` is then the
    mean while any of them is active, with its interval.
    """

    value: float | None
    low: float | None
    high: float | None
    windows: int
    reason: str | None = None
    twins: tuple[str, ...] = ()
    together: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """One counter: a value a stage, and what it reads when no stage is active (None: unknown).

    `delay_ns` is how late its readings are, the median where that wanders. `explained` is the
    share of the readings' variance that the stages explain, 0..1. `overlap` is the share of the
    active time in windows with several requests at once; counters do not add up then.
    """

    stages: dict[str, Attributed]
    idle: float | None
    delay_ns: int
    explained: float | None = None
    overlap: float = 0.0


def attribute_all(
    segments: Segments,
    names: tuple[str, ...],
    counters: Mapping[str, Windows],
    most: Mapping[str, float | None],
) -> dict[str, Attribution]:
    """Every counter that `most` names: its bound. Counters of the same windows share their lag."""
    spread = clock_spread(counters.get(CLOCK), segments)
    found: dict[str, Attribution] = {}
    for group in _read_together([metric for metric in most if metric in counters], counters):
        windows = [counters[metric] for metric in group]
        place = placed(segments, len(names), windows, [most[metric] for metric in group])
        for metric, each in zip(group, windows, strict=True):
            is_hardware = metric in HARDWARE
            found[metric] = _attribute(
                place,
                names,
                each,
                most[metric],
                doubt=SYSTEMATIC_VALUE + (SYSTEMATIC_CLOCK * spread if is_hardware else 0.0),
                spread=spread if metric in CYCLES else 0.0,
            )
            if is_hardware:
                is_placed = place.aligned is not None and place.aligned.explained >= MIN_EXPLAINED
                found[metric] = _trusted(found[metric], is_placed=is_placed)
    return {metric: found[metric] for metric in most if metric in found}


def _read_together(metrics: list[str], counters: Mapping[str, Windows]) -> list[list[str]]:
    groups: list[list[str]] = []
    for metric in metrics:
        for group in groups:
            if same_times(counters[group[0]], counters[metric]):
                group.append(metric)
                break
        else:
            groups.append([metric])
    return groups


def _trusted(found: Attribution, *, is_placed: bool) -> Attribution:
    """Without values where the stages explain too little of the readings. `is_placed`: another
    counter shows that the windows are where they are said to be."""
    if found.explained is None or found.explained >= MIN_EXPLAINED:
        return found
    why = (
        "a stage does not load the GPU evenly; make its parts stages of their own"
        if is_placed
        else "their time windows cannot be trusted"
    )
    reason = f"the stages explain only {found.explained:.0%} of these readings: {why}"
    stages = {
        name: each if each.value is None else Attributed(None, None, None, each.windows, reason)
        for name, each in found.stages.items()
    }
    return replace(found, stages=stages, idle=None)


def attribute(
    segments: Segments, names: tuple[str, ...], windows: Windows, *, most: float | None
) -> Attribution:
    """The windows' readings explained by which stages were active in them.

    `most` is the largest value the counter can have; None if it has no bound.
    """
    place = placed(segments, len(names), [windows], [most])
    return _attribute(place, names, windows, most)


def _attribute(
    place: Placed,
    names: tuple[str, ...],
    windows: Windows,
    most: float | None,
    *,
    doubt: float = SYSTEMATIC_VALUE,
    spread: float = 0.0,
) -> Attribution:
    windows = windows.take(place.rows)
    if place.active is None:
        reason = f"{len(windows)} readings while requests ran; it takes {MIN_WINDOWS}"
        nothing = {name: Attributed(None, None, None, len(windows), reason) for name in names}
        return Attribution(nothing, None, 0)
    seen = place.seen
    if not len(seen):
        return Attribution(dict.fromkeys(names, _unseen(len(windows))), None, 0)
    aligned = align(place.active, windows, seen, most, place.aligned)
    readings = windows.value[aligned.rows]
    candidates, readings = _without_outliers(aligned.candidates, readings, most)
    shares = clock_shares(candidates[0], readings, spread, most)
    candidates = with_cycles(candidates, shares)
    scale = most if most is not None else float(np.quantile(readings, 0.99))
    limits = Limits(scale, most, doubt)
    found = fitted(candidates, readings, limits)
    idle = np.flatnonzero(seen == len(names))
    return Attribution(
        _stages(found, candidates, readings, names, seen, limits),
        float(found.value[idle[0]]) if len(idle) else None,
        int(np.median(aligned.delay_ns)),
        _explained(candidates[found.chosen], readings, found.value),
        place.overlap,
    )


def _stages(
    found: Fit,
    candidates: Floats,
    readings: Floats,
    names: tuple[str, ...],
    seen: Ints,
    limits: Limits,
) -> dict[str, Attributed]:
    stages = dict.fromkeys(names, _unseen(found.windows))
    labels = [names[at] if at < len(names) else None for at in seen.tolist()]
    unclear: list[int] = []
    for at, name in enumerate(labels):
        low, high = float(found.low[at]), float(found.high[at])
        is_unclear = found.inflation[at] > MAX_INFLATION or high - low > limits.widest
        if is_unclear:
            unclear.append(at)
        if name is not None:
            reason = f"the readings allow anything from {low:.0f} to {high:.0f}"
            clear = Attributed(float(found.value[at]), low, high, found.windows)
            stages[name] = replace(clear, value=None, reason=reason) if is_unclear else clear
    for group in _groups(candidates[found.chosen], unclear):
        members = [labels[at] or "idle time" for at in group]
        together = None  # with idle time it is no stage's figure
        if None not in [labels[at] for at in group]:
            together = _together(candidates, readings, group, limits)
        for at in group:
            if (name := labels[at]) is not None:
                twins = tuple(other for other in members if other != name)
                stages[name] = _told(stages[name], twins, together)
    return stages


def _told(
    stage: Attributed, twins: tuple[str, ...], together: tuple[float, float, float] | None
) -> Attributed:
    reason = f"cannot be told apart from {', '.join(twins)}: they always run together"
    return replace(stage, reason=reason, twins=twins, together=together)


def _groups(columns: Floats, unclear: list[int]) -> list[list[int]]:
    """Unclear columns, and what each goes with most, as groups of at least two."""
    norms = np.maximum(np.linalg.norm(columns, axis=0), 1e-12)
    alike = columns.T @ columns / norms / norms[:, None]
    np.fill_diagonal(alike, -1.0)
    groups: list[set[int]] = []
    for at in unclear:
        twin = int(np.argmax(alike[at]))
        if alike[at, twin] < TWIN_LIKENESS:
            continue
        group = {at, twin}
        for other in [each for each in groups if each & group]:
            groups.remove(other)
            group |= other
        groups.append(group)
    return [sorted(group) for group in groups]


def _together(
    candidates: Floats, readings: Floats, group: list[int], limits: Limits
) -> tuple[float, float, float] | None:
    """The mean while any of the group is active; None where that is not clear either."""
    others = [at for at in range(candidates.shape[2]) if at not in group]
    joint = candidates[:, :, group].sum(axis=2, keepdims=True)
    merged = np.concatenate((joint, candidates[:, :, others]), axis=2)
    found = fitted(merged, readings, limits)
    value, low, high = float(found.value[0]), float(found.low[0]), float(found.high[0])
    if found.inflation[0] > MAX_INFLATION or high - low > limits.widest:
        return None
    return value, low, high


def _without_outliers(
    candidates: Floats, readings: Floats, most: float | None
) -> tuple[Floats, Floats]:
    found = fit(candidates, readings, most=most, resamples=0)
    off = np.abs(candidates[found.chosen] @ found.value - readings)
    spread = max(1.4826 * float(np.median(off)), 0.005 * float(readings.max(initial=0.0)))
    bad = off > OUTLIER_SIGMAS * spread
    if not bad.any() or bad.mean() > MAX_OUTLIERS:
        return candidates, readings
    return candidates[:, ~bad], readings[~bad]


def _explained(columns: Floats, readings: Floats, values: Floats) -> float | None:
    total = float(((readings - readings.mean()) ** 2).sum())
    left = float(((readings - columns @ values) ** 2).sum())
    return max(0.0, 1.0 - left / total) if total > 0 else None


def _unseen(windows: int) -> Attributed:
    return Attributed(None, None, None, windows, "too little of the time was spent in it")
