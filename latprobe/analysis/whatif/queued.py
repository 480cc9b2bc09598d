"""Predictions where requests wait for one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latprobe.analysis.intervals import Interval
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.changes import Batch, Change, Concurrency, Replicas
from latprobe.analysis.whatif.graph import Edges, Floats
from latprobe.analysis.whatif.limits import (
    StageLimit,
    find_callers,
    gap_ns,
    lead_ns,
    stage_limit,
    stage_limits,
)
from latprobe.analysis.whatif.line import Callers, Line, simulate_requests
from latprobe.analysis.whatif.prediction import Percentile, Prediction, Throughput
from latprobe.analysis.whatif.recording import Names, Recording
from latprobe.analysis.whatif.reruns import rerun_quantiles

if TYPE_CHECKING:
    from latprobe.analysis.whatif.predict import _Work

# Recorded medians further than this from what the servers would give are not explained by them.
_MOST_OFF = 0.1
_NORMAL_95 = 1.96

# Busier than this with requests that come by themselves, waits only grow and a figure would say how
# long was recorded; from the lower one on, a few busy minutes decide what is measured.
_MOST_BUSY, _BUSY = 0.98, 0.85


@dataclass(frozen=True, slots=True)
class Queued:
    """The limits at work, as recorded and as changed. `lead_ns`: a span's gap without a queue."""

    limits: tuple[StageLimit, ...]
    lines: tuple[Line, ...]
    changed_lines: tuple[Line, ...]
    callers: Callers | None
    changed_callers: Callers | None
    gate: int | None
    lead_ns: Floats
    rows: Ints

    @classmethod
    def look(
        cls,
        recorded: Recording | None,
        edges: Edges | None,
        changes: Sequence[Change],
        names: Names,
    ) -> Queued | Refusal | None:
        """The limits that the changes touch or that requests wait for; None if there are none."""
        if recorded is None or edges is None:
            return None
        wanted = {each.stage: each.count for each in changes if isinstance(each, Replicas)}
        gates = [each.count for each in changes if isinstance(each, Concurrency)]
        batch = next((each for each in changes if isinstance(each, Batch)), None)
        if batch is not None:
            return Refusal(
                f"How long {batch.stage!r} takes for a batch of {batch.size} cannot be replayed "
                "from calls of one: record some batches and ask `latprobe load`."
            )
        gap = gap_ns(recorded, edges)
        limits, unexplained = stage_limits(recorded, gap)
        if unexplained:
            name = next(name for name, code in names.codes.items() if code == unexplained[0])
            return Refusal(
                f"{name!r} waits before it starts, the longer the more requests are at work, but "
                "no number of servers explains it: put one stage around all of what the queue is "
                "for."
            )
        known = {limit.code for limit in limits}
        for stage in wanted:
            code = names.codes[stage]
            if code not in known:
                limit = stage_limit(recorded, gap, code)
                if limit.evidence.servers is None:
                    return Refusal(f"{stage!r}: {limit.evidence.reason}")
                limits.append(limit)
        spans, root = recorded.spans, recorded.tree.root
        callers = find_callers(spans.start_ns[root], spans.end_ns[root])
        if not limits and not gates:
            return None
        by_code = {names.codes[stage]: count for stage, count in wanted.items()}
        lines = tuple(_line(limit) for limit in limits)
        changed = tuple(
            replace(line, servers=by_code.get(limit.code, line.servers))
            for limit, line in zip(limits, lines, strict=True)
        )
        count = gates[-1] if gates else None
        is_closed = callers is not None
        return cls(
            limits=tuple(limits),
            lines=lines,
            changed_lines=changed,
            callers=callers,
            changed_callers=replace(callers, count=count) if callers and count else callers,
            gate=None if is_closed else count,
            lead_ns=_leads(recorded, limits, gap),
            rows=np.concatenate([limit.rows for limit in limits])
            if limits
            else np.zeros(0, np.int64),
        )

    def without_waits(self, edges: Edges, spans: int) -> Edges:
        """The edges with only the lead left before each span that stands in a line."""
        in_line = np.zeros(2 * spans, np.bool_)
        in_line[self.rows] = True
        at = in_line[edges.target]
        work = np.where(
            at, np.minimum(edges.work_ns, self.lead_ns[edges.target % spans]), edges.work_ns
        )
        return Edges(edges.target, edges.source, work, edges.owner)


def predict_queued(work: _Work, queued: Queued, notes: list[str]) -> Prediction:
    """The requests of the window together, in one line for each limited stage."""
    from latprobe.analysis.whatif.predict import finished

    recorded, part = work.window, work.window_requests
    assert recorded is not None
    assert part is not None
    assert work.window_edges is not None
    spans, root = recorded.spans, recorded.tree.root
    origin = int(spans.start_ns[root].min())
    start = (spans.start_ns[root] - origin).astype(np.float64)
    before = spans.duration_ns[root].astype(np.float64)
    plain = queued.without_waits(work.window_edges, len(recorded))
    ones = np.ones(len(recorded))
    _, same = simulate_requests(plain, root, ones, start, queued.lines, callers=queued.callers)
    reason = _unexplained(before, same)
    if reason is not None:
        return Prediction(len(before), basis="queue", refused=reason)
    busy = _busiest(work, queued)
    if busy > _MOST_BUSY:
        return Prediction(len(before), basis="queue", refused=_too_busy(busy))
    changed = work.rewired(recorded, plain)
    began, columns = _columns(work, queued, changed, start)
    found = finished(work, before, np.stack(columns, axis=1), notes)
    if found.refused is not None:
        return found
    reruns = rerun_quantiles(work, queued, changed, start)
    return replace(
        found,
        p50=_with_interval(found.p50, reruns[:, 0]),
        p95=_with_interval(found.p95, reruns[:, 1]),
        p99=_with_interval(found.p99, reruns[:, 2]),
        basis="queue",
        notes=(*found.notes, *_queue_notes(queued, work.names), *_busy_note(busy)),
        throughput=_throughput(queued, start, before, began, columns[0]),
    )


