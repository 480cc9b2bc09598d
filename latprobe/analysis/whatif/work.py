"""What is known of the requests before any of them is replayed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from latprobe.analysis.requests import Requests
from latprobe.analysis.whatif.changes import CacheHit, Change, Parallel
from latprobe.analysis.whatif.counted import learn_counted
from latprobe.analysis.whatif.factors import CallEffect, TokenSavings, Tops, factors
from latprobe.analysis.whatif.graph import Edges, Floats, build_edges
from latprobe.analysis.whatif.hidden_waits import uncover
from latprobe.analysis.whatif.limits import gap_ns, shared_candidates
from latprobe.analysis.whatif.parallel import start_together
from latprobe.analysis.whatif.precedence import Learner, Precedence, apart_from, without_starts
from latprobe.analysis.whatif.recording import Names, Recording, recordings
from latprobe.analysis.whatif.shared_lines import explained_ns
from latprobe.analysis.whatif.stage_limit import stage_limit
from latprobe.store.query import Query

# What waits for what, and for which servers, is learnt from the latest requests with so many spans.
WINDOW_SPANS = 100_000

# So often cache hits and the token model's coefficients are drawn: as often as about so many spans
# together allow.
FEWEST_COLUMNS, MOST_COLUMNS, COLUMN_SPANS = 8, 64, 2_000_000


@dataclass(slots=True)
class Work:
    """What is known before the replay. The window: the latest requests, without a gap in time."""

    changes: Sequence[Change]
    effects: list[CallEffect]
    seed: int
    names: Names = field(default_factory=Names)
    precedence: Precedence = field(default_factory=lambda: Learner().finish())
    window_requests: Requests | None = None
    window: Recording | None = None
    window_edges: Edges | None = None
    tokens: TokenSavings = field(default_factory=lambda: TokenSavings((), ()))
    crowded: dict[int, float] = field(default_factory=dict)
    left_alone: tuple[int, ...] = ()
    shared: tuple[int, ...] = ()
    moved: int = 0
    spans: int = 0

    @property
    def columns(self) -> int:
        """How many outcomes are replayed."""
        is_drawn = any(isinstance(each, CacheHit) and 0 < each.ratio < 1 for each in self.changes)
        if not (is_drawn or self.effects):
            return 1
        return int(np.clip(COLUMN_SPANS // max(self.spans, 1), FEWEST_COLUMNS, MOST_COLUMNS))

    def learn(self, query: Query, requests: Requests) -> None:
        """Reads the window and learns from it what waits for what."""
        reached = np.cumsum(requests.spans[::-1])
        latest = max(int(np.searchsorted(reached, WINDOW_SPANS, side="right")), 1)
        rows = np.arange(max(len(requests) - latest, 0), len(requests))
        learner = Learner()
        for part, recorded in recordings(query, requests.take(rows), self.names):
            learner.add(recorded)
            self.window_requests, self.window = part, recorded
        self.precedence = learner.finish()
        if self.window is not None:
            counted = learn_counted(self.window, self.precedence)
            self.precedence = replace(self.precedence, counted=counted)
        self.tokens = TokenSavings.of(self.effects)
        if self.window is not None:
            begun = self.window.spans.start_ns
            uncovered = uncover(self.window)
            self.window, self.crowded = uncovered.recorded, uncovered.crowded
            moved = self.window.name[begun != self.window.spans.start_ns]
            self.precedence = without_starts(self.precedence, np.unique(moved))
            self.window_edges = self.edges(self.window)
            self._share()

    def _share(self) -> None:
        """Finds stages whose parallel runs in one request wait for places that all requests share:
        there the end of a sibling is not what the next one waited for."""
        recorded = self.window
        assert recorded is not None
        assert self.window_edges is not None
        gap = gap_ns(recorded, self.window_edges)
        for code in shared_candidates(recorded, self.precedence):
            edges = build_edges(recorded, self.precedence, (*self.shared, code))
            apart = gap_ns(recorded, edges)
            now, then = stage_limit(recorded, gap, code), stage_limit(recorded, apart, code)
            if explained_ns(apart, then) > explained_ns(gap, now):
                self.shared = (*self.shared, code)
        self.precedence = apart_from(self.precedence, self.shared)
        if self.shared:
            self.window_edges = self.edges(recorded)

    def leave(self, codes: Sequence[int]) -> None:
        """Keeps these stages as recorded, whatever they wait for: the changes do not touch them."""
        self.left_alone = tuple(dict.fromkeys(codes))
        for code in codes:
            self.crowded.pop(code, None)

    def edges(self, recorded: Recording) -> Edges:
        """The graph of a batch, as recorded."""
        return build_edges(recorded, self.precedence, self.shared)

    def rewired(self, recorded: Recording, edges: Edges) -> Edges:
        """The graph with stages put side by side."""
        for change in self.changes:
            if isinstance(change, Parallel):
                codes = (self.names.codes.get(each, -1) for each in (change.stage, change.other))
                edges, moved = start_together(recorded, edges, *codes)
                self.moved += moved
        return edges

    def factors(self, recorded: Recording, part: Requests) -> Iterator[Floats]:
        """The spans' factors, one column after another."""
        calls = self.tokens.calls(recorded, part)
        tops: Tops = {}
        for column in range(self.columns):
            rng = np.random.default_rng((self.seed, column, int(part.start_ns[0]) & 0xFFFFFFFF))
            yield factors(
                recorded,
                self.changes,
                self.names,
                calls=calls,
                column=column,
                rng=rng,
                tops=tops,
            )
