"""Which stage each kernel of a profiled request belongs to, and what they add up to."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from latprobe.store.kineto import COPY, KERNEL, Work

TOP = 10
Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ProfiledSpan:
    """A span of the profiled trace; times in ns since the epoch, `thread` its thread's name."""

    span_id: int
    parent_id: int | None
    name: str
    start_ns: int
    end_ns: int
    thread: str | None


@dataclass(frozen=True, slots=True)
class KernelRow:
    """One stage's share: what was launched while it was the innermost one. Times in ns.

    `wall_ns` is its time without that of the stages in it. It lasts as long as its work on the GPU
    does, and begins when the GPU has done what was asked for before. `launch_gap_ns` is the time
    between its first and last kernel in which the GPU did nothing.
    """

    span_id: int
    stage: str
    wall_ns: int
    busy_ns: int
    kernels: int
    launch_gap_ns: int
    copy_ns: int
    copy_bytes: int
    top: str


def kernel_rows(
    spans: Sequence[ProfiledSpan], work: Sequence[Work], threads: dict[str, str]
) -> list[KernelRow]:
    """A row for each span. `threads` maps the trace's thread numbers to the names of threads."""
    owners = _Owners(spans)
    own: dict[int, list[Work]] = defaultdict(list)
    for each in work:
        owner = owners.of(each.launch_ns, threads.get(each.thread or ""))
        if owner is not None:
            own[owner.span_id].append(each)
    windows = _windows(spans, own, work)
    inside: dict[int, list[Interval]] = defaultdict(list)
    for span in spans:
        if span.parent_id is not None:
            inside[span.parent_id].append(windows[span.span_id])
    active = union((one.start_ns, one.end_ns) for one in work)
    return [
        _row(span, own[span.span_id], windows[span.span_id], inside[span.span_id], active)
        for span in spans
    ]


def _row(
    span: ProfiledSpan,
    own: list[Work],
    window: Interval,
    inside: list[Interval],
    active: list[Interval],
) -> KernelRow:
    kernels = [one for one in own if one.kind == KERNEL]
    copies = [one for one in own if one.kind == COPY]
    times: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for one in kernels:
        times[one.name] += one.end_ns - one.start_ns
        counts[one.name] += 1
    top = [{"name": name, "ns": ns, "count": counts[name]} for name, ns in times.most_common(TOP)]
    between = 0
    if kernels:
        reach = (min(one.start_ns for one in kernels), max(one.end_ns for one in kernels))
        between = _uncovered(reach, [*active, *inside])
    return KernelRow(
        span_id=span.span_id,
        stage=span.name,
        wall_ns=_uncovered(window, inside),
        busy_ns=length(union((one.start_ns, one.end_ns) for one in kernels)),
        kernels=len(kernels),
        launch_gap_ns=between,
        copy_ns=length(union((one.start_ns, one.end_ns) for one in copies)),
        copy_bytes=sum(one.bytes for one in copies),
        top=json.dumps(top),
    )


def _windows(
    spans: Sequence[ProfiledSpan], own: dict[int, list[Work]], work: Sequence[Work]
) -> dict[int, Interval]:
    """When each stage was at work, as a pair of events around it would say: from when the GPU has
    done what was launched before the stage, to the end of what was launched until its end."""
    launched = sorted(work, key=lambda one: one.launch_ns)
    launch_times = [one.launch_ns for one in launched]
    done: list[int] = []
    latest = 0
    for one in launched:
        latest = max(latest, one.end_ns)
        done.append(latest)

    def done_before(moment_ns: int) -> int:
        count = bisect_right(launch_times, moment_ns)
        return done[count - 1] if count else 0

    found = {}
    for span in spans:
        start_ns = max(span.start_ns, done_before(span.start_ns))
        end_ns = span.end_ns
        if own[span.span_id] or done_before(span.end_ns) > start_ns:
            end_ns = max(end_ns, done_before(span.end_ns))
        found[span.span_id] = (start_ns, max(end_ns, start_ns))
    return found


class _Owners:
    """The innermost span at each instant, of each thread and of all."""

    def __init__(self, spans: Sequence[ProfiledSpan]) -> None:
        by_thread: dict[str | None, list[ProfiledSpan]] = defaultdict(list)
        for span in spans:
            by_thread[span.thread].append(span)
        self._threads = {name: _innermost(found) for name, found in by_thread.items() if name}
        self._all = _innermost(spans)

    def of(self, moment_ns: int, thread: str | None) -> ProfiledSpan | None:
        """The thread's own one if it has one then: its span is the one that launched."""
        found = self._threads.get(thread) if thread is not None else None
        return (_at(found, moment_ns) if found else None) or _at(self._all, moment_ns)


_Steps = tuple[list[int], list[ProfiledSpan | None]]


def _innermost(spans: Sequence[ProfiledSpan]) -> _Steps:
    """Instants at which the innermost span changes, and which it is from there on."""
    changes = sorted(
        [(span.start_ns, 1, index) for index, span in enumerate(spans)]
        + [(span.end_ns, 0, index) for index, span in enumerate(spans)]
    )
    times: list[int] = []
    owners: list[ProfiledSpan | None] = []
    open_: set[int] = set()
    for moment_ns, is_start, index in changes:
        if is_start:
            open_.add(index)
        else:
            open_.discard(index)
        last = max(open_, key=lambda at: (spans[at].start_ns, -spans[at].end_ns), default=None)
        times.append(moment_ns)
        owners.append(None if last is None else spans[last])
    return times, owners


def _at(steps: _Steps, moment_ns: int) -> ProfiledSpan | None:
    times, owners = steps
    position = bisect_right(times, moment_ns)
    return owners[position - 1] if position else None


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same times as intervals that do not touch, in order."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif end > start:
            found.append((start, end))
    return found


def length(intervals: Iterable[Interval]) -> int:
    """The sum of disjoint intervals."""
    return sum(end - start for start, end in intervals)


def _uncovered(window: Interval, covers: Iterable[Interval]) -> int:
    """How much of the window no interval covers."""
    first, last = window
    clipped = ((max(start, first), min(end, last)) for start, end in covers)
    return max(last - first, 0) - length(union(one for one in clipped if one[1] > one[0]))