def _columns(
    work: _Work, queued: Queued, edges: Edges, start: Floats
) -> tuple[Floats, list[Floats]]:
    assert work.window is not None
    assert work.window_requests is not None
    began, columns = start, []
    for number, factor in enumerate(work.factors(work.window, work.window_requests)):
        at, took = simulate_requests(
            edges,
            work.window.tree.root,
            factor,
            start,
            queued.changed_lines,
            callers=queued.changed_callers,
            gate=queued.gate,
        )
        began = at if number == 0 else began
        columns.append(took)
    return began, columns


def _with_interval(figure: Percentile, reruns_ms: Floats) -> Percentile:
    """The figure with where re-runs lie, in factors, as waiting grows by factors.

    The figure keeps the recorded arrivals and their luck; re-runs have luck of their own, so the
    interval is around what they have in common.
    """
    if figure.after_ms is None:
        return figure
    logs = np.log(np.maximum(reruns_ms, 1e-6))
    scatter = float(np.std(logs)) * _NORMAL_95 * float(np.sqrt(1 + 2 / len(logs)))
    low, high = np.exp(float(logs.mean()) + np.array((-scatter, scatter))).tolist()
    return replace(figure, ci95_ms=Interval(min(low, figure.after_ms), max(high, figure.after_ms)))


def _line(limit: StageLimit) -> Line:
    servers = limit.evidence.servers
    assert servers is not None
    return Line(limit.rows, servers.count, float(servers.handoff_ns), limit.releases)


def _leads(recorded: Recording, limits: Sequence[StageLimit], gap: Ints) -> Floats:
    lead = np.asarray(gap, np.float64).copy()
    for limit in limits:
        lead[limit.rows] = np.minimum(lead[limit.rows], lead_ns(recorded, gap, limit))
    return lead


def _unexplained(before: Floats, same: Floats) -> str | None:
    for quantile in (0.5, 0.95):
        recorded, given = np.quantile(before, quantile), np.quantile(same, quantile)
        if recorded > 0 and abs(given - recorded) > _MOST_OFF * recorded:
            return (
                "Requests wait for one another in a way that a line of first come, first served "
                f"does not explain (p{quantile * 100:.0f} {recorded / 1e6:.0f} ms recorded, "
                f"{given / 1e6:.0f} ms replayed): put a stage around what they wait for."
            )
    return None


def _throughput(
    queued: Queued, start: Floats, before: Floats, began: Floats, took: Floats
) -> Throughput | None:
    if queued.callers is None and queued.gate is None:
        return None
    old = float((start + before).max() - start.min())
    new = float((began + took).max() - began.min())
    if old <= 0 or new <= 0:
        return None
    return Throughput(len(start) / old * 1e9, len(start) / new * 1e9)


def _queue_notes(queued: Queued, names: Names) -> list[str]:
    called = {code: name for name, code in names.codes.items()}
    notes = []
    for limit, line, changed in zip(queued.limits, queued.lines, queued.changed_lines, strict=True):
        servers = limit.evidence.servers
        assert servers is not None
        then = "" if changed.servers == line.servers else f", then {changed.servers}"
        notes.append(
            f"{called[limit.code]!r} runs on {line.servers} at once{then}: requests wait for one "
            f"another there, which is replayed in line ({servers.explained:.0%} of the recorded "
            "waiting explained)."
        )
        if not servers.is_first_come:
            notes.append(f"{called[limit.code]!r} is not served first come, first served.")
    if queued.callers is not None:
        notes.append(
            f"{queued.callers.count} callers send their next request as they get an answer; so "
            "they do in the prediction."
        )
    else:
        notes.append("Requests come in at the recorded times.")
    return notes


def _busiest(work: _Work, queued: Queued) -> float:
    """For how much of the time the busiest servers would work; 0 where callers hold back, as
    requests then wait with their callers."""
    recorded, part = work.window, work.window_requests
    assert recorded is not None
    assert part is not None
    if queued.callers is not None or queued.gate is not None:
        return 0.0
    spans, root = recorded.spans, recorded.tree.root
    arrived = spans.start_ns[root]
    over_ns = max(float(arrived.max() - arrived.min()), 1.0)
    factor = next(work.factors(recorded, part))
    busy = [0.0]
    for line in queued.changed_lines:
        takes = spans.duration_ns * factor
        if line.releases is line.rows:
            held = float(takes[line.rows].sum())
        else:
            between = spans.start_ns[line.releases] - spans.end_ns[line.rows]
            held = float((takes[line.rows] + between + takes[line.releases]).sum())
        held += line.handoff_ns * len(line.rows)
        busy.append(held / line.servers / over_ns)
    return max(busy)


def _too_busy(busy: float) -> str:
    return (
        f"With the change its servers would be busy {busy:.0%} of the time: requests would come "
        "faster than they are served and waits would grow without end. Ask for more replicas too, "
        "or for a smaller change."
    )


def _busy_note(busy: float) -> list[str]:
    if busy < _BUSY:
        return []
    return [
        f"The busiest servers would work {busy:.0%} of the time; so near to the limit, waits "
        "depend on a few busy moments and differ from one recording to the next."
    ]
