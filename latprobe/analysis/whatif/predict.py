"""What the requests would take with a change, replayed one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from latprobe.analysis.intervals import SEED, Interval
from latprobe.analysis.latency_model import TokenEffect, token_effect
from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.requests import Requests, count_unfinished, even_sample, fetch_requests
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.whatif import checks
from latprobe.analysis.whatif.changes import CacheHit, Change, Parallel, Tokens
from latprobe.analysis.whatif.counted import learn_counted, matched, rematched
from latprobe.analysis.whatif.factors import TokenSavings, factors
from latprobe.analysis.whatif.figures import percentiles
from latprobe.analysis.whatif.graph import Edges, Floats, Graph, build_edges, levelled
from latprobe.analysis.whatif.hidden_waits import uncover
from latprobe.analysis.whatif.limits import explained_ns, gap_ns, shared_candidates
from latprobe.analysis.whatif.parallel import start_together
from latprobe.analysis.whatif.precedence import Learner, Precedence, over_ns
from latprobe.analysis.whatif.prediction import Percentile, Prediction
from latprobe.analysis.whatif.queued import Queued, predict_queued
from latprobe.analysis.whatif.recording import Names, Recording, recordings
from latprobe.analysis.whatif.replay import replay, request_ns
from latprobe.store.query import Query

# Unless said otherwise, an even sample of the requests with so many spans together is replayed.
MOST_SPANS = 1_000_000

# What waits for what, and for which servers, is learnt from the latest requests with so many spans.
WINDOW_SPANS = 100_000

# Where neighbours seem to add this share of all time it is said, and beyond the second no figure.
_CROWDED, _TOO_CROWDED = 0.03, 0.3

# So often cache hits and the token model's coefficients are drawn: as often as about so many spans
# together allow.
FEWEST_COLUMNS, MOST_COLUMNS, COLUMN_SPANS = 8, 64, 2_000_000


def predict(
    query: Query,
    changes: Sequence[Change],
    scope: Scope = EVERYTHING,
    *,
    max_traces: int | None = None,
    seed: int = SEED,
) -> Prediction:
    """p50, p95 and p99 of the requests in the scope before and after all `changes` together.

    Each recorded request is replayed on its own graph of what waited for what. Where requests wait
    for one another (a stage with a limited number of servers), they are replayed together, and the
    basis is "queue". A prediction that cannot be made has its reason in `refused`. The same input
    and `seed` give the same answer. `max_traces` bounds the requests, evenly over time.
    """
    reason = checks.impossible(changes) or checks.twice(changes)
    if reason is not None:
        return Prediction(0, refused=reason)
    requests = fetch_requests(query, scope)
    reason = _missing(query, scope, requests, changes)
    if reason is not None:
        return Prediction(len(requests), refused=reason)
    effects = _token_effects(query, scope, changes)
    if isinstance(effects, Refusal):
        return Prediction(len(requests), basis="latency_model", refused=effects.reason)
    work = _Work(changes, effects, seed, spans=int(requests.spans.sum()))
    work.learn(query, requests)
    reason = checks.raced(changes, work.names, work.precedence) or _too_crowded(work)
    if reason is not None:
        return Prediction(len(requests), refused=reason)
    queued = Queued.look(work.window, work.window_edges, changes, work.names)
    if isinstance(queued, Refusal):
        return Prediction(len(requests), basis="queue", refused=queued.reason)
    notes = _notes(query, scope, requests)
    if queued is not None:
        return predict_queued(work, queued, notes)
    return _predict_alone(query, work, _sampled(requests, max_traces), notes)


@dataclass(slots=True)
class _Work:
    """What is known before the replay. The window: the latest requests, without a gap in time."""

    changes: Sequence[Change]
    effects: list[TokenEffect]
    seed: int
    names: Names = field(default_factory=Names)
    precedence: Precedence = field(default_factory=lambda: Learner().finish())
    window_requests: Requests | None = None
    window: Recording | None = None
    window_edges: Edges | None = None
    tokens: TokenSavings = field(default_factory=lambda: TokenSavings((), ()))
    crowded: dict[int, float] = field(default_factory=dict)
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
            uncovered = uncover(self.window)
            self.window, self.crowded = uncovered.recorded, uncovered.crowded
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
            if explained_ns(recorded, apart, code) > explained_ns(recorded, gap, code):
                self.shared = (*self.shared, code)
        if self.shared:
            self.window_edges = self.edges(recorded)

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
        for column in range(self.columns):
            rng = np.random.default_rng((self.seed, column, int(part.start_ns[0]) & 0xFFFFFFFF))
            yield factors(
                recorded,
                part,
                self.changes,
                self.names,
                tokens=self.tokens,
                column=column,
                rng=rng,
            )


def _missing(
    query: Query, scope: Scope, requests: Requests, changes: Sequence[Change]
) -> str | None:
    if len(requests) == 0:
        unfinished = count_unfinished(query, scope)
        if unfinished:
            return f"None of the {unfinished} requests here has finished: wait for some, then ask."
        return str(nothing_found(query, scope))
    reason = checks.unknown_stage(query, scope, checks.stages_of(changes))
    return reason or checks.too_few(len(requests))


def _token_effects(
    query: Query, scope: Scope, changes: Sequence[Change]
) -> list[TokenEffect] | Refusal:
    found = []
    for change in changes:
        if isinstance(change, Tokens):
            effect = token_effect(
                query,
                scope,
                change.stage,
                input_factor=change.input_factor,
                output_factor=change.output_factor,
                output_limit=change.output_limit,
            )
            if isinstance(effect, Refusal):
                return effect
            found.append(effect)
    return found


def _sampled(requests: Requests, max_traces: int | None) -> Requests:
    if max_traces is None:
        spans = int(requests.spans.sum())
        max_traces = len(requests)
        if spans > MOST_SPANS:
            max_traces = max(1, max_traces * MOST_SPANS // spans)
    return even_sample(requests, max_traces)


def _notes(query: Query, scope: Scope, requests: Requests) -> list[str]:
    notes = []
    failed = float(requests.is_error.mean())
    if failed > 0.05:
        notes.append(f"{failed:.0%} of the requests failed; they are replayed as they ran.")
    unfinished = count_unfinished(query, scope)
    if unfinished:
        notes.append(f"{unfinished} unfinished requests are not counted.")
    return notes


def _predict_alone(query: Query, work: _Work, requests: Requests, notes: list[str]) -> Prediction:
    """Each request for itself, batch by batch."""
    before: list[Floats] = []
    after: list[Floats] = []
    for part, recorded in recordings(query, requests, work.names):
        edges = work.rewired(recorded, work.edges(recorded))
        graph = levelled(edges, len(recorded), recorded.tree.root)
        columns = [
            _replayed(recorded, work.precedence, edges, graph, factor)
            for factor in work.factors(recorded, part)
        ]
        before.append(recorded.spans.duration_ns[recorded.tree.root].astype(np.float64))
        after.append(np.stack(columns, axis=1))
        if graph.unused:
            notes.append(f"{graph.unused} waits went in a circle and were left out.")
    return finished(work, np.concatenate(before), np.concatenate(after), notes)


def _replayed(
    recorded: Recording, precedence: Precedence, edges: Edges, graph: Graph, factor: Floats
) -> Floats:
    """What each request takes; those that take up what ended first do so in the new order."""
    count = len(recorded)
    moment = replay(graph, factor)
    if precedence.counted:
        old = matched(recorded, precedence.counted, over_ns(recorded))
        new = matched(recorded, precedence.counted, moment[count:])
        if not np.array_equal(old, new):
            graph = levelled(rematched(edges, count, old, new), count, recorded.tree.root)
            moment = replay(graph, factor)
    return request_ns(graph, moment)


def finished(work: _Work, before: Floats, after: Floats, notes: list[str]) -> Prediction:
    """The figures of durations in ns, with what there is to say about them."""
    reason = _nothing_moved(work)
    if reason is not None:
        return Prediction(len(before), refused=reason)
    rng = np.random.default_rng(work.seed)
    p50, p95, p99 = percentiles(
        before.astype(np.int64), after, is_model=bool(work.effects), rng=rng
    )
    if np.array_equal(before, after[:, 0]) and after.shape[1] == 1:
        notes.append(
            "Nothing changes: this is not on the critical path of any request, so something "
            "else is waited for all the same."
        )
    notes += [note for effect in work.effects for note in effect.notes]
    notes += [*_crowd_note(work), *_assumptions(work)]
    share = _crowd_share(work)
    p50, p95, p99 = (_widened(each, share) for each in (p50, p95, p99))
    if len(before) < 200:
        notes.append(f"p99 from {len(before)} requests hangs on the slowest two or three.")
    basis = "latency_model" if work.effects else "replay"
    return Prediction(len(before), basis, p50, p95, p99, notes=tuple(notes))  # type: ignore[arg-type]  # one of the literals


def _crowd_share(work: _Work) -> float:
    """How much of the requests' time neighbours seem to add, in stages without a queue."""
    return sum(share for share in work.crowded.values() if share >= _CROWDED)


