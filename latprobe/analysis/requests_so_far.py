"""Requests and calls as tables in memory that follow a growing store, reading only what is new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.analysis.call_table import CallTable, fetch_calls, grown_calls
from latprobe.analysis.growing_roots import grown_roots, traces_with
from latprobe.analysis.root_table import RootTable, fetch_roots, ints, is_among
from latprobe.analysis.scope import Scope
from latprobe.analysis.store_growth import Growth, Reached, growth, reach, touched_since
from latprobe.store.query import Query

# A request that was not heard of for so long is no longer running: its process was killed.
HEARD_NS = 60 * 10**9
# Unfinished requests of which all that is known began longer before the newest span are left out.
LONGEST_NS = 10 * HEARD_NS
_UNFINISHED = ("draw", "run_id", "start_ns", "heard_ns")


@dataclass(frozen=True, slots=True)
class RequestsSoFar:
    """All requests and calls, and how far the store was read for them. `unfinished` are traces of
    which stages have ended and the root has not: draw, run_id and start_ns of their earliest span,
    heard_ns the end of their latest."""

    roots: RootTable
    calls: CallTable
    unfinished: pa.Table
    reached: Reached


def read_requests(query: Query) -> RequestsSoFar:
    """All that is in the store."""
    reached = reach(query)
    recent = f"s.start_ns >= (SELECT greatest(max(m.start_ns), 0) FROM spans m) - {LONGEST_NS}"
    last = _unfinished(traces_with(query, recent))
    roots = fetch_roots(query)
    # A root that began longer ago is not among the recent spans, though its request has ended.
    last = last.filter(pa.array(~is_among(last["draw"].to_numpy(), roots.draw)))
    return RequestsSoFar(roots, fetch_calls(query), last, reached)


def follow_requests(query: Query, before: RequestsSoFar) -> RequestsSoFar:
    """What `read_requests` gives, made from what it gave earlier."""
    grown = growth(query, before.reached)
    if grown is None:
        return read_requests(query)
    if not grown.new_spans and not grown.new_calls:
        return RequestsSoFar(before.roots, before.calls, before.unfinished, grown.now)
    if not grown.new_spans:
        calls = _calls(query, before, grown, None)
        return RequestsSoFar(before.roots, calls, before.unfinished, grown.now)
    touched = traces_with(query, touched_since(before.reached.batch))
    if not touched.num_rows:  # they have left again meanwhile
        return read_requests(query)
    return _with_spans(query, before, grown, touched)


def running_requests(so_far: RequestsSoFar, scope: Scope, now_ns: int) -> int:
    """How many requests of the scope's runs and window are unfinished and were heard of in the
    last minute. A test of requests is not looked at: what they will pass is not known yet."""
    found = so_far.unfinished
    inside = np.isin(ints(found["run_id"]), so_far.roots.runs(scope))
    inside &= ints(found["heard_ns"]) >= now_ns - HEARD_NS
    if scope.from_ns is not None:
        inside &= ints(found["start_ns"]) >= scope.from_ns
    return int(inside.sum())


def _with_spans(
    query: Query, before: RequestsSoFar, grown: Growth, touched: pa.Table
) -> RequestsSoFar:
    roots = grown_roots(
        query,
        before.roots,
        touched,
        since=before.reached.batch,
        has_new_runs=grown.now.runs != before.reached.runs,
    )
    calls = _calls(query, before, grown, touched)
    return RequestsSoFar(roots, calls, _still_unfinished(before.unfinished, touched), grown.now)


def _calls(
    query: Query, before: RequestsSoFar, grown: Growth, touched: pa.Table | None
) -> CallTable:
    """The calls as they are now: no others than before where none came, and where no request that
    has one got spans, which say what of several counts."""
    if not grown.new_calls:
        known = before.calls.rows["draw"].to_numpy()
        if touched is None or not is_among(known, touched["draw"]).any():
            return before.calls
    return grown_calls(
        query, before.calls, since=before.reached.batch, after_row=before.reached.call_row
    )


def _unfinished(traces: pa.Table) -> pa.Table:
    return traces.filter(traces["is_unfinished"]).select(_UNFINISHED)


def _still_unfinished(before: pa.Table, touched: pa.Table) -> pa.Table:
    """Those from before without news, and those of the touched traces; without what is long ago."""
    is_old = is_among(before["draw"].to_numpy(), touched["draw"])
    found = pa.concat_tables([before.filter(pa.array(~is_old)), _unfinished(touched)])
    newest_ns = pc.max(touched["heard_ns"]).as_py()
    recent = found.filter(pc.greater_equal(found["heard_ns"], newest_ns - LONGEST_NS))
    return recent.combine_chunks()
