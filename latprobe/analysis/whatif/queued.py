"""Predictions where requests wait for one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from latprobe.analysis.active_time import throughput_per_s
from latprobe.analysis.intervals import Interval
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.allowance import with_allowance
from latprobe.analysis.whatif.callers import Callers, find_callers
from latprobe.analysis.whatif.changes import Concurrency, Replicas
from latprobe.analysis.whatif.graph import Edges, Floats
from latprobe.analysis.whatif.limits import gap_ns, stage_limits
from latprobe.analysis.whatif.line import Line, simulate_requests
from latprobe.analysis.whatif.outcome import finished
from latprobe.analysis.whatif.prediction import Percentile, Prediction, Throughput
from latprobe.analysis.whatif.queue_notes import busiest, busy_note, queue_notes, too_busy
from latprobe.analysis.whatif.reach import untouched
from latprobe.analysis.whatif.recording import Recording
from latprobe.analysis.whatif.reruns import Reruns, reruns
from latprobe.analysis.whatif.stage_limit import StageLimit, lead_ns, stage_limit
from latprobe.analysis.whatif.work import Work

# Recorded medians further than this from what the servers would give are not explained by them.
_MOST_OFF = 0.1
_NORMAL_95 = 1.96


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
    def look(cls, work: Work) -> Queued | Refusal | None:
        """The limits that the changes touch or that requests wait for; None if there are none.

        Stages that nothing explains and that the changes do not touch are left as recorded, and
        noted in `work`.
        """
        recorded, edges, changes, names = work.window, work.window_edges, work.changes, work.names
        if recorded is None or edges is None:
            return None
        wanted = {each.stage: each.count for each in changes if isinstance(each, Replicas)}
        gates = [each.count for each in changes if isinstance(each, Concurrency)]
        gap = gap_ns(recorded, edges)
        limits, unexplained = stage_limits(recorded, gap)
        spans, root = recorded.spans, recorded.tree.root
        callers = find_callers(spans.start_ns[root], spans.end_ns[root])
        work.leave(untouched(work, [*unexplained, *work.crowded], limits, callers))
        for code in unexplained:
            if code not in work.left_alone:
                name = next(name for name, known in names.codes.items() if known == code)
                return Refusal(f"{name!r} {unexplained[code]}")
        known = {code for limit in limits for code in limit.codes}
        for stage in wanted:
            code = names.codes[stage]
            if code not in known:
                limit = stage_limit(recorded, gap, code)
                if limit.evidence.servers is None:
                    return Refusal(f"{stage!r}: {limit.evidence.reason}")
                limits.append(limit)
        if not limits and not gates:
            return None
        by_code = {names.codes[stage]: count for stage, count in wanted.items()}
        lines = tuple(_line(limit) for limit in limits)
        changed = tuple(
            replace(line, servers=next((by_code[c] for c in limit.codes if c in by_code), now))
            for limit, line in zip(limits, lines, strict=True)
            for now in (line.servers,)
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


def predict_queued(work: Work, queued: Queued, notes: list[str]) -> Prediction:
    """The requests of the window together, in one line for each limited stage."""
    recorded, part = work.window, work.window_requests
    assert recorded is not None
    assert part is not None
    assert work.window_edges is not None
    start = _arrivals(recorded)
    before = recorded.spans.duration_ns[recorded.tree.root].astype(np.float64)
    plain = queued.without_waits(work.window_edges, len(recorded))
    reason = replayed_badly(work, queued)
    if reason is not None:
        return Prediction(len(before), basis="queue", refused=reason)
    busy = busiest(work, queued)
    reason = too_busy(busy)
    if reason is not None:
        return Prediction(len(before), basis="queue", refused=reason)
    changed = work.rewired(recorded, plain)
    began, columns = _columns(work, queued, changed, start)
    found = finished(work, before, np.stack(columns, axis=1), notes)
    if found.refused is not None:
        return found
    again = reruns(work, queued, changed, start)
    return replace(
        found,
        p50=_with_interval(found.p50, again, 0),
        p95=_with_interval(found.p95, again, 1),
        p99=_with_interval(found.p99, again, 2),
        basis="queue",
        notes=(*found.notes, *queue_notes(queued, work.names), *busy_note(busy)),
        throughput=_throughput(queued, work, start, before, began, columns[0]),
    )


def replayed_badly(work: Work, queued: Queued) -> str | None:
    """Why the lines found do not stand for the queues; None where the requests of the window,
    replayed in them unchanged, take what they took."""
    recorded = work.window
    assert recorded is not None
    assert work.window_edges is not None
    root, ones = recorded.tree.root, np.ones(len(recorded))
    _, same = simulate_requests(
        queued.without_waits(work.window_edges, len(recorded)),
        root,
        ones,
        _arrivals(recorded),
        queued.lines,
        callers=queued.callers,
    )
    return _unexplained(recorded.spans.duration_ns[root].astype(np.float64), same)


def _arrivals(recorded: Recording) -> Floats:
    """When each request came in, in ns since the first one."""
    start = recorded.spans.start_ns[recorded.tree.root]
    return np.asarray((start - start.min()).astype(np.float64))


def _columns(
    work: Work, queued: Queued, edges: Edges, start: Floats
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


def _with_interval(figure: Percentile, again: Reruns, place: int) -> Percentile:
    """The figure with where re-runs lie, in factors, as waiting grows by factors.

    The figure keeps the recorded arrivals and their luck; re-runs have luck of their own, so the
    interval is around what they have in common.
    """
    if figure.after_ms is None:
        return figure
    logs = np.log(np.maximum(again.quantiles_ms[:, place], 1e-6))
    scatter = float(np.std(logs)) * _NORMAL_95 * float(np.sqrt(1 + 2 / len(logs)))
    scatter *= again.stretch
    low, high = np.exp(float(logs.mean()) + np.array((-scatter, scatter))).tolist()
    around = Interval(min(low, figure.after_ms), max(high, figure.after_ms))
    return with_allowance(replace(figure, ci95_ms=around))


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
    queued: Queued, work: Work, start: Floats, before: Floats, began: Floats, took: Floats
) -> Throughput | None:
    assert work.window is not None
    assert work.window_requests is not None
    if queued.callers is None and queued.gate is None:
        return None
    run = work.window_requests.run[work.window.request]
    old, new = (
        throughput_per_s(at.astype(np.int64), (at + takes).astype(np.int64), run)
        for at, takes in ((start, before), (began, took))
    )
    return None if old is None or new is None else Throughput(old, new)
