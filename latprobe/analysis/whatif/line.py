"""Requests that wait for one another: replayed together, moment by moment.

A discrete-event simulation over the same graph as the replay: a stage with n servers starts its
next span when one is free, first come first served, and where a fixed number of callers sends
requests, the next one starts as another ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.callers import Callers
from latprobe.analysis.whatif.graph import Edges, Floats


@dataclass(frozen=True, slots=True)
class Line:
    """Spans in the rows `rows` take turns on `servers` servers; each takes `handoff_ns` more
    between two of them. A server is free again when a span of `releases` ends: of the same rows,
    or of later ones over which it was held."""

    rows: Ints
    servers: int
    handoff_ns: float
    releases: Ints


def simulate_requests(
    edges: Edges,
    root: Ints,
    factor: Floats,
    start_ns: Floats,
    lines: Sequence[Line],
    *,
    callers: Callers | None = None,
    gate: int | None = None,
) -> tuple[Floats, Floats]:
    """When each request starts and how long it takes, in ns, by the order of `root`.

    `start_ns` is when requests come in. With `callers` only their order counts, and the first ones'
    moments where pauses vary. With a `gate` at most so many are worked on at once; the wait before
    it is part of what a request takes.
    """
    return _Run(edges, root, factor, lines).go(start_ns, callers, gate)


class _Run:
    def __init__(self, edges: Edges, root: Ints, factor: Floats, lines: Sequence[Line]) -> None:
        nodes = 2 * len(factor)
        order = np.argsort(edges.source, kind="stable")
        work = edges.work_ns * factor[edges.owner]
        self.root = root
        self.spans = len(factor)
        self.target: list[int] = edges.target[order].tolist()
        self.work: list[float] = work[order].tolist()
        self.first: list[int] = np.searchsorted(edges.source[order], np.arange(nodes + 1)).tolist()
        self.missing: list[int] = np.bincount(edges.target, minlength=nodes).tolist()
        self.ready: list[float] = [-np.inf] * nodes
        self.line_of: dict[int, int] = {
            row: number for number, line in enumerate(lines) for row in line.rows.tolist()
        }
        self.released_by: dict[int, int] = {
            row: number for number, line in enumerate(lines) for row in line.releases.tolist()
        }
        self.free: list[int] = [line.servers for line in lines]
        self.handoff: list[float] = [line.handoff_ns for line in lines]
        self.queue: list[deque[int]] = [deque() for _ in lines]
        self.events: list[tuple[float, int, int]] = []
        self.number = 0

    def go(
        self, start_ns: Floats, callers: Callers | None, gate: int | None
    ) -> tuple[Floats, Floats]:
        root, spans = self.root, self.spans
        request_of = {row: place for place, row in enumerate(root.tolist())}
        arrived = np.array(start_ns, np.float64)
        done = np.zeros(len(root))
        waiting = deque(np.argsort(start_ns, kind="stable").tolist())
        at_once = callers.count if callers is not None else gate
        answers = 0
        is_at_once = callers is not None and callers.pauses_ns is None
        first = float(start_ns.min()) if len(root) else 0.0
        running = 0
        if at_once is None:
            for place in waiting:
                self._at(float(arrived[place]), int(root[place]))
            waiting.clear()
        while waiting and running < at_once:  # type: ignore[operator]  # set where any wait
            place = waiting.popleft()
            came = first if is_at_once else float(arrived[place])
            arrived[place] = came
            self._at(came, int(root[place]))
            running += 1
        while self.events:
            now, _, node = heappop(self.events)
            if node < 0:  # a server that is free again
                self._freed(now, -1 - node)
                continue
            if node >= spans:
                self._ended(now, node - spans)
                place = request_of.get(node - spans, -1)
                if place >= 0:
                    done[place] = now
                    if waiting:
                        after = waiting.popleft()
                        if callers is None:
                            came = max(now, float(arrived[after]))
                        else:
                            came = now + callers.pause_ns(answers)
                            arrived[after] = came
                        self._at(came, int(root[after]))
                    answers += 1
            self._pass_on(now, node)
        return arrived, np.maximum(done - arrived, 0.0)

    def _at(self, time: float, node: int) -> None:
        self.number += 1
        heappush(self.events, (time, self.number, node))

    def _pass_on(self, now: float, node: int) -> None:
        first, ready, missing = self.first, self.ready, self.missing
        for place in range(first[node], first[node + 1]):
            target = self.target[place]
            at = now + self.work[place]
            if at > ready[target]:
                ready[target] = at
            missing[target] -= 1
            if missing[target]:
                continue
            self.number += 1
            # One of a line joins it only when its time has come.
            code = target if target not in self.line_of else -1 - (len(self.free) + target)
            heappush(self.events, (ready[target], self.number, code))

    def _freed(self, now: float, code: int) -> None:
        lines = len(self.free)
        if code >= lines:  # a span joins its line
            node = code - lines
            line = self.line_of[node]
            self.queue[line].append(node)
        else:
            line = code
            self.free[line] += 1
        while self.free[line] and self.queue[line]:
            self.free[line] -= 1
            self._at(now, self.queue[line].popleft())

    def _ended(self, now: float, row: int) -> None:
        line = self.released_by.get(row)
        if line is None:
            return
        self.number += 1
        heappush(self.events, (now + self.handoff[line], self.number, -1 - line))
