"""Larger or smaller batches: a request's items of one stage, divided anew among its calls.

A call takes a + b * size, a robust line through the recorded calls of the stage, times what each
call took more or less than that. Batches that several requests share are not replayed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from latprobe.analysis.counted import counted
from latprobe.analysis.intervals import SEED, block_draws, block_length
from latprobe.analysis.load.batch_effect import (
    FEWEST_CALLS,
    FEWEST_OF_A_SIZE,
    SMALLEST_SPREAD,
    fit_line,
)
from latprobe.analysis.load.call_facts import items_sql
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ids, Ints
from latprobe.analysis.whatif.changes import Batch
from latprobe.analysis.whatif.graph import Floats
from latprobe.store.query import Query

# So often the line is drawn anew from the calls.
_DRAWS = 40

# Calls near the size that take this much more or less than the line says so: it is no line.
_MOST_OFF, _NEAR = 0.1, 0.25

# A call counts as over a little before its end, when what it did was handed on.
_OVER = 0.99

# So many calls that began and ended together with one of another request share their batch.
_SHARED = 0.2


@dataclass(frozen=True, slots=True)
class BatchEffect:
    """What each call of the stage saves, negative if it gets longer; as a `TokenEffect` has it."""

    trace_id: tuple[str, ...]
    span_id: Ids
    saved_ns: Floats
    notes: tuple[str, ...]
    lines: Floats
    calls: _Calls
    size: int

    @property
    def draws(self) -> int:
        return len(self.lines)

    def saved_draw(self, draw: int) -> Floats:
        """`saved_ns` under one draw of the line."""
        return _saved_ns(self.calls, self.lines[draw], self.size, seed=draw + 1)


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls by caller and start. `bounds`: where each caller's begin, and the end."""

    trace: tuple[str, ...]
    span_id: Ids
    start_ns: Ints
    took_ns: Floats
    items: Floats
    bounds: Ints


def batch_effect(query: Query, scope: Scope, change: Batch) -> BatchEffect | Refusal:
    """What the stage's calls save if each request sends `size` items at once; or why not told."""
    calls = _fetched(query, scope, change.stage)
    reason = _untold(calls, change) or _not_alone(calls, change)
    if reason is not None:
        return Refusal(reason)
    timed = calls.took_ns > 0  # what ended at once says nothing of its items
    items, took_ms = calls.items[timed], calls.took_ns[timed] / 1e6
    line = fit_line(items, took_ms) * 1e6
    reason = _no_line(calls, line, change)
    if reason is not None:
        return Refusal(reason)
    rows = block_draws(
        len(items),
        rng=np.random.default_rng(SEED),
        draws=_DRAWS,
        block=block_length(took_ms * 1e6 / items),
    )
    lines = np.array([fit_line(items[each], took_ms[each]) for each in rows])
    note = (
        f"A call of {change.stage!r} takes {line[0] / 1e6:.3g} ms and {line[1] / 1e6:.3g} ms an "
        "item by the recorded sizes; what its caller does between calls stays as it was."
    )
    return BatchEffect(
        trace_id=calls.trace,
        span_id=calls.span_id,
        saved_ns=_saved_ns(calls, line, change.size),
        notes=(note,),
        lines=lines * 1e6,
        calls=calls,
        size=change.size,
    )


def _fetched(query: Query, scope: Scope, stage: str) -> _Calls:
    where, parameters = scope.where()
    table = query(
        "SELECT s.trace_id::VARCHAR AS trace_id, s.span_id, s.start_ns, s.duration_ns, "
        f"coalesce(s.parent_span_id, 0) AS parent, coalesce({items_sql()}, 0) AS items "
        f"FROM spans s WHERE {where} AND s.name = ? AND s.duration_ns IS NOT NULL "
        "ORDER BY s.trace_id, parent, s.start_ns, s.span_id",
        [*parameters, stage],
    )
    parent, trace = _array(table, "parent"), table["trace_id"].to_pylist()
    _, number = np.unique(np.array(trace, object).astype(str), return_inverse=True)
    is_new = np.append(True, (np.diff(number) != 0) | (parent[1:] != parent[:-1]))[: len(trace)]
    return _Calls(
        trace=tuple(trace),
        span_id=_array(table, "span_id").astype(np.uint64),
        start_ns=_array(table, "start_ns").astype(np.int64),
        took_ns=_array(table, "duration_ns").astype(np.float64),
        items=_array(table, "items").astype(np.float64),
        bounds=np.append(np.flatnonzero(is_new), len(trace)),
    )


def _array(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy())


