"""Where the level of a series moves, and how often chance alone would move it as far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.intervals import Floats, Rows

# A level lasts at least so many points.
LEAST_POINTS = 5
# A series is at least four levels' worth of points.
LEAST_SERIES = 20
_DRAWS = 1_000
_MOST_DRAWS = 5_000
# Beaten more often than this in the first draws, nothing is there.
_FEW_BEATEN = 5
_MOST_MEMORY = 0.98
_LITTLE_MEMORY = 0.1
# Two neighbouring levels closer than so many standard errors are one.
_LEAST_STEP = 4.0


@dataclass(frozen=True, slots=True)
class Shift:
    """The level moves at the points `splits`: one, or the two ends of a stretch."""

    splits: tuple[int, ...]
    p_value: float


def find_shift(values: Floats, *, rng: np.random.Generator) -> Shift | None:
    """The strongest shift of a series, or of a stretch of it, with its chance; None if too short.

    Scan statistic over all splits, and over stretches of a half to a 32nd of the series. Its null
    distribution is drawn: from permutations, or where the series remembers (after the shift is
    taken out) from an autoregression with its own innovations, since autocorrelated noise wanders
    and a permutation of it does not.
    """
    if len(values) < LEAST_SERIES:
        return None
    series = _without_outliers(values)
    if series.min() == series.max():
        return None
    observed, splits = _strongest(series)
    rest = series - _levels(series, splits)
    memory = _memory(rest)
    beaten = done = 0
    while done < _MOST_DRAWS and (done == 0 or beaten <= _FEW_BEATEN):
        draws = _DRAWS if done == 0 else _MOST_DRAWS - _DRAWS
        null = _permuted(series, draws, rng) if memory is None else _walks(rest, memory, draws, rng)
        beaten += int(np.sum(_scan(null).max(axis=1) >= observed))
        done += draws
    return Shift(splits, (beaten + 1) / (done + 1))


def tidied(values: Floats, splits: list[int]) -> list[int]:
    """The splits, each at its best place between its neighbours; without those that part nothing.

    Segmentation takes one shift at a time, so that the ends of a stretch are first found roughly,
    and the rest of it once more.
    """
    series = _without_outliers(values)
    kept = sorted(set(splits))
    while kept:
        edges = [0, *kept, len(series)]
        steps = [
            _step(series[a:at], series[at:b])
            for a, at, b in zip(edges, kept, edges[2:], strict=False)
        ]
        least = int(np.argmin(steps))
        if steps[least] < _LEAST_STEP:
            kept.pop(least)
            continue
        placed = [_best_place(series, a, b) for a, b in zip(edges, edges[2:], strict=False)]
        return sorted(set(placed))
    return kept


def _step(before: Floats, after: Floats) -> float:
    """How many standard errors lie between the levels of two parts."""
    count = len(before) + len(after)
    rest = np.concatenate((before - before.mean(), after - after.mean()))
    spread = max(float(np.sqrt(np.sum(rest * rest) / max(count - 2, 1))), 1e-12)
    error = spread * np.sqrt(1 / len(before) + 1 / len(after))
    return abs(float(after.mean() - before.mean())) / float(error)


def _best_place(series: Floats, first: int, last: int) -> int:
    """Where the points from `first` to `last` part best."""
    part = series[first:last]
    count = len(part)
    place = np.arange(1, count)
    sums = np.cumsum(part - part.mean())[:-1]
    return first + int(place[np.argmax(np.abs(sums) / np.sqrt(place * (count - place)))])


def _without_outliers(values: Floats) -> Floats:
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    return np.clip(values, middle - 4 * spread, middle + 4 * spread) if spread > 0 else values


def _scan(rows: Floats) -> Floats:
    """Deviations of all splits and stretches, in standard deviations: (series, places)."""
    count = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    spread = np.maximum(centred.std(axis=1, keepdims=True), 1e-12)
    sums = np.concatenate((np.zeros((len(rows), 1)), np.cumsum(centred, axis=1)), axis=1)
    found = []
    for first, last in _places(count):
        if not len(last):
            continue
        inside = last - first
        scale = np.sqrt(inside * (count - inside) / count)
        # Ends lie side by side: a slice takes a fifth of the time of their numbers.
        ends = sums[:, last[0] : last[-1] + 1]
        begins = sums[:, :1] if first[-1] == 0 else sums[:, first[0] : first[-1] + 1]
        apart = ends - begins
        np.abs(apart, out=apart)
        apart /= spread * scale
        found.append(apart)
    return np.concatenate(found, axis=1)


def _places(count: int) -> list[tuple[Rows, Rows]]:
    """First and last point of every part that is compared with all the rest."""
    splits = np.arange(LEAST_POINTS, count - LEAST_POINTS + 1)
    found = [(np.zeros_like(splits), splits)]
    width = count // 2
    while width >= max(LEAST_POINTS, count // 32):
        first = np.arange(LEAST_POINTS, count - LEAST_POINTS - width + 1)
        found.append((first, first + width))
        width //= 2
    return found


def _strongest(series: Floats) -> tuple[float, tuple[int, ...]]:
    deviations = _scan(series[None])[0]
    at = int(np.argmax(deviations))
    for first, last in _places(len(series)):
        if at < len(first):
            ends = (int(first[at]), int(last[at]))
            return float(deviations.max()), tuple(end for end in ends if end > 0)
        at -= len(first)
    raise AssertionError("every deviation has its place")


def _levels(series: Floats, splits: tuple[int, ...]) -> Floats:
    parts = np.split(series, list(splits))
    if len(parts) == 3:  # a stretch: before and after are of one level
        outside = np.concatenate((parts[0], parts[2])).mean()
        means = [outside, parts[1].mean(), outside]
    else:
        means = [part.mean() for part in parts]
    return np.concatenate([np.full(len(p), m) for p, m in zip(parts, means, strict=True)])


def _memory(rest: Floats) -> float | None:
    """How much of a point stays in the next one; None where it is too little to matter.

    Corrected upwards: short series show less than they have (Kendall, 1954), and more so with a
    level taken out.
    """
    power = float(np.sum(rest * rest))
    if power <= 0:
        return None
    raw = float(np.sum(rest[1:] * rest[:-1])) / power
    memory = raw + (2.0 + 4.0 * max(raw, 0.0)) / len(rest)
    return min(memory, _MOST_MEMORY) if memory > _LITTLE_MEMORY else None


def _permuted(series: Floats, draws: int, rng: np.random.Generator) -> Floats:
    return np.asarray(rng.permuted(np.tile(series, (draws, 1)), axis=1))


def _walks(rest: Floats, memory: float, draws: int, rng: np.random.Generator) -> Floats:
    """Series that remember as much, and have no shift."""
    steps = rest[1:] - memory * rest[:-1]
    steps = steps - steps.mean()
    drawn = rng.choice(steps, (len(rest), draws))
    drawn[0] /= np.sqrt(1 - memory * memory)
    for at in range(1, len(rest)):
        drawn[at] += memory * drawn[at - 1]
    return np.ascontiguousarray(drawn.T)
