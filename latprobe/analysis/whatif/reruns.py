"""How much a percentile scatters from one recording to the next, where requests wait in line.

A line remembers: one long request delays all behind it, so the durations that came out once cannot
be reshuffled. Instead the requests and the times between them are drawn anew, in blocks, and put
in line again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latprobe.analysis.intervals import P50_P95_P99, block_draws, block_length
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.graph import Edges, Floats
from latprobe.analysis.whatif.line import Line, simulate_requests
from latprobe.analysis.whatif.memory import memory_of

if TYPE_CHECKING:
    from latprobe.analysis.whatif.queued import Queued
    from latprobe.analysis.whatif.recording import Recording
    from latprobe.analysis.whatif.work import Work

# At least and at most so many recordings are drawn, together of about so many spans.
_FEWEST, _MOST, _SPANS = 12, 40, 200_000


@dataclass(frozen=True, slots=True)
class Reruns:
    """p50, p95 and p99 in ms, a row for each drawn recording, with the noise of this one inside.

    `stretch`: by how much more real recordings scatter, as blocks cut a memory (see memory.py).
    """

    quantiles_ms: Floats
    stretch: float


def reruns(work: Work, queued: Queued, edges: Edges, start_ns: Floats) -> Reruns:
    """Draws recordings and puts each in line.

    Waits remember by themselves, in every drawn line; the blocks have to keep what the requests
    bring along: how much work each is and, if they come by themselves, when.
    """
    recorded, part = work.window, work.window_requests
    assert recorded is not None
    assert part is not None
    rng = np.random.default_rng(work.seed + 1)
    factor = list(work.factors(recorded, part))
    order = np.argsort(start_ns, kind="stable")
    between = np.diff(start_ns[order], prepend=start_ns[order[0]])
    brought = [_work_ns(recorded, edges, factor[0])[order]]
    if queued.callers is None:
        brought.append(between)
    block = max(block_length(each) for each in brought)
    draws = int(np.clip(_SPANS // max(len(recorded), 1), _FEWEST, _MOST))
    found = np.empty((draws, len(P50_P95_P99)))
    pool, callers = _Pool.of(work, edges), queued.changed_callers
    outer = block_draws(len(order), rng=rng, draws=draws, block=block)
    inner = block_draws(len(order), rng=rng, draws=draws, block=block)
    for place, (rows, again) in enumerate(zip(outer, inner, strict=True)):
        chosen = rows[again]
        drawn_edges, root, source = pool.take(order[chosen])
        _, took = simulate_requests(
            drawn_edges,
            root,
            factor[place % len(factor)][source],
            np.cumsum(between[chosen]),
            [_drawn_line(line, source) for line in queued.changed_lines],
            callers=callers.drawn(chosen) if callers is not None else None,
            gate=queued.gate,
        )
        found[place] = np.quantile(took, P50_P95_P99) / 1e6
    return Reruns(found, max(memory_of(each).stretch(block) for each in brought))


def _work_ns(recorded: Recording, edges: Edges, factor: Floats) -> Floats:
    """All work of each request, whatever runs at once, without the waits."""
    owner = np.searchsorted(recorded.spans.offsets(), edges.owner, side="right") - 1
    work = edges.work_ns * factor[edges.owner]
    total = np.bincount(owner, weights=work, minlength=len(recorded.tree.root))
    return np.asarray(total, np.float64)


def _drawn_line(line: Line, source: Ints) -> Line:
    return replace(
        line, rows=_drawn_rows(line.rows, source), releases=_drawn_rows(line.releases, source)
    )


def _drawn_rows(rows: Ints, source: Ints) -> Ints:
    is_in = np.zeros(int(source.max()) + 1, np.bool_)
    is_in[rows[rows < len(is_in)]] = True
    return np.flatnonzero(is_in[source])


class _Pool:
    """Requests to draw from: each one's spans and edges lie together."""

    def __init__(self, edges: Edges, first: Ints, root: Ints, spans: int) -> None:
        row = np.where(edges.target >= spans, edges.target - spans, edges.target)
        trace = np.searchsorted(first, row, side="right") - 1
        self.edges = edges.take(np.argsort(trace, kind="stable"))
        self.bounds = np.searchsorted(np.sort(trace), np.arange(len(first) + 1))
        self.first = np.append(first, spans)
        self.root = root
        self.spans = spans

    @classmethod
    def of(cls, work: Work, edges: Edges) -> _Pool:
        recorded = work.window
        assert recorded is not None
        return cls(edges, recorded.spans.offsets(), recorded.tree.root, len(recorded))

    def take(self, requests: Ints) -> tuple[Edges, Ints, Ints]:
        """The requests, each as one of its own: edges, roots, and the row that each row is of."""
        sizes = np.diff(self.first)[requests]
        begin = np.cumsum(sizes) - sizes
        source = _ranges(self.first[requests], sizes)
        count = len(source)
        numbers = np.diff(self.bounds)[requests]
        picked = self.edges.take(_ranges(self.bounds[requests], numbers))
        moved = np.repeat(begin - self.first[requests], numbers)

        def renumbered(node: Ints) -> Ints:
            is_end = node >= self.spans
            return np.asarray(np.where(is_end, node - self.spans + count, node) + moved)

        drawn = Edges(
            renumbered(picked.target),
            renumbered(picked.source),
            picked.work_ns,
            picked.owner + moved,
        )
        return drawn, self.root[requests] + begin - self.first[requests], source


def _ranges(first: Ints, sizes: Ints) -> Ints:
    """first[0], first[0] + 1, ... sizes[0] numbers, then those of first[1], and so on."""
    begin = np.cumsum(sizes) - sizes
    return np.asarray(np.repeat(first - begin, sizes) + np.arange(int(sizes.sum())))