def _untold(calls: _Calls, change: Batch) -> str | None:
    if len(calls.items) == 0 or float((calls.items >= 1).mean()) < 1.0:
        return (
            f"Not every call of {change.stage!r} tells how many items it worked on: set the "
            "attribute `batch_size` on the stage, and record."
        )
    timed = int((calls.took_ns > 0).sum())
    if timed < FEWEST_CALLS:
        is_ = "is" if timed == 1 else "are"
        return (
            f"Only {counted(timed, 'call')} of {change.stage!r} that took time {is_} recorded: "
            "record more."
        )
    sizes, often = np.unique(calls.items, return_counts=True)
    known = sizes[often >= FEWEST_OF_A_SIZE]
    if len(known) < 2 or known[-1] < SMALLEST_SPREAD * known[0]:
        return (
            f"The batches of {change.stage!r} hardly varied in size, so what another one takes was "
            f"not seen: record some batches of {change.size}."
        )
    if not known[0] <= change.size <= known[-1]:
        return (
            f"Batches of {change.size} were not seen ({known[0]:.0f} to {known[-1]:.0f} were), and "
            f"how long they take is not foretold: record some batches of {change.size}."
        )
    return None


def _not_alone(calls: _Calls, change: Batch) -> str | None:
    """Why the batches are not each one request's own, sent one after another."""
    moment = np.stack((calls.start_ns, calls.took_ns.astype(np.int64)), axis=1)
    _, where, often = np.unique(moment, axis=0, return_inverse=True, return_counts=True)
    if float((often[where.ravel()] > 1).mean()) > _SHARED:
        return (
            f"Calls of several requests share their batches in {change.stage!r}: who meets whom, "
            "and how long a batch waits to fill up, cannot be replayed. `latprobe load` shows what "
            "each size takes."
        )
    end = calls.start_ns + (calls.took_ns * _OVER).astype(np.int64)
    begins = np.zeros(len(end), np.bool_)
    begins[calls.bounds[:-1]] = True
    if bool((~begins[1:] & (calls.start_ns[1:] < end[:-1])).any()):
        return (
            f"Calls of {change.stage!r} run at once within a request, so how its items would be "
            "divided is not known: change the program for a trial, and record that."
        )
    totals = np.add.reduceat(calls.items, calls.bounds[:-1])
    counts = np.diff(calls.bounds)
    if bool((np.ceil(totals / change.size) == counts).all()):
        return (
            f"Each request sends its items to {change.stage!r} in as few calls as batches of "
            f"{change.size} need, and batches over several requests cannot be replayed: record "
            "some batches of that size. `latprobe load` shows what each size takes."
        )
    return None


def _no_line(calls: _Calls, line: Floats, change: Batch) -> str | None:
    near = np.abs(calls.items / change.size - 1) <= _NEAR
    if int(near.sum()) < FEWEST_OF_A_SIZE:
        return None
    ratio = calls.took_ns[near] / np.maximum(line[0] + line[1] * calls.items[near], 1.0)
    spread = 1.25 * float(np.std(np.log(np.maximum(ratio, 1e-9)))) / np.sqrt(len(ratio))
    off = abs(float(np.log(np.median(ratio))))
    if off <= _MOST_OFF + 2 * spread:
        return None
    return (
        f"What a call of {change.stage!r} takes is no straight line in its items (at "
        f"{change.size} it is {np.median(ratio) - 1:+.0%} off): record with batches of that size."
    )


def _saved_ns(calls: _Calls, line: Floats, size: int, *, seed: int = SEED) -> Floats:
    """The new calls take the line's time for their size, times what the old ones took beside it;
    more calls than there were take that from any of the others."""
    fitted = np.maximum(line[0] + line[1] * calls.items, 1.0)
    beside = calls.took_ns / fitted
    first, before = calls.bounds[:-1], np.diff(calls.bounds)
    totals = np.add.reduceat(calls.items, first)
    counts = np.ceil(totals / size).astype(np.int64)
    is_kept = np.repeat(counts == before, before)
    counts = np.where(counts == before, 0, counts)
    ends = np.cumsum(counts)
    sizes = np.full(int(counts.sum()), float(size))
    some = counts > 0
    sizes[ends[some] - 1] = (totals - size * (counts - 1))[some]
    place = np.arange(len(sizes)) - np.repeat(ends - counts, counts)
    old = np.repeat(before, counts)
    row = np.repeat(first, counts) + place % old
    source = row.copy()
    is_more = place >= old
    source[is_more] = np.random.default_rng(seed).integers(0, len(beside), int(is_more.sum()))
    after = np.where(is_kept, calls.took_ns, 0.0)
    np.add.at(after, row, (line[0] + line[1] * sizes) * beside[source])
    return np.asarray(calls.took_ns - after)
