"""When stages, or a template's calls, began to take another time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from latprobe.analysis.change_points.change import (
    Change,
    Run,
    describe,
    is_only_moved,
    runs_of,
)
from latprobe.analysis.change_points.level_shift import LEAST_SERIES, Shift, find_shift, tidied
from latprobe.analysis.change_points.series import (
    LEAST_SPANS,
    History,
    Metric,
    Points,
    histories,
    points,
)
from latprobe.analysis.cohorts.false_discovery import q_values
from latprobe.analysis.intervals import SEED
from latprobe.analysis.no_data import has_spans, nothing_found
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.store.query import Query

# The expected share of false changes among those told.
FALSE_DISCOVERY_RATE = 0.02
# A further change of a stage that has one: nothing is corrected any more, so it must be clearer.
_FURTHER_P = 0.002
# Less than this is not worth a line.
LEAST_RATIO = 1.05
_METRICS: tuple[Metric, ...] = ("p50", "p95")


@dataclass(frozen=True, slots=True)
class Changes:
    """Each change once, the largest first. `tried` counts the series looked at.

    `refused`: why none could be.
    """

    changes: tuple[Change, ...]
    tried: int
    refused: str | None

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "changes": [each.to_json() for each in self.changes],
            "tried": self.tried,
            "refused": self.refused,
        }


@dataclass(frozen=True, slots=True)
class _Series:
    history: History
    points: Points
    shift: Shift


def find_changes(query: Query, scope: Scope = EVERYTHING, *, seed: int = SEED) -> Changes:
    """Lasting changes of p50 or p95 per stage and template; silent where it may be chance.

    Raises NoDataError where nothing is recorded.
    """
    rng = np.random.default_rng(seed)
    series: list[_Series] = []
    has_history = False
    for history in histories(query, scope):
        has_history = True
        for metric in _METRICS:
            found = points(history, metric)
            shift = find_shift(found.values, rng=rng)
            if shift is not None:
                series.append(_Series(history, found, shift))
    if not series:
        if not has_spans(query, scope):
            raise nothing_found(query, scope)
        return Changes((), 0, _ALL_ALIKE if has_history else _TOO_FEW)
    q = q_values(np.array([each.shift.p_value for each in series]))
    runs = runs_of(query)
    changes = [
        change
        for each, q_value in zip(series, q.tolist(), strict=True)
        if q_value <= FALSE_DISCOVERY_RATE
        for change in _changes_of(each, runs, q_value, rng)
    ]
    return Changes(tuple(_told_once(changes)), len(series), None)


_TOO_FEW = (
    f"No stage has {LEAST_SPANS} spans here: record more, or widen the window, to see when "
    "stages changed."
)
_ALL_ALIKE = "All runs of each stage took equally long, so none of them changed."


def _changes_of(
    series: _Series, runs: dict[int, Run], q_value: float, rng: np.random.Generator
) -> list[Change]:
    """All changes of a series that has at least one."""
    values, first, history = series.points.values, series.points.first, series.history
    splits = tidied(values, _all_splits(values, series.shift, rng))
    edges = [0, *splits, len(values)]
    rows = [0, *(_refined(history, series.points, at) for at in splits), len(history)]
    found = []
    for place in range(1, len(edges) - 1):
        at = edges[place]
        low, mid, high = rows[place - 1 : place + 2]
        if is_only_moved(history.run_id[low:mid], history.run_id[mid:high], runs):
            continue
        doubt = int(first[max(at - 4, 0)]), int(first[min(at + 4, len(first) - 1)])
        change = describe(
            history,
            runs,
            metric=series.points.metric,
            bounds=(low, mid, high),
            doubt=doubt,
            q_value=q_value,
        )
        if max(change.ratio, 1 / max(change.ratio, 1e-9)) >= LEAST_RATIO:
            found.append(change)
    return found


def _all_splits(values: np.ndarray, shift: Shift, rng: np.random.Generator) -> list[int]:
    """Binary segmentation: the parts between shifts are searched again."""
    splits = list(shift.splits)
    edges = [0, *splits, len(values)]
    for start, end in pairwise(edges):
        part = values[start:end]
        again = find_shift(part, rng=rng) if len(part) >= LEAST_SERIES else None
        if again is not None and again.p_value <= _FURTHER_P:
            splits += [start + at for at in _all_splits(part, again, rng)]
    return sorted(splits)


def _refined(history: History, found: Points, at: int) -> int:
    """The row near a point's first at which the durations part best."""
    first = int(found.first[max(at - 2, 0)])
    end = int(found.first[at + 2]) if at + 2 < len(found.first) else len(history)
    if found.metric != "p50":
        return int(found.first[at])
    part = np.log(np.maximum(history.duration_ns[first:end], 1).astype(np.float64))
    count = len(part)
    place = np.arange(1, count)
    sums = np.cumsum(part - part.mean())[:-1]
    return first + int(place[np.argmax(np.abs(sums) / np.sqrt(place * (count - place)))])


def _told_once(changes: Sequence[Change]) -> list[Change]:
    """Changes of the same time as one: the one by the greatest factor of those that weigh.

    A stage's p95 that moved with its p50 is one change; so are a template's and its stage's, and a
    stage's and those of the requests and stages around it.
    """
    told: list[Change] = []
    for group in _same_time(_without_echoes(changes)):
        most = max(abs(each.after_p50_ms - each.before_p50_ms) for each in group)
        weighing = [
            each
            for each in group
            if 2 * abs(each.after_p50_ms - each.before_p50_ms) >= most or each.metric == "p95"
        ]
        lead = max(weighing, key=lambda each: (each.metric == "p50", _size(each)))
        others = dict.fromkeys(each.label for each in group if each.label != lead.label)
        told.append(replace(lead, also=tuple(others)))
    return sorted(told, key=lambda each: (-_size(each), each.at_ns))


def _without_echoes(changes: Sequence[Change]) -> list[Change]:
    """Leaves out what a p95 repeats of its own p50: it says when less exactly."""
    medians = {each.label for each in changes if each.metric == "p50"}
    return [each for each in changes if each.metric == "p50" or each.label not in medians]


def _size(change: Change) -> float:
    return abs(float(np.log(max(change.ratio, 1e-9))))


def _same_time(changes: Sequence[Change]) -> list[list[Change]]:
    """Groups whose times overlap, and that go the same way."""
    groups: list[list[Change]] = []
    for each in sorted(changes, key=lambda each: (each.earliest_ns, each.label)):
        for group in groups:
            last = group[-1]
            if each.earliest_ns <= last.latest_ns and (each.ratio > 1) == (last.ratio > 1):
                group.append(each)
                break
        else:
            groups.append([each])
    return groups
