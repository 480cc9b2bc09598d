"""How many spans of a stage a request has, and how many of them run at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from latprobe.analysis.scope import Scope
from latprobe.store.query import Query

# Of the newest spans: what a request looks like now, in milliseconds of work.
NEWEST_SPANS = 2_000

Ends = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FanOut:
    """Of the newest requests: medians of how many spans of the stage one has and how many of them
    are under way at once, the most at once in any, and the share of requests with two or more."""

    requests: int
    spans: float
    at_once: float
    most_at_once: int
    parallel_share: float


def fan_out(query: Query, scope: Scope) -> FanOut | None:
    """The fan-out of `scope.stage`; None without spans.

    A span that starts as another ends runs after it, and one within another is its work, not
    beside it, unless both have one parent. Spans of two processes are compared by the wall clock,
    so clocks that disagree can show as side by side.
    """
    where, parameters = scope.where()
    rows = query(
        f"""
        SELECT hash(s.trace_id) AS trace, s.parent_span_id AS parent, s.start_ns,
               s.start_ns + s.duration_ns AS end_ns
        FROM spans s WHERE {where} ORDER BY s.start_ns DESC LIMIT {NEWEST_SPANS}
        """,
        parameters,
    )
    requests: dict[int, list[tuple[int | None, Ends]]] = defaultdict(list)
    columns = (rows[name].to_pylist() for name in ("trace", "parent", "start_ns", "end_ns"))
    for trace, parent, start_ns, end_ns in zip(*columns, strict=True):
        requests[trace].append((parent, (start_ns, end_ns)))
    if not requests:
        return None
    if len(rows) == NEWEST_SPANS and len(requests) > 1:
        del requests[trace]  # the oldest: the rest of its spans may be beyond the limit
    at_once = [_side_by_side(spans) for spans in requests.values()]
    return FanOut(
        requests=len(requests),
        spans=float(median(len(spans) for spans in requests.values())),
        at_once=float(median(at_once)),
        most_at_once=max(at_once),
        parallel_share=sum(most > 1 for most in at_once) / len(at_once),
    )


def _side_by_side(spans: Sequence[tuple[int | None, Ends]]) -> int:
    """The most at once of those with one parent, and of those of which none holds another."""
    siblings: dict[int | None, list[Ends]] = defaultdict(list)
    for parent, ends in spans:
        siblings[parent].append(ends)
    groups = [*siblings.values(), _outermost([ends for _, ends in spans])]
    return max(_at_once(each) for each in groups)


def _outermost(spans: Sequence[Ends]) -> list[Ends]:
    """Those that lie in no other one."""
    found: list[Ends] = []
    for start_ns, end_ns in sorted(spans, key=lambda ends: (ends[0], -ends[1])):
        if not found or end_ns > found[-1][1]:  # none before it ends later than the last kept one
            found.append((start_ns, end_ns))
    return found


def _at_once(spans: Sequence[Ends]) -> int:
    """The most under way at a moment: starts less ends so far, ends before starts of a moment."""
    steps = [(start_ns, 1) for start_ns, _ in spans] + [(end_ns, -1) for _, end_ns in spans]
    running, most = 0, 1  # a span of no duration ends as it starts, and ran
    for _, step in sorted(steps):
        running += step
        most = max(most, running)
    return most
