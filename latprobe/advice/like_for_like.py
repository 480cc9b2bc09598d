"""What requests would take since a change if stages that it does not touch took as before.

A program's second run is never its first: a warmer machine or a busier disk makes all of it slower,
and that is not what a change was predicted to do. So the stages that no followed suggestion touches
(see touched.py) are looked at by what each of their calls takes outside of the stages that it
calls: those whose median surely moved are put back to what it was before, on the critical path of
each request since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latprobe.advice.applied import Applied
from latprobe.advice.touched import touched_stages
from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.intervals import Estimate, Floats, quantile_difference, quantile_interval
from latprobe.analysis.requests import even_sample, fetch_batches, fetch_requests
from latprobe.analysis.scope import Scope
from latprobe.analysis.self_time import self_ns
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import build_tree
from latprobe.store.query import Query

# Less than this share of the median before is within what a prediction's interval allows for.
LEAST_SHARE = 0.03
# Fewer calls than this on either side do not show that a stage moved.
FEWEST_CALLS = 20
# Medians of so many requests are known well enough.
_MOST_REQUESTS = 2_000


@dataclass(frozen=True, slots=True)
class Drift:
    """A stage that the change does not touch, and how many ms of a request it took more since, on
    average; below 0: less."""

    stage: str
    ms: float

    @property
    def words(self) -> str:
        """One sentence."""
        return (
            f"{self.stage} took {abs(self.ms):,.0f} ms of a request "
            f"{'more' if self.ms > 0 else 'less'} since, which the change does not touch: like for "
            "like leaves that out."
        )


@dataclass(frozen=True, slots=True)
class LikeForLike:
    """The quantiles since with the times that the stages of `drifts` took before, largest first.

    The intervals are those of the requests since; how much the median of a drifting stage's calls
    moved counts as known, and as what each of its calls moved by.
    """

    p50_ms: Estimate
    p95_ms: Estimate
    drifts: tuple[Drift, ...]


def like_for_like(
    query: Query,
    applied: Applied,
    *,
    subjects: Sequence[str],
    until_ns: int | None,
    seed: int,
) -> LikeForLike | None:
    """None where no stage moved that none of the `subjects` names, where they name none that was
    recorded, or one side has no requests."""
    sides = (applied.from_ns, applied.applied_ns), (applied.applied_ns, until_ns)
    scopes = [Scope(service=applied.service, from_ns=low, to_ns=high) for low, high in sides]
    before, after = (_fetch(query, scope) for scope in scopes)
    rows_before, rows = (_requests_of(side, applied.root) for side in (before, after))
    touched = set[str]().union(*(touched_stages(query, scope, subjects) for scope in scopes))
    if not len(rows_before) or not len(rows) or not touched:
        return None
    median_ms = float(np.median(before.duration_ns[rows_before])) / 1e6
    taken_out = np.zeros(len(after.duration_ns))
    drifts = []
    for stage in before.stages.keys() & after.stages.keys() - touched - {applied.root}:
        moved = _moved_ns(before.stages[stage], after.stages[stage], len(taken_out), seed)
        if moved is None:
            continue
        drift = Drift(stage, float(moved[rows].mean()) / 1e6)
        if abs(drift.ms) >= LEAST_SHARE * median_ms:
            drifts.append(drift)
            taken_out += moved
    if not drifts:
        return None
    drifts.sort(key=lambda each: (-abs(each.ms), each.stage))
    left_ms = np.maximum(after.duration_ns - taken_out, 0.0)[rows] / 1e6
    p50_ms, p95_ms = (quantile_interval(left_ms, share, seed=seed) for share in (0.5, 0.95))
    return LikeForLike(p50_ms, p95_ms, tuple(drifts))


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of a stage: the place of its request, and what of its time no stage in it covers;
    `critical_ns` is how much of that others waited for."""

    request: Ints
    own_ns: Ints
    critical_ns: Ints


@dataclass(frozen=True, slots=True)
class _Side:
    """Requests in the order of their starts, with the calls of their stages."""

    duration_ns: Ints
    stages: dict[str, _Calls]


def _fetch(query: Query, scope: Scope) -> _Side:
    sample = even_sample(fetch_requests(query, scope), _MOST_REQUESTS)
    parts: dict[str, list[tuple[Ints, Ints, Ints]]] = {}
    offset = 0
    for requests, table in fetch_batches(query, sample):
        spans = Spans.from_table(table)
        tree = build_tree(spans)
        columns = (
            spans.trace + offset,
            self_ns(spans, tree),
            tree.credited(critical_ns(spans, tree)),
        )
        for code, name in enumerate(spans.names):
            rows = np.flatnonzero(spans.name == code)
            request, own, critical = (column[rows] for column in columns)
            parts.setdefault(name, []).append((request, own, critical))
        offset += len(requests)
    stages = {
        name: _Calls(*(np.concatenate(column) for column in zip(*calls, strict=True)))
        for name, calls in parts.items()
    }
    return _Side(sample.duration_ns, stages)


def _requests_of(side: _Side, root: str | None) -> Ints:
    """The places of the requests whose root is called so; of all for None."""
    if root is None:
        return np.arange(len(side.duration_ns))
    calls = side.stages.get(root)
    return np.unique(calls.request) if calls is not None else np.arange(0)


def _moved_ns(before: _Calls, after: _Calls, requests: int, seed: int) -> Floats | None:
    """What the stage takes more of each request's critical path than at its median before; None
    where that median has not surely moved."""
    if min(len(before.request), len(after.request)) < FEWEST_CALLS:
        return None
    first, second = (each.own_ns[np.argsort(each.request)] for each in (before, after))
    interval = quantile_difference(first, second, 0.5, seed=seed).interval
    if interval is None or interval.low <= 0 <= interval.high:
        return None
    ratio = float(np.median(first)) / max(float(np.median(second)), 1.0)
    on_path = np.zeros(requests)
    np.add.at(on_path, after.request, after.critical_ns.astype(np.float64))
    return on_path * (1 - ratio)
