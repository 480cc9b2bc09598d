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

from latprobe.analysis.gpu.alignment import align, columns_at
from latprobe.analysis.gpu.counters import HARDWARE, Windows
from latprobe.analysis.gpu.least_squares import MIN_WINDOWS, Fit, fit
from latprobe.analysis.gpu.occupancy import Floats, Segments
from latprobe.analysis.gpu.usable_windows import usable
from latprobe.analysis.spans import Ints

# Over this the columns of two stages are one column: the split between them is noise.
MAX_INFLATION = 50.0
# An interval wider than this share of the scale says nothing.
MAX_WIDTH_SHARE = 0.5
# A stage active in less of all windows' time than this cannot be seen in them.
MIN_ACTIVE_SHARE = 0.001
# The bootstrap sees scatter and not what is wrong in the same way all along: clocks, caches, the
# counter's own error, windows that are not where they are said to be. Each end of an interval is
# moved by these shares of the scale, of the value, and of what the fit leaves (its deviation).
SYSTEMATIC_SCALE = 0.01
SYSTEMATIC_VALUE = 0.03
SYSTEMATIC_LEFT = 0.25
# A window whose reading is this many robust standard deviations off is a bad reading (a counter
# that had not moved on reads 0), unless there are many of them.
OUTLIER_SIGMAS = 6.0
MAX_OUTLIERS = 0.05
TWIN_LIKENESS = 0.8
# Hardware counters move on at ticks of the card's own clock, 100.3 ms apart on an H200, and a
# reading tells of the ticks before it: its window can be a tick off. Stages then explained 55-74 %
# of the readings' variance there, and figures were up to 35 points wrong.
MIN_EXPLAINED = 0.85
# A lag is another counter's too if the stages explain this much of its readings' variance.
TRUSTED_LAG = 0.5


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
    found: dict[str, Attribution] = {}
    known: list[tuple[Windows, Ints]] = []
    for metric, bound in most.items():
        windows = counters.get(metric)
        if windows is None:
            continue
        delay = next((d for other, d in known if _same_times(other, windows)), None)
        found[metric], used = _attribute(segments, names, windows, bound, delay)
        if used is not None and (found[metric].explained or 0.0) >= TRUSTED_LAG:
            known.append((windows, used))
        if metric in HARDWARE:
            found[metric] = _trusted(found[metric])
    return found


def _trusted(found: Attribution) -> Attribution:
    """Without values where the stages explain too little of the readings."""
    if found.explained is None or found.explained >= MIN_EXPLAINED:
        return found
    reason = (
        f"the stages explain only {found.explained:.0%} of these readings, so that their time "
        "windows cannot be trusted"
    )
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
    return _attribute(segments, names, windows, most, None)[0]


def _attribute(
    segments: Segments,
    names: tuple[str, ...],
    windows: Windows,
    most: float | None,
    delay_ns: Ints | None,
) -> tuple[Attribution, Ints | None]:
    windows, overlap = usable(windows, segments)
    if len(windows) < MIN_WINDOWS:
        reason = f"{len(windows)} readings while requests ran; it takes {MIN_WINDOWS}"
        nothing = {name: Attributed(None, None, None, len(windows), reason) for name in names}
        return Attribution(nothing, None, 0), None
    near = columns_at(segments, len(names), windows, 0)
    seen = np.flatnonzero(near.mean(axis=0) >= MIN_ACTIVE_SHARE)
    if not len(seen):
        return Attribution(dict.fromkeys(names, _unseen(len(windows))), None, 0), None
    aligned = align(segments, len(names), windows, seen, most, delay_ns)
    candidates, readings = _without_outliers(aligned.candidates, windows.value, most)
    scale = most if most is not None else float(np.quantile(readings, 0.99))
    found = _fitted(candidates, readings, scale, most)
    stages = _stages(found, candidates, readings, names, seen, scale, most)
    idle = np.flatnonzero(seen == len(names))
    attribution = Attribution(
        stages,
        float(found.value[idle[0]]) if len(idle) else None,
        int(np.median(aligned.delay_ns)),
        _explained(candidates[found.chosen], readings, found.value),
        overlap,
    )
    return attribution, aligned.delay_ns


def _same_times(one: Windows, other: Windows) -> bool:
    return np.array_equal(one.start_ns, other.start_ns) and np.array_equal(one.end_ns, other.end_ns)


def _stages(
    found: Fit,
    candidates: Floats,
    readings: Floats,
    names: tuple[str, ...],
    seen: Ints,
    scale: float,
    most: float | None,
) -> dict[str, Attributed]:
    stages = dict.fromkeys(names, _unseen(found.windows))
    labels = [names[at] if at < len(names) else None for at in seen.tolist()]
    unclear: list[int] = []
    for at, name in enumerate(labels):
        low, high = float(found.low[at]), float(found.high[at])
        is_unclear = found.inflation[at] > MAX_INFLATION or high - low > MAX_WIDTH_SHARE * scale
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
            together = _together(candidates, readings, group, scale, most)
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
    candidates: Floats, readings: Floats, group: list[int], scale: float, most: float | None
) -> tuple[float, float, float] | None:
    """The mean while any of the group is active; None where that is not clear either."""
    others = [at for at in range(candidates.shape[2]) if at not in group]
    joint = candidates[:, :, group].sum(axis=2, keepdims=True)
    merged = np.concatenate((joint, candidates[:, :, others]), axis=2)
    found = _fitted(merged, readings, scale, most)
    value, low, high = float(found.value[0]), float(found.low[0]), float(found.high[0])
    if found.inflation[0] > MAX_INFLATION or high - low > MAX_WIDTH_SHARE * scale:
        return None
    return value, low, high


def _fitted(candidates: Floats, readings: Floats, scale: float, most: float | None) -> Fit:
    found = fit(candidates, readings, most=most)
    left = float(np.std(candidates[found.chosen] @ found.value - readings))
    by = SYSTEMATIC_SCALE * scale + SYSTEMATIC_VALUE * found.value + SYSTEMATIC_LEFT * left
    return replace(
        found,
        low=np.maximum(found.low - by, 0.0),
        high=np.minimum(found.high + by, np.inf if most is None else most),
    )


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
