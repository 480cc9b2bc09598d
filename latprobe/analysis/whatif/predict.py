"""What the requests would take with a change, replayed one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latprobe.analysis.counted import counted
from latprobe.analysis.intervals import SEED
from latprobe.analysis.latency_model import token_effect
from latprobe.analysis.mixed_programs import mixed_programs
from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.requests import Requests, count_unfinished, even_sample, fetch_requests
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.whatif import checks
from latprobe.analysis.whatif.batches import batch_effect
from latprobe.analysis.whatif.changes import Batch, Change, Tokens
from latprobe.analysis.whatif.counted import matched, rematched
from latprobe.analysis.whatif.factors import CallEffect
from latprobe.analysis.whatif.graph import Edges, Floats, Graph, levelled
from latprobe.analysis.whatif.outcome import finished, too_crowded
from latprobe.analysis.whatif.precedence import Precedence, over_ns
from latprobe.analysis.whatif.prediction import Prediction
from latprobe.analysis.whatif.queued import Queued, predict_queued
from latprobe.analysis.whatif.recording import Recording, recordings
from latprobe.analysis.whatif.replay import replay, request_ns
from latprobe.analysis.whatif.work import Work
from latprobe.store.query import Query

# Unless said otherwise, an even sample of the requests with so many spans together is replayed.
MOST_SPANS = 1_000_000

# Who takes up whose end changes who ends when: so often that is looked at anew.
_MOST_ROUNDS = 6


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
    effects = _effects(query, scope, changes)
    if isinstance(effects, Refusal):
        return Prediction(len(requests), basis="latency_model", refused=effects.reason)
    work = Work(changes, effects, seed, spans=int(requests.spans.sum()))
    work.learn(query, requests)
    queued = Queued.look(work)
    reason = checks.raced(changes, work.names, work.precedence)
    reason = reason or checks.handed_on(changes, work.names, work.precedence)
    reason = reason or checks.cut_off(changes, work.names, work.window)
    reason = reason or checks.timed(changes, work.names, work.window) or too_crowded(work)
    if reason is not None:
        return Prediction(len(requests), refused=reason)
    if isinstance(queued, Refusal):
        return Prediction(len(requests), basis="queue", refused=queued.reason)
    notes = _notes(query, scope, requests)
    if queued is not None:
        return predict_queued(work, queued, notes)
    return _predict_alone(query, work, _sampled(requests, max_traces), notes)


def _missing(
    query: Query, scope: Scope, requests: Requests, changes: Sequence[Change]
) -> str | None:
    if len(requests) == 0:
        unfinished = count_unfinished(query, scope)
        if unfinished:
            if unfinished == 1:
                return "The only request here has not finished: wait for it, then ask."
            return f"None of the {unfinished:,} requests here has finished: wait, then ask."
        return str(nothing_found(query, scope))
    reason = checks.unknown_stage(query, scope, checks.stages_of(changes))
    reason = reason or checks.too_few(len(requests))
    if reason is not None:
        return reason
    mixed = mixed_programs(query, requests)
    return None if mixed is None else mixed.reason


def _effects(query: Query, scope: Scope, changes: Sequence[Change]) -> list[CallEffect] | Refusal:
    """What changed calls save, for the changes that go through a model of the calls."""
    found: list[CallEffect] = []
    for change in changes:
        effect: CallEffect | Refusal | None = None
        if isinstance(change, Tokens):
            effect = token_effect(
                query,
                scope,
                change.stage,
                input_factor=change.input_factor,
                output_factor=change.output_factor,
                output_limit=change.output_limit,
            )
        elif isinstance(change, Batch):
            effect = batch_effect(query, scope, change)
        if isinstance(effect, Refusal):
            return effect
        if effect is not None:
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
        is_ = "is" if unfinished == 1 else "are"
        notes.append(f"{counted(unfinished, 'unfinished request')} {is_} not counted.")
    return notes


def _predict_alone(query: Query, work: Work, requests: Requests, notes: list[str]) -> Prediction:
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
    if not precedence.counted:
        return request_ns(graph, moment)
    old = matched(recorded, precedence.counted, over_ns(recorded))
    for _ in range(_MOST_ROUNDS):
        new = matched(recorded, precedence.counted, moment[count:])
        if np.array_equal(old, new):
            break
        edges = rematched(edges, count, old, new)
        tried = levelled(edges, count, recorded.tree.root)
        if tried.unused > graph.unused:
            break
        graph, old = tried, new
        moment = replay(graph, factor)
    return request_ns(graph, moment)