def _crowd_note(work: _Work) -> list[str]:
    names = [
        repr(name)
        for name, code in work.names.codes.items()
        if work.crowded.get(code, 0.0) >= _CROWDED
    ]
    if not names:
        return []
    return [
        f"{' and '.join(names)} took longer the more of them ran at once, which no queue explains; "
        f"that is kept as recorded, and the intervals allow for the {_crowd_share(work):.0%} of "
        "all time that it makes up."
    ]


def _too_crowded(work: _Work) -> str | None:
    share = _crowd_share(work)
    if share <= _TOO_CROWDED:
        return None
    code = max(work.crowded, key=lambda each: work.crowded[each])
    name = next(name for name, known in work.names.codes.items() if known == code)
    return (
        f"{name!r} takes much longer the more of them run at once ({share:.0%} of all time), and "
        "no queue explains how: record with fewer at once, or put a stage around what they "
        "wait for."
    )


def _widened(figure: Percentile, share: float) -> Percentile:
    """What neighbours add may vanish with the change, or come once more."""
    if figure.ci95_ms is None or share == 0:
        return figure
    low, high = figure.ci95_ms.low * (1 - share), figure.ci95_ms.high * (1 + share)
    return replace(figure, ci95_ms=Interval(low, high))


def _nothing_moved(work: _Work) -> str | None:
    for change in work.changes:
        if isinstance(change, Parallel) and work.moved == 0:
            return (
                f"{change.stage!r} and {change.other!r} never follow each other under one caller: "
                "they run together already, or one runs inside the other. Name the two stages "
                "that their common caller runs in turn."
            )
    return None


def _assumptions(work: _Work) -> list[str]:
    notes = []
    for change in work.changes:
        match change:
            case Parallel(stage, other):
                notes.append(
                    f"Holds if {other!r} does not need the result of {stage!r}, nor the other way "
                    "round, and both have the resources to run at once."
                )
            case CacheHit(stage, _):
                notes.append(
                    f"A hit takes no time, and each call of {stage!r} hits by chance, whatever it "
                    "asks for; `latprobe cache` tells which ratio your traffic allows."
                )
    return notes
